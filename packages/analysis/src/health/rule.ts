import type { HealthFinding, HealthRule } from '@sweep/spec/health'
import type { MetricRole } from './metric-role.ts'

/** One metric of a run, in the order it was logged. */
export interface HealthSeries {
  readonly name: string
  readonly role: MetricRole
  readonly steps: readonly number[]
  /** Milliseconds since 1970. */
  readonly times: readonly number[]
  /** NaN and infinite ones too. */
  readonly values: readonly number[]
}

/** What a rule is given: all series of the run that have a role, and what the run may use. */
export interface RunToJudge {
  readonly series: readonly HealthSeries[]
  /** Memory that the run was given; undefined where only the host's own limits it. */
  readonly memoryLimitBytes?: number | undefined
}

/** A rule is pure and looks at everything there is; it is never told what it found before. */
export interface Rule {
  readonly name: HealthRule
  judge(run: RunToJudge): readonly Omit<HealthFinding, 'rule'>[]
}

/** The first metric of these names that stands for the progress of the run: its objective, or else a loss. */
export function progressSeries(series: readonly HealthSeries[]): HealthSeries | undefined {
  const losses = series.filter(({ role }) => role.kind === 'loss')
  return (
    series.find(({ role }) => role.isObjective) ??
    losses.find(({ role }) => role.split === 'eval') ??
    losses.find(({ role }) => role.split === null) ??
    losses[0]
  )
}
