import { createHmac, timingSafeEqual } from 'node:crypto'
import type { RandomBytes } from '@sweep/spec/clock'
import { AttemptId } from '@sweep/spec/ids'
import type { Database } from '@sweep/store/database'
import { settingOrInitial } from '@sweep/store/settings'

const PREFIX = 'swp_trial_'
const TOKEN = /^swp_trial_([0-9a-z-]{5,40})\.(\d{1,9})\.([A-Za-z0-9_-]{43})$/

/**
 * Tokens of attempts, `swp_trial_<attempt>.<epoch>.<hmac>`. They are signed rather than stored: one is made for every
 * claim, and whether it still holds is read off the attempt itself.
 */
export class AttemptTokens {
  readonly #key: Buffer

  constructor(key: Buffer) {
    this.#key = key
  }

  /** With the key that all services of one database share; the first one to start makes it. */
  static async load(database: Database, randomBytes: RandomBytes): Promise<AttemptTokens> {
    const fresh = Buffer.from(randomBytes(32)).toString('hex')
    return new AttemptTokens(Buffer.from(String(await settingOrInitial(database, 'attempt-token-key', fresh)), 'hex'))
  }

  sign(attemptId: AttemptId, epoch: number): string {
    return `${PREFIX}${attemptId}.${epoch}.${this.#mac(attemptId, epoch).toString('base64url')}`
  }

  /** The attempt and epoch of a token that we signed. */
  verify(token: string): { readonly attemptId: AttemptId; readonly epoch: number } | undefined {
    const match = TOKEN.exec(token)
    const attemptId = AttemptId.safeParse(match?.[1])
    if (match === null || !attemptId.success) return undefined
    const epoch = Number(match[2])
    const given = Buffer.from(match[3] ?? '', 'base64url')
    const expected = this.#mac(attemptId.data, epoch)
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    return { attemptId: attemptId.data, epoch }
  }

  #mac(attemptId: AttemptId, epoch: number): Buffer {
    return createHmac('sha256', this.#key).update(`${attemptId}.${epoch}`).digest()
  }
}
