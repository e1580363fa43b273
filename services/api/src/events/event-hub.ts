import type { Database } from '@sweep/store/database'
import { CHANNELS, type Channel, type Listener, listen } from '@sweep/store/listen'
import type { Logger } from 'pino'

/** Called with what changed, or with undefined when something may have been missed and all must be looked at again. */
export type OnNotify = (payload: string | undefined) => void

/** Spreads the notifications of Postgres inside this process. */
export class EventHub {
  readonly #listeners = new Map<Channel, Set<OnNotify>>()
  #source: Listener | undefined

  async open(database: Database, log: Logger): Promise<void> {
    this.#source = await listen(database, {
      channels: CHANNELS,
      onNotify: (channel, payload) => this.#emit(channel, payload),
      onReconnect: () => {
        for (const channel of CHANNELS) this.#emit(channel, undefined)
      },
      onError: (error) => log.warn({ err: error }, 'not listening to the database'),
    })
  }

  /** @returns takes the subscription back */
  on(channel: Channel, onNotify: OnNotify): () => void {
    let listeners = this.#listeners.get(channel)
    if (listeners === undefined) {
      listeners = new Set()
      this.#listeners.set(channel, listeners)
    }
    listeners.add(onNotify)
    return () => listeners.delete(onNotify)
  }

  async close(): Promise<void> {
    await this.#source?.close()
  }

  #emit(channel: Channel, payload: string | undefined): void {
    for (const onNotify of this.#listeners.get(channel) ?? []) onNotify(payload)
  }
}
