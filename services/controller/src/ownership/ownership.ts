import type { SweepId } from '@sweep/spec/ids'
import { acquireSweeps, type OwnedSweep, releaseSweeps, renewSweeps } from '@sweep/store/ownership'
import type { ControllerContext } from '../context.ts'

export interface OwnershipChanges {
  /** Sweeps that this controller may act on, with the epoch its actions must carry. */
  readonly owned: readonly OwnedSweep[]
}

/** Which sweeps are ours, and until when we may believe it. */
export class Ownership {
  readonly #context: ControllerContext
  #owned: ReadonlyMap<SweepId, OwnedSweep> = new Map()
  /** By our own monotonic clock, counted from before the request: never later than what Postgres stored. */
  #goodUntil = Number.NEGATIVE_INFINITY

  constructor(context: ControllerContext) {
    this.#context = context
  }

  /** Renews what is ours and takes what is nobody's. Returns all that is ours now. */
  async round(): Promise<readonly OwnedSweep[]> {
    const { database, controllerId, settings } = this.#context
    const sentAt = performance.now()
    const kept = await renewSweeps(database, controllerId, settings.controllerLeaseMs)
    const taken = await acquireSweeps(database, controllerId, settings.controllerLeaseMs)
    this.#goodUntil = sentAt + settings.controllerLeaseMs
    this.#owned = new Map([...kept, ...taken].map((sweep) => [sweep.id, sweep]))
    return [...this.#owned.values()]
  }

  /** False once the lease must be taken to have run out, because it could not be renewed. */
  get isGood(): boolean {
    return performance.now() < this.#goodUntil
  }

  async release(): Promise<void> {
    await releaseSweeps(this.#context.database, this.#context.controllerId)
  }
}
