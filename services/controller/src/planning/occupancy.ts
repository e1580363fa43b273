import { shapeKey } from '@sweep/spec/queue-name'
import { fits, serves } from './capacity.ts'
import type { AgentView, SweepView } from './view.ts'

/**
 * How full the pool is, seen from one kind of trial: sweeps of different shapes and queues compete where they share
 * agents, and one big trial takes the place of several small ones there.
 *
 * A sweep's attempts are taken to spread over the agents that can run them in proportion to what each can hold.
 */
export class Occupancy {
  readonly #kinds = new Map<string, Kind>()
  readonly #agents: readonly AgentView[]

  constructor(agents: readonly AgentView[], sweeps: readonly SweepView[]) {
    this.#agents = agents
    for (const sweep of sweeps) this.#kind(sweep)
    for (const sweep of sweeps) this.add(sweep, sweep.outstanding)
  }

  /** How many attempts of this kind the pool holds when nothing else runs. */
  capacity(sweep: SweepView): number {
    return this.#kind(sweep).capacity
  }

  /** Attempts outstanding on the agents of this kind, counted in attempts of this kind. */
  used(sweep: SweepView): number {
    return this.#kind(sweep).used
  }

  /** `count` more attempts of `sweep`. */
  add(sweep: SweepView, count: number): void {
    const from = this.#kind(sweep)
    for (const kind of this.#kinds.values()) kind.used += count * this.weight(from, kind)
  }

  /** What one attempt of `from` takes up, counted in attempts of `kind`. */
  weight(from: Kind, kind: Kind): number {
    // A sweep that fits nowhere runs nowhere, so its queued attempts are in nobody's way.
    if (from.capacity === 0) return 0
    let shared = 0
    for (const [index, fit] of kind.fits.entries()) if ((from.fits[index] ?? 0) > 0) shared += fit
    return shared / from.capacity
  }

  kindOf(sweep: SweepView): Kind {
    return this.#kind(sweep)
  }

  #kind(sweep: SweepView): Kind {
    const key = `${sweep.queue} ${shapeKey(sweep.shape)} ${sweep.launcher}`
    const known = this.#kinds.get(key)
    if (known) return known
    const all = this.#agents.map((agent) => (serves(agent, sweep) ? fits(agent, sweep.shape) : 0))
    const kind: Kind = { fits: all, capacity: all.reduce((sum, fit) => sum + fit, 0), used: 0 }
    this.#kinds.set(key, kind)
    return kind
  }
}

export interface Kind {
  /** By agent. */
  readonly fits: readonly number[]
  readonly capacity: number
  used: number
}
