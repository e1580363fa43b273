import { type Budget, type Constraint, type Metric, SweepDocument } from '@sweep/spec/document/sweep-document'
import type { SweepId } from '@sweep/spec/ids'
import type { Config } from '@sweep/spec/search-space'
import type { SweepState } from '@sweep/spec/sweep-state'
import { Shape } from '@sweep/spec/wire/agent-protocol'
import type { TrialCounts } from '@sweep/spec/wire/api'
import { type BestRecord, HAS_REPLICATES } from './best-config.ts'
import { type AimColumns, aimsOf } from './side-values.ts'

/** What a sweep has come to. */
export interface SweepRecord {
  readonly id: SweepId
  readonly name: string
  readonly project: string
  readonly state: SweepState
  /** Why it ended or is ending. */
  readonly reason: string | null
  /** Why nothing starts though something could. */
  readonly waiting: string | null
  readonly method: SweepDocument['method']
  readonly metric: Metric | null
  /** Of a sweep with several, all of them; null otherwise. */
  readonly objectives: readonly Metric[] | null
  readonly constraints: readonly Constraint[] | null
  readonly seed: number
  readonly queue: string
  readonly shape: Shape
  readonly shapeKey: string
  readonly priority: number
  readonly parallelism: number | null
  readonly budget: Budget
  readonly factSeq: number
  readonly createdTrials: number
  /** Attempts queued or running. */
  readonly outstanding: number
  readonly running: number
  readonly trials: TrialCounts
  readonly best: BestRecord | null
  /** GPU-seconds of ended attempts. */
  readonly gpuSeconds: number
  readonly sharePass: number
  readonly createdAt: Date
  /** First claim of an attempt. */
  readonly startedAt: Date | null
  readonly endedAt: Date | null
}

/** A row of `sweeps` joined with its project and its best trial. */
export interface SweepRow extends AimColumns {
  readonly id: SweepId
  readonly name: string
  readonly project: string
  readonly state: SweepState
  readonly state_reason: string | null
  readonly waiting_reason: string | null
  readonly method: string
  readonly seed: number
  readonly queue: string
  readonly shape: unknown
  readonly shape_key: string
  readonly priority: number
  readonly parallelism: number | null
  readonly budget_trials: number | null
  readonly budget_wall_ms: number | null
  readonly budget_gpu_seconds: number | null
  readonly fact_seq: number
  readonly created_trials: number
  readonly outstanding: number
  readonly running: number
  readonly trials_queued: number
  readonly trials_running: number
  readonly trials_paused: number
  readonly trials_completed: number
  readonly trials_pruned: number
  readonly trials_failed: number
  readonly trials_cancelled: number
  readonly best_trial: number | null
  readonly best_value: number | null
  readonly has_replicates: boolean
  readonly best_config: Config | null
  readonly gpu_seconds: number
  readonly share_pass: number
  readonly created_at: Date
  readonly started_at: Date | null
  readonly ended_at: Date | null
}

export const SWEEP_COLUMNS = `s.*, p.name as project, b.config as best_config, ${HAS_REPLICATES} as has_replicates`
export const SWEEP_TABLES = `sweeps s
  join experiments e on e.id = s.id
  join projects p on p.id = e.project_id
  left join trials b on b.sweep_id = s.id and b.number = s.best_trial`

/** @param bestConfigs of those among the sweeps that have `replicates` */
export function sweepRecord(row: SweepRow, bestConfigs: ReadonlyMap<SweepId, BestRecord>): SweepRecord {
  const { metric = null, objectives = null, constraints = null } = aimsOf(row)
  return {
    id: row.id,
    name: row.name,
    project: row.project,
    state: row.state,
    reason: row.state_reason,
    waiting: row.waiting_reason,
    method: SweepDocument.shape.method.parse(row.method),
    metric,
    objectives,
    constraints,
    seed: row.seed,
    queue: row.queue,
    shape: Shape.parse(row.shape),
    shapeKey: row.shape_key,
    priority: row.priority,
    parallelism: row.parallelism,
    budget: budgetOf(row),
    factSeq: row.fact_seq,
    createdTrials: row.created_trials,
    outstanding: row.outstanding,
    running: row.running,
    trials: {
      queued: row.trials_queued,
      running: row.trials_running,
      paused: row.trials_paused,
      completed: row.trials_completed,
      pruned: row.trials_pruned,
      failed: row.trials_failed,
      cancelled: row.trials_cancelled,
    },
    best: row.has_replicates ? (bestConfigs.get(row.id) ?? null) : bestOf(row),
    gpuSeconds: row.gpu_seconds,
    sharePass: row.share_pass,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  }
}

export function budgetOf(row: Pick<SweepRow, 'budget_trials' | 'budget_wall_ms' | 'budget_gpu_seconds'>): Budget {
  return {
    ...(row.budget_trials === null ? {} : { trials: row.budget_trials }),
    ...(row.budget_wall_ms === null ? {} : { wallMs: row.budget_wall_ms }),
    ...(row.budget_gpu_seconds === null ? {} : { gpuSeconds: row.budget_gpu_seconds }),
  }
}

function bestOf(row: SweepRow): SweepRecord['best'] {
  if (row.best_trial === null || row.best_value === null || row.best_config === null) return null
  return { trial: row.best_trial, value: row.best_value, config: row.best_config, runs: null }
}
