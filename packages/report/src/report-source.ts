import type { Cost } from '@sweep/analysis/costs/cost-of'
import type { Curve } from '@sweep/analysis/effects/learning-curves'
import type { TimedTrial } from '@sweep/analysis/effects/timeline'
import type { TrialPoint } from '@sweep/analysis/trial-points'
import type { Cause } from '@sweep/spec/attempt'
import type { Json } from '@sweep/spec/number'
import type { TrialState } from '@sweep/spec/trial'
import type { LeaderboardRow, SweepDetail } from '@sweep/spec/wire/api'
import type { ConfigRow, Confirmation } from '@sweep/spec/wire/confirmation'

import type { Objective } from './chart/effect-charts.ts'
import type { FrontPoint } from './chart/front-chart.ts'

/** What attempts that ended of one cause cost, of trials in one state. */
export interface Spending {
  /** Of the trial as it is now: a failed attempt may belong to a trial that completed later. */
  readonly state: TrialState
  readonly cause: Cause
  readonly attempts: number
  readonly seconds: number
  readonly gpuSeconds: number
  /** Numbers of some of the trials, ascending. */
  readonly trials: readonly number[]
  /** Of one of the attempts. */
  readonly message: string
}

/** Where and how the best trial ran. */
export interface BestRun {
  readonly trial: number
  /** Its `SWEEP_SEED`. */
  readonly seed: number
  /** What the agent noted of the host: versions, git state. */
  readonly environment: Readonly<Record<string, Json>>
}

/** Everything a report is made of. */
export interface ReportSource {
  readonly sweep: SweepDetail
  /** The best trials, the best first. */
  readonly leaderboard: readonly LeaderboardRow[]
  /** Of a sweep that runs each config with several seeds: the best configs by their mean. */
  readonly configs: readonly ConfigRow[] | undefined
  /** All trials, by number. */
  readonly trials: readonly (TrialPoint & TimedTrial)[]
  /** Of a sweep with several objectives: trials that have ended, by the first two. */
  readonly front:
    | { readonly objectives: readonly [Objective, Objective]; readonly points: readonly FrontPoint[] }
    | undefined
  /** Of some trials; the group is `best` or `others`. */
  readonly curves: readonly Curve[]
  readonly spending: readonly Spending[]
  /** By the server's prices; undefined where it has none. */
  readonly cost: Cost | undefined
  readonly bestRun: BestRun | undefined
  /** Of the sweeps that ran its best configs again, the newest first. */
  readonly confirmations: readonly Confirmation[]
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** Of the server. */
  readonly version: string
}
