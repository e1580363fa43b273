import { API_SERVER_BEAT_MS, forgetApiServer, noteApiServer } from '@sweep/store/api-servers'
import type { Database } from '@sweep/store/database'
import type { Logger } from 'pino'

/** Says again and again that this server is up, until closed. */
export class ApiLiveness {
  readonly #database: Database
  readonly #id: string
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #isClosed = false
  #beat: Promise<void>

  constructor(database: Database, id: string, log: Logger) {
    this.#database = database
    this.#id = id
    this.#log = log
    this.#beat = this.#note()
    this.#timer = setInterval(() => {
      // One that waits for a slow Postgres is enough.
      this.#beat = this.#beat.then(() => this.#note())
    }, API_SERVER_BEAT_MS)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#beat
    await forgetApiServer(this.#database, this.#id).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'this server is still down as being up')
    })
  }

  async #note(): Promise<void> {
    if (this.#isClosed) return
    try {
      await noteApiServer(this.#database, this.#id)
    } catch (error) {
      this.#log.warn({ err: error }, 'could not say that this server is up')
    }
  }
}
