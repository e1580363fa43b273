import type { SweepId } from '@sweep/spec/ids'
import { loadPoolAgents, loadPoolSweeps, type PoolAgent, type PoolSweep } from '@sweep/store/pool'
import type { ControllerContext } from '../context.ts'
import type { AgentView, SweepView, View } from '../planning/view.ts'
import type { OwnedSweep } from './owned-sweep.ts'

/** Agents and the sweeps of others are looked at again after this time even when nobody said that they changed. */
const STALE_MS = 1000
/** For how long room is left for a sweep of another controller that doesn't take it, and how soon it is offered again. */
const OFFER_MS = 3000
const OFFER_AGAIN_MS = 30_000

interface Foreign {
  outstanding: number
  offeredAt: number
}

/** What the pool looked like a moment ago. */
export class PoolWatch {
  readonly #context: ControllerContext
  #agents: readonly PoolAgent[] = []
  #sweeps: readonly PoolSweep[] = []
  #loadedAt = Number.NEGATIVE_INFINITY
  readonly #foreign = new Map<SweepId, Foreign>()

  constructor(context: ControllerContext) {
    this.#context = context
  }

  /** Agents came or went: look again. */
  invalidate(): void {
    this.#loadedAt = Number.NEGATIVE_INFINITY
  }

  /** Looks again when what is known is old. */
  async refresh(owned: ReadonlyMap<SweepId, OwnedSweep>): Promise<void> {
    const now = this.#context.clock.now()
    if (now - this.#loadedAt < STALE_MS) return
    const { database } = this.#context
    const [agents, sweeps] = await Promise.all([loadPoolAgents(database), loadPoolSweeps(database)])
    this.#loadedAt = now
    this.#agents = agents
    this.#sweeps = sweeps
    for (const sweep of sweeps) {
      const own = owned.get(sweep.id)
      if (own) own.sharePass = Math.max(own.sharePass, sweep.sharePass)
    }
    this.#watchForeign(owned, now)
  }

  view(owned: ReadonlyMap<SweepId, OwnedSweep>): View {
    const now = this.#context.clock.now()
    const sweeps: SweepView[] = []
    for (const sweep of owned.values()) {
      if (!sweep.isCaughtUp || sweep.isOver) continue
      sweeps.push({
        id: sweep.id,
        state: sweep.fold.state,
        queue: sweep.queue,
        shape: sweep.shape,
        launcher: sweep.launcher,
        priority: sweep.fold.limits.priority,
        parallelism: sweep.fold.limits.parallelism,
        outstanding: sweep.outstanding,
        sharePass: sweep.sharePass,
        own: sweep.view(now),
        claimsRoom: false,
      })
    }
    for (const sweep of this.#sweeps) {
      if (owned.has(sweep.id)) continue
      sweeps.push({
        ...sweep,
        parallelism: sweep.parallelism ?? undefined,
        own: undefined,
        claimsRoom: this.#claims(sweep, now),
      })
    }
    return { agents: this.#agents.map(agentView), sweeps }
  }

  /**
   * Nothing tells whether the sweep of another controller would issue more trials. It is believed to for as long as it
   * takes what it is left: after `OFFER_MS` in vain others get the room, and it is asked again now and then.
   */
  #watchForeign(owned: ReadonlyMap<SweepId, OwnedSweep>, now: number): void {
    const there = new Set<SweepId>()
    for (const sweep of this.#sweeps) {
      if (owned.has(sweep.id)) continue
      there.add(sweep.id)
      const known = this.#foreign.get(sweep.id)
      const grew = known !== undefined && sweep.outstanding > known.outstanding
      if (!known || grew || now - known.offeredAt > OFFER_AGAIN_MS) {
        this.#foreign.set(sweep.id, { outstanding: sweep.outstanding, offeredAt: now })
      } else {
        known.outstanding = sweep.outstanding
      }
    }
    for (const id of this.#foreign.keys()) if (!there.has(id)) this.#foreign.delete(id)
  }

  #claims(sweep: PoolSweep, now: number): boolean {
    const known = this.#foreign.get(sweep.id)
    return sweep.state === 'running' && known !== undefined && now - known.offeredAt < OFFER_MS
  }
}

function agentView(agent: PoolAgent): AgentView {
  return {
    name: agent.name,
    queues: agent.queues,
    launchers: agent.launchers,
    labels: agent.labels,
    slots: agent.slots,
    cpus: agent.cpus,
    memoryBytes: agent.memoryBytes,
    blocked: agent.room?.blocked,
  }
}
