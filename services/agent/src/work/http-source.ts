import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import type { RoomOffer, ServerApi } from '../server/server-api.ts'
import type { WorkSource } from './work-source.ts'

/** Asks the server, which holds the request until there is something. */
export class HttpSource implements WorkSource {
  readonly #api: ServerApi

  constructor(api: ServerApi) {
    this.#api = api
  }

  async claim({ room, max }: RoomOffer, waitMs: number, signal: AbortSignal): Promise<readonly Assignment[]> {
    return (await this.#api.claim(room, max, waitMs, signal)).assignments
  }
}
