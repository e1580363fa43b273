import type { Constraint, Metric, SweepDocument } from './document/sweep-document.ts'

/** What a sweep optimises and what its trials must keep to. */
export type Aims = Pick<SweepDocument, 'metric' | 'objectives' | 'constraints'>

/** Values by the name of their metric. */
export type Values = Readonly<Record<string, number>>

/** A metric beside the first objective whose values decide about trials. */
export interface SideMetric {
  readonly name: string
  /** Absent for a metric that only constraints name. */
  readonly goal?: Metric['goal']
  /** Which of a trial's values stands for it. */
  readonly summary: Metric['summary']
}

/** The first one first. */
export function objectivesOf({ metric, objectives }: Aims): readonly Metric[] {
  return objectives ?? (metric === undefined ? [] : [metric])
}

/**
 * The other objectives in their order, then the metrics that only constraints name. The last value of these stands for a
 * trial: they have no goal, so none of their values is the best.
 */
export function sideMetrics(aims: Aims): readonly SideMetric[] {
  const objectives = objectivesOf(aims)
  const known = new Set(objectives.map(({ name }) => name))
  const bounded = new Set((aims.constraints ?? []).map(({ name }) => name).filter((name) => !known.has(name)))
  return [...objectives.slice(1), ...[...bounded].map((name) => ({ name, summary: 'last' as const }))]
}

/**
 * What stands for a trial by one of its metrics after a further value; undefined while none was finite. The best is never
 * NaN or infinite; the last may be, once a finite value came before it.
 */
export function standingValue(
  before: number | undefined,
  value: number,
  { goal, summary }: SideMetric,
): number | undefined {
  const isUsable = Number.isFinite(value)
  if (before === undefined) return isUsable ? value : undefined
  if (summary === 'last') return value
  return isUsable && (goal === 'maximize' ? value > before : value < before) ? value : before
}

/** `minimize val_loss, maximize accuracy`. */
export function objectivesText(objectives: readonly Pick<Metric, 'name' | 'goal'>[]): string {
  return objectives.map(({ name, goal }) => `${goal} ${name}`).join(', ')
}

/** `memory_gb <= 8, accuracy >= 0.9`. */
export function constraintsText(constraints: readonly Constraint[]): string {
  return constraints
    .flatMap(({ name, max, min }) => [
      ...(max === undefined ? [] : [`${name} <= ${max}`]),
      ...(min === undefined ? [] : [`${name} >= ${min}`]),
    ])
    .join(', ')
}

/** Whether a trial with these values is of use; a value that is missing, NaN or infinite keeps to no bound. */
export function isFeasible(constraints: readonly Constraint[], values: Values): boolean {
  return constraints.every((constraint) => keepsTo(constraint, values[constraint.name]))
}

function keepsTo({ max, min }: Constraint, value: number | undefined): boolean {
  if (value === undefined || !Number.isFinite(value)) return false
  return (max === undefined || value <= max) && (min === undefined || value >= min)
}
