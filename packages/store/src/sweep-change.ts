import { SweepError } from '@sweep/spec/errors'
import type { FactBody } from '@sweep/spec/facts'
import type { SweepId } from '@sweep/spec/ids'
import { type Aims, type SideMetric, sideMetrics } from '@sweep/spec/objectives'
import { queueNameOf } from '@sweep/spec/queue-name'
import type { SweepState } from '@sweep/spec/sweep-state'
import { TRIAL_STATES, type TrialState } from '@sweep/spec/trial'
import type { Queryable } from './database.ts'
import { packFacts } from './fact-codec.ts'
import { jsonText } from './json-text.ts'
import { type AimColumns, aimsOf } from './side-values.ts'

/** What a transaction needs to know of the sweep whose row it has locked. */
export interface LockedSweep extends AimColumns {
  readonly id: SweepId
  readonly state: SweepState
  readonly waiting_reason: string | null
  readonly fact_seq: number
  readonly created_trials: number
  readonly outstanding: number
  readonly running: number
  readonly parallelism: number | null
  readonly priority: number
  readonly budget_trials: number | null
  readonly budget_wall_ms: number | null
  readonly budget_gpu_seconds: number | null
  readonly retry_max: number
  readonly retry_lost_max: number
  readonly best_loss: number | null
  readonly queue: string
  readonly shape_key: string
  readonly launcher: string
  readonly shape_gpus: number | null
  readonly owner_epoch: number
  readonly started: boolean
}

const LOCK = {
  name: 'sweep-lock',
  text: `select id, state, waiting_reason, fact_seq, created_trials, outstanding, running, parallelism, priority,
                budget_trials, budget_wall_ms, budget_gpu_seconds, metric_name, metric_goal, metric_target,
                metric_summary, objectives, constraints, retry_max, retry_lost_max, best_loss, queue, shape_key, launcher, (shape ->> 'gpus')::float8 as shape_gpus,
                owner_epoch, started_at is not null as started
           from sweeps where id = $1 for no key update`,
}

/** Throws `fenced` unless `ownerEpoch` is the sweep's. */
export function checkOwner(sweep: LockedSweep, ownerEpoch: number): void {
  if (sweep.owner_epoch === ownerEpoch) return
  throw new SweepError('fenced', `Sweep ${sweep.id} has another owner: epoch ${sweep.owner_epoch}, not ${ownerEpoch}.`)
}

/** Where the tickets of the sweep's attempts go. */
export function ticketQueue(sweep: LockedSweep): string {
  return queueNameOf(sweep.queue, sweep.shape_key, sweep.launcher)
}

const SETTLE = {
  name: 'sweep-settle',
  text: `with appended as (
           insert into fact_batches (sweep_id, last_seq, count, facts) select $1, $2::int8 + $18::int, $18, $3::json where $18 > 0)
         update sweeps set
           fact_seq = fact_seq + $18,
           ${TRIAL_STATES.map((state, index) => `trials_${state} = trials_${state} + $${index + 4}`).join(', ')},
           gpu_seconds = gpu_seconds + $11,
           share_pass = share_pass + $12,
           best_trial = coalesce($13, best_trial),
           best_value = coalesce($14, best_value),
           best_loss = coalesce($15, best_loss),
           started_at = case when $16 then coalesce(started_at, now()) else started_at end,
           waiting_reason = case when $17 then null else waiting_reason end
         where id = $1 and fact_seq = $2`,
}

/**
 * What a transaction does to a locked sweep: facts and counters, gathered while it goes and stored by `store` at its
 * end in one statement, so that they can't disagree.
 */
export class SweepChange {
  readonly sweep: LockedSweep
  readonly aims: Aims
  /** By name, in the order of `sideMetrics`. */
  readonly sideMetrics: ReadonlyMap<string, SideMetric>
  readonly #facts: FactBody[] = []
  readonly #counts = new Map<TrialState, number>()
  #gpuSeconds = 0
  #sharePass = 0
  #best: { trial: number; value: number; loss: number } | undefined
  #starts = false
  #admits = false

  private constructor(sweep: LockedSweep) {
    this.sweep = sweep
    this.aims = aimsOf(sweep)
    this.sideMetrics = new Map(sideMetrics(this.aims).map((metric) => [metric.name, metric]))
  }

  /**
   * Locks the sweep's row until the transaction ends; undefined when there is no such sweep. Every change of a sweep,
   * its trials and its attempts' states happens under this lock, so what is read after it stays true. A transaction
   * that needs several sweeps locks them by id, ascending.
   */
  static async begin(tx: Queryable, id: SweepId): Promise<SweepChange | undefined> {
    const { rows } = await tx.query<LockedSweep>(LOCK, [id])
    return rows[0] && new SweepChange(rows[0])
  }

  get changed(): boolean {
    return this.#facts.length > 0
  }

  fact(...facts: readonly FactBody[]): void {
    this.#facts.push(...facts)
  }

  /** A trial goes from a state (none: it is new) to another. */
  move(from: TrialState | undefined, to: TrialState): void {
    if (from !== undefined) this.#counts.set(from, (this.#counts.get(from) ?? 0) - 1)
    this.#counts.set(to, (this.#counts.get(to) ?? 0) + 1)
  }

  /** Trials with attempts queued or running, after the changes so far. */
  get running(): number {
    return this.sweep.running + (this.#counts.get('running') ?? 0)
  }

  addGpuSeconds(seconds: number): void {
    this.#gpuSeconds += seconds
  }

  /** The sweep was given its share once more, see fair share. */
  admit(): void {
    this.#sharePass += 1 / this.sweep.priority
    this.#admits = true
  }

  /** An attempt was claimed; the wall-clock budget runs from the first. */
  start(): void {
    this.#starts = true
  }

  /** Keeps the best trial, of those that keep to the constraints; at equal loss the one that was there first. */
  offerBest(trial: number, value: number, loss: number): void {
    const best = this.#best?.loss ?? this.sweep.best_loss
    if (best === null || best === undefined || loss < best) this.#best = { trial, value, loss }
  }

  async store(tx: Queryable): Promise<void> {
    const { rowCount } = await tx.query(SETTLE, [
      this.sweep.id,
      this.sweep.fact_seq,
      jsonText(packFacts(this.#facts)),
      ...TRIAL_STATES.map((state) => this.#counts.get(state) ?? 0),
      this.#gpuSeconds,
      this.#sharePass,
      this.#best?.trial ?? null,
      this.#best?.value ?? null,
      this.#best?.loss ?? null,
      this.#starts,
      this.#admits,
      this.#facts.length,
    ])
    if (rowCount !== 1) throw new Error(`sweep ${this.sweep.id} changed under its lock`)
  }
}
