import { SweepError } from '@sweep/spec/errors'
import { newId, SweepId } from '@sweep/spec/ids'
import { listen } from '@sweep/store/listen'
import { compactAttempts } from '@sweep/store/metrics'
import { budgetUse } from '@sweep/store/sweep-control'
import { sweepDefinition } from '@sweep/store/sweeps'
import { summariseRunning } from '@sweep/store/tracking/summarise'
import { type Coalesced, coalesced } from './coalesced.ts'
import type { ControllerContext, ControllerDependencies } from './context.ts'
import { crashPoints } from './crash-point.ts'
import { HealthWatch } from './health/health-watch.ts'
import { ControllerMonitoring } from './monitoring.ts'
import { Ownership } from './ownership/ownership.ts'
import { plan } from './planning/plan.ts'
import type { Action } from './planning/view.ts'
import { act } from './reconciling/act.ts'
import { advance } from './reconciling/advance.ts'
import { OwnedSweep } from './reconciling/owned-sweep.ts'
import { PoolWatch } from './reconciling/pool-watch.ts'
import { Sweeper } from './reconciling/sweeper.ts'
import type { ControllerSettings } from './settings.ts'

const TICK_MS = 1000
const SWEEPER_MS = 2000

/** Packing is in no hurry and leaves the database to others in between. */
const PACK_MS = 5000
const SUMMARISE_MS = 5000
const HEALTH_MS = 5000
const PACK_AGAIN_MS = 200
const MOST_PACKED = 20
const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 5000
const STOP_MS = 5000
/** Steps in a row that fail before it counts as unwell: a few seconds of a database that is away. */
const MANY_FAILURES = 10

export interface Controller {
  /** What it has been failing at for a while, in words; undefined while it works. */
  whyUnhealthy(): string | undefined
  /** Finishes what is under way, gives the sweeps back and stops listening. The database and the queue stay open. */
  stop(): Promise<void>
}

/**
 * Starts to reconcile: takes the sweeps that nobody owns, folds their facts, and does what `plan` says, whenever
 * something changes and once a second anyway. Resolves once it listens; throws `unavailable` when Postgres can't be
 * reached yet.
 */
export async function startController(
  settings: ControllerSettings,
  dependencies: ControllerDependencies,
): Promise<Controller> {
  const controllerId = newId(dependencies.randomBytes)
  const log = dependencies.log.child({ controllerId })
  const reconciler = new Reconciler({
    ...dependencies,
    log,
    settings,
    controllerId,
    crash: crashPoints(settings.crashAt),
    monitoring: new ControllerMonitoring(dependencies.metrics),
  })
  await reconciler.start()
  return reconciler
}

class Reconciler implements Controller {
  readonly #context: ControllerContext
  readonly #ownership: Ownership
  readonly #pool: PoolWatch
  readonly #sweeper: Sweeper
  readonly #sweeps = new Map<SweepId, OwnedSweep>()
  /** Sweeps of others and of nobody yet that were heard of: taken, if they can be, at the next round. */
  readonly #heardOf = new Set<SweepId>()
  readonly #dirty = new Set<SweepId>()
  /** When facts were last folded, and when they will be again for sweeps that are in no hurry. */
  #foldedAt = Number.NEGATIVE_INFINITY
  #foldDue = Number.POSITIVE_INFINITY
  #foldTimer: NodeJS.Timeout | undefined
  readonly #folding: Coalesced
  readonly #admitting: Coalesced
  readonly #owning: Coalesced
  readonly #sweeping: Coalesced
  readonly #packing: Coalesced
  readonly #summarising: Coalesced
  readonly #watchingHealth: Coalesced
  readonly #health: HealthWatch
  readonly #timers = new Set<NodeJS.Timeout>()
  #budgetTimer: NodeJS.Timeout | undefined
  #listener: { close(): Promise<void> } | undefined
  #failures = 0
  #stopping: Promise<void> | undefined

  constructor(context: ControllerContext) {
    this.#context = context
    this.#ownership = new Ownership(context)
    this.#pool = new PoolWatch(context)
    this.#sweeper = new Sweeper(context)
    this.#health = new HealthWatch(context)
    this.#folding = this.#loop('fold', () => this.#fold())
    this.#admitting = this.#loop('admit', () => this.#admit())
    this.#owning = this.#loop('own', () => this.#own())
    this.#sweeping = this.#loop('sweep', () => this.#sweeper.round(SWEEPER_MS))
    this.#packing = this.#loop('pack', () => this.#pack())
    this.#summarising = this.#loop('summarise', async () => {
      await summariseRunning(this.#context.database)
    })
    this.#watchingHealth = this.#loop('health', () => this.#health.round())
  }

  async start(): Promise<void> {
    this.#listener = await listen(this.#context.database, {
      channels: ['sweep_changed', 'agent_changed'],
      onNotify: (channel, payload) => (channel === 'agent_changed' ? this.#poolChanged() : this.#changed(payload)),
      // Whatever was said in between was not heard.
      onReconnect: () => {
        this.#poolChanged()
        this.#lookAtAll()
      },
      onError: (error) => this.#context.log.warn({ err: error }, 'listening was interrupted'),
    })
    this.#every(TICK_MS, () => this.#lookAtAll())
    this.#every(this.#context.settings.controllerLeaseMs / 3, () => this.#owning.trigger())
    this.#every(SWEEPER_MS, () => this.#sweeping.trigger())
    this.#every(PACK_MS, () => this.#packing.trigger())
    this.#every(SUMMARISE_MS, () => this.#summarising.trigger())
    this.#every(HEALTH_MS, () => this.#watchingHealth.trigger())
    this.#owning.trigger()
    this.#sweeping.trigger()
  }

  whyUnhealthy(): string | undefined {
    return this.#failures >= MANY_FAILURES ? `${this.#failures} steps in a row failed; the log says why` : undefined
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Points of attempts that have ended take less room, and are read faster, packed by metric. */
  async #pack(): Promise<void> {
    const packed = await compactAttempts(this.#context.database, MOST_PACKED)
    if (packed === MOST_PACKED) this.#later(PACK_AGAIN_MS, () => this.#packing.trigger())
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    clearTimeout(this.#budgetTimer)
    clearTimeout(this.#foldTimer)
    const atWork = [this.#folding, this.#admitting, this.#owning, this.#sweeping]
    const afterwards = [this.#packing, this.#summarising, this.#watchingHealth]
    await within(STOP_MS, Promise.all([...atWork, ...afterwards].map((loop) => loop.stop())))
    this.#context.crash('in-shutdown')
    try {
      await this.#ownership.release()
      await this.#health.release()
    } catch (error) {
      // Their leases run out by themselves.
      this.#context.log.warn({ err: error }, 'sweeps could not be given back')
    }
    await this.#listener?.close()
  }

  #changed(payload: string): void {
    const id = SweepId.safeParse(payload)
    if (!id.success) return
    const sweep = this.#sweeps.get(id.data)
    if (sweep) {
      this.#dirty.add(id.data)
      this.#foldWithin(sweep.patienceMs)
    } else if (!this.#heardOf.has(id.data)) {
      this.#heardOf.add(id.data)
      this.#owning.trigger()
    }
  }

  /** Folds once `ms` have passed since the last time, which may be now. */
  #foldWithin(ms: number): void {
    const due = this.#foldedAt + ms
    if (due <= performance.now()) this.#folding.trigger()
    else if (due < this.#foldDue) {
      clearTimeout(this.#foldTimer)
      this.#foldDue = due
      this.#foldTimer = setTimeout(() => this.#folding.trigger(), due - performance.now())
    }
  }

  #poolChanged(): void {
    this.#pool.invalidate()
    this.#admitting.trigger()
  }

  #lookAtAll(): void {
    for (const id of this.#sweeps.keys()) this.#dirty.add(id)
    this.#folding.trigger()
    this.#admitting.trigger()
  }

  async #own(): Promise<void> {
    const owned = await this.#ownership.round()
    const epochs = new Map(owned.map((sweep) => [sweep.id, sweep.ownerEpoch]))
    for (const sweep of this.#sweeps.values()) if (epochs.get(sweep.id) !== sweep.ownerEpoch) this.#drop(sweep, 'lost')
    for (const { id, ownerEpoch } of owned) {
      if (this.#sweeps.has(id)) continue
      const { document } = await sweepDefinition(this.#context.database, id)
      this.#sweeps.set(id, new OwnedSweep(id, ownerEpoch, document))
      this.#context.log.info({ sweepId: id, ownerEpoch }, 'sweep taken')
      this.#dirty.add(id)
    }
    this.#context.monitoring.sweeps.set(this.#sweeps.size)
    // Those of others may become nobody's later; until then each of their changes is no reason to ask again.
    if (this.#heardOf.size > 10_000) this.#heardOf.clear()
    this.#pool.invalidate()
    this.#folding.trigger()
  }

  async #fold(): Promise<void> {
    if (!this.#ownership.isGood) return
    const ids = [...this.#dirty]
    this.#dirty.clear()
    clearTimeout(this.#foldTimer)
    this.#foldDue = Number.POSITIVE_INFINITY
    this.#foldedAt = performance.now()
    let changed = false
    await this.#forEach(ids, async (sweep) => {
      if ((await advance(this.#context, sweep)) > 0) changed = true
      if (sweep.isOver) this.#drop(sweep, 'over')
    })
    if (changed) this.#admitting.trigger()
  }

  async #admit(): Promise<void> {
    if (this.#sweeps.size === 0 || !this.#ownership.isGood) return
    await this.#pool.refresh(this.#sweeps)
    await this.#refreshBudgets()
    const actions = new Map<SweepId, Action[]>()
    for (const action of plan(this.#pool.view(this.#sweeps))) {
      actions.set(action.sweepId, [...(actions.get(action.sweepId) ?? []), action])
    }
    await this.#forEach([...actions.keys()], async (sweep) => {
      for (const action of actions.get(sweep.id) ?? []) {
        if (await act(this.#context, sweep, action)) this.#dirty.add(sweep.id)
      }
    })
    if (this.#dirty.size > 0) this.#folding.trigger()
  }

  /** Budgets of time are measured by Postgres; in between, the time since then is added. */
  async #refreshBudgets(): Promise<void> {
    let soonest = Number.POSITIVE_INFINITY
    for (const sweep of this.#sweeps.values()) {
      if (!sweep.hasTimedBudget || !sweep.isCaughtUp) continue
      const now = this.#context.clock.now()
      if (!sweep.budget || now - sweep.budget.at >= TICK_MS / 2) {
        const use = await budgetUse(this.#context.database, sweep.id)
        if (use) sweep.budget = { use, at: now }
      }
      soonest = Math.min(soonest, sweep.budgetLeftMs() ?? soonest)
    }
    clearTimeout(this.#budgetTimer)
    // The tick would notice too, up to a second late.
    if (soonest < TICK_MS) this.#budgetTimer = setTimeout(() => this.#admitting.trigger(), soonest + 1)
  }

  /** Works on several sweeps at once. One that turned out to be somebody else's is dropped, and the others go on. */
  async #forEach(ids: readonly SweepId[], work: (sweep: OwnedSweep) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled(
      ids.map(async (id) => {
        const sweep = this.#sweeps.get(id)
        if (!sweep) return
        try {
          await work(sweep)
        } catch (error) {
          if (error instanceof SweepError && error.code === 'fenced') {
            this.#drop(sweep, 'lost')
            return
          }
          this.#dirty.add(id)
          // A gap in the facts or a fold that broke: start over from the stored facts rather than go on with half of it.
          if (!(error instanceof SweepError && error.retryable)) this.#sweeps.set(id, freshFrom(sweep))
          throw error
        }
      }),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
  }

  #drop(sweep: OwnedSweep, why: 'lost' | 'over'): void {
    if (this.#sweeps.get(sweep.id) !== sweep) return
    this.#sweeps.delete(sweep.id)
    this.#dirty.delete(sweep.id)
    this.#heardOf.add(sweep.id)
    this.#context.monitoring.sweeps.set(this.#sweeps.size)
    // As it is known from the pool it would now pass for the sweep of somebody else.
    this.#pool.invalidate()
    this.#context.log.info({ sweepId: sweep.id, why }, 'sweep let go')
  }

  /** A loop that outlives its failures: Postgres may be away for a while, and what was to be done is done when it is back. */
  #loop(name: string, work: () => Promise<void>): Coalesced {
    const loop = coalesced(async () => {
      try {
        await work()
        this.#failures = 0
      } catch (error) {
        this.#failures += 1
        const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.#failures, 10))
        const level = error instanceof SweepError && error.retryable ? 'warn' : 'error'
        this.#context.log[level]({ err: error, loop: name, backoffMs }, 'a step failed and will be tried again')
        this.#later(backoffMs, () => loop.trigger())
      }
    })
    return loop
  }

  #later(ms: number, work: () => void): void {
    if (this.#stopping) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, ms)
    this.#timers.add(timer)
  }

  /** Again and again, a tenth earlier or later each time, so that several controllers do not march in step. */
  #every(ms: number, work: () => void): void {
    const [byte = 0] = this.#context.randomBytes(1)
    this.#later(ms * (0.9 + (0.2 * byte) / 255), () => {
      work()
      this.#every(ms, work)
    })
  }
}

function freshFrom(sweep: OwnedSweep): OwnedSweep {
  return new OwnedSweep(sweep.id, sweep.ownerEpoch, sweep.fold.document)
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    work.then(done, done)
  })
}
