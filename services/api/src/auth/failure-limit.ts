import type { Clock } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'

const BURST = 50
const PER_SECOND = 10
const MOST_ADDRESSES = 10_000

/** Slows down whoever tries many tokens, so that guessing costs the database nothing. Tokens that work are not counted. */
export class FailureLimit {
  readonly #clock: Clock
  readonly #levels = new Map<string, { level: number; atMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws SweepError `too-many-requests` */
  check(address: string): void {
    if (this.#level(address) < BURST) return
    throw new SweepError('too-many-requests', 'too many requests with tokens that are not known', {
      hint: 'Check SWEEP_TOKEN and try again in a few seconds.',
      retryable: true,
    })
  }

  count(address: string): void {
    if (this.#levels.size >= MOST_ADDRESSES) this.#levels.clear()
    this.#levels.set(address, { level: this.#level(address) + 1, atMs: this.#clock.now() })
  }

  #level(address: string): number {
    const known = this.#levels.get(address)
    if (known === undefined) return 0
    const leakedSince = Math.max(0, this.#clock.now() - known.atMs) / 1000
    return Math.max(0, known.level - leakedSince * PER_SECOND)
  }
}
