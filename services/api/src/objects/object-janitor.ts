import { contentKey } from '@sweep/objects/content'
import type { ObjectStore } from '@sweep/objects/object-store'
import { POPULATION_METHODS } from '@sweep/spec/document/sweep-document'
import { dropCheckpoints, dropEndedCheckpoints } from '@sweep/store/checkpoints'
import type { Database } from '@sweep/store/database'
import { removeRetired, retireUnused, storedBytes } from '@sweep/store/objects'
import type { Logger } from 'pino'
import type { ObjectSettings } from './object-settings.ts'

const CLEAN_EVERY_MS = 60_000
const AT_ONCE = 200

export interface JanitorOptions {
  readonly database: Database
  readonly objects: ObjectStore
  readonly settings: ObjectSettings
  readonly log: Logger
}

/**
 * Drops checkpoints that nothing needs any more, and deletes the objects that nothing refers to. Several may do so at
 * once: rows are locked, and a deletion may be repeated.
 */
export class ObjectJanitor {
  readonly #options: JanitorOptions
  #timer: NodeJS.Timeout | undefined
  #cleaning: Promise<void> = Promise.resolve()

  constructor(options: JanitorOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#cleaning = this.clean().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'object store not cleaned')
      })
    }, CLEAN_EVERY_MS)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#cleaning
  }

  async clean(): Promise<void> {
    const { database, log, settings } = this.#options
    const { bestKept, quotaBytes } = settings
    let dropped = await dropCheckpoints(database, { bestKept, populations: POPULATION_METHODS })
    if (quotaBytes !== undefined) {
      const excess = (await storedBytes(database)) - quotaBytes
      if (excess > 0) dropped += await dropEndedCheckpoints(database, excess)
    }
    const deleted = await this.#deleteUnused()
    if (dropped + deleted > 0) log.info({ checkpoints: dropped, objects: deleted }, 'object store cleaned')
  }

  async #deleteUnused(): Promise<number> {
    const { database, objects } = this.#options
    let deleted = 0
    for (;;) {
      const retired = await retireUnused(database, AT_ONCE)
      for (const sha256 of retired) {
        if (await removeRetired(database, sha256, () => objects.delete(contentKey(sha256)))) deleted += 1
      }
      if (retired.length < AT_ONCE) return deleted
    }
  }
}
