import { Constraint, Metric } from '@sweep/spec/document/sweep-document'
import { encodeMetric, MetricValue } from '@sweep/spec/number'
import {
  type Aims,
  objectivesOf,
  type SideMetric,
  sideMetrics,
  standingValue,
  type Values,
} from '@sweep/spec/objectives'
import { z } from 'zod'

/** What a trial has reported of a metric beside its sweep's first objective. */
const SideValue = z.object({
  reports: z.int(),
  finite: z.int(),
  /** What stands for the trial; null while nothing finite was reported. */
  value: MetricValue.nullable(),
})
export type SideValue = z.infer<typeof SideValue>

const SideValues = z.record(z.string(), SideValue)
/** By the name of the metric. */
export type SideValues = Readonly<Record<string, SideValue>>

const NOTHING: SideValue = { reports: 0, finite: 0, value: null }

/** The column `trials.side_values`. */
export function parseSideValues(stored: unknown): SideValues {
  return stored === null ? {} : SideValues.parse(stored)
}

export function spelledSideValues(values: SideValues): unknown {
  return Object.fromEntries(
    Object.entries(values).map(([name, { value, ...counts }]) => [
      name,
      { ...counts, value: value === null ? null : encodeMetric(value) },
    ]),
  )
}

export function sideValueOf(values: SideValues, name: string): SideValue {
  return Object.hasOwn(values, name) ? (values[name] ?? NOTHING) : NOTHING
}

/** One more value; what stands for the trial is chosen as that of the first objective is. */
export function withReport(before: SideValue, value: number, metric: SideMetric): SideValue {
  return {
    reports: before.reports + 1,
    finite: before.finite + (Number.isFinite(value) ? 1 : 0),
    value: standingValue(before.value ?? undefined, value, metric) ?? null,
  }
}

/**
 * What stands for a trial by name, in the order of the objectives and constraints; undefined when its sweep has one
 * objective and no constraint.
 */
export function valuesOf(aims: Aims, value: number | null, sideValues: SideValues): Values | undefined {
  const [first] = objectivesOf(aims)
  if (first === undefined || (aims.objectives === undefined && aims.constraints === undefined)) return undefined
  const beside = sideMetrics(aims).map(({ name }) => [name, sideValueOf(sideValues, name).value] as const)
  const known = [[first.name, value] as const, ...beside].flatMap(([name, one]) => (one === null ? [] : [[name, one]]))
  return Object.fromEntries(known)
}

/** The columns of `sweeps` that say what it optimises. */
export interface AimColumns {
  readonly metric_name: string | null
  readonly metric_goal: Metric['goal'] | null
  readonly metric_target: number | null
  readonly metric_summary: Metric['summary'] | null
  readonly objectives: unknown
  readonly constraints: unknown
}

export function aimsOf(row: AimColumns): Aims {
  const { metric_name: name, metric_goal: goal, metric_summary: summary, metric_target: target } = row
  if (name === null || goal === null || summary === null) return {}
  return {
    metric: { name, goal, summary, ...(target === null ? {} : { target }) },
    ...(row.objectives === null ? {} : { objectives: z.array(Metric).parse(row.objectives) }),
    ...(row.constraints === null ? {} : { constraints: z.array(Constraint).parse(row.constraints) }),
  }
}
