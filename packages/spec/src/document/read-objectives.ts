import type { EarlyTerminateInput } from './early-terminate-input.ts'
import type { MetricInput, SweepInput } from './input-schema.ts'
import type { Report } from './report.ts'
import { METHODS, type Metric, ONE_OBJECTIVE_METHODS, POPULATION_METHODS } from './sweep-document.ts'

/** The pruners that can judge by several objectives together, and those that look at the first one alone. */
const PRUNES_BY: Readonly<Record<EarlyTerminateInput['type'], 'all' | 'first' | 'only'>> = {
  asha: 'all',
  patience: 'first',
  threshold: 'first',
  hyperband: 'only',
  'sync-hyperband': 'only',
  median: 'only',
  percentile: 'only',
  wilcoxon: 'only',
  extrapolate: 'only',
}

/** `metric` is one map, or a list of them. */
export function metricInputs({ metric }: Pick<SweepInput, 'metric'>): readonly MetricInput[] {
  return metric === undefined ? [] : [metric].flat()
}

/**
 * As the document has them. With one objective a trial stands for its best value by default; the best of each of several
 * would make a point that the trial never was at, so there it is the last.
 */
export function readObjectives(input: SweepInput): readonly Omit<Metric, 'summary'>[] {
  const metrics = metricInputs(input)
  const usual = metrics.length > 1 ? 'last' : undefined
  return metrics.map(({ name, goal, target, summary }) => ({ name, goal, target, summary: summary ?? usual }))
}

/** What is wrong between the objectives, the constraints, the method and `early_terminate`. */
export function checkObjectives(report: Report, input: SweepInput): void {
  const metrics = metricInputs(input)
  checkConstraints(report, input)
  if (metrics.length < 2) return
  const seen = new Set<string>()
  for (const [index, { name, target }] of metrics.entries()) {
    const at = ['metric', index]
    if (seen.has(name)) {
      report.error([...at, 'name'], `${name} is an objective twice`, { hint: 'Name each objective once.' })
    }
    seen.add(name)
    if (target === undefined) continue
    report.error([...at, 'target'], 'a target ends a search for one objective, but there are several', {
      hint: 'Remove it, or make it a constraint; run_cap and budget end the search.',
      at: 'key',
    })
  }
  checkMethod(report, input)
  const { early_terminate: early } = input
  if (early !== undefined && PRUNES_BY[early.type] === 'only') {
    const able = Object.entries(PRUNES_BY).flatMap(([type, by]) => (by === 'only' ? [] : [type]))
    report.error(['early_terminate', 'type'], `${early.type} compares one objective, but there are several`, {
      hint: `Use ${able.join(', ')}, or leave early_terminate out.`,
    })
  }
}

function checkMethod(report: Report, { method }: SweepInput): void {
  const unable: readonly string[] = [...ONE_OBJECTIVE_METHODS, ...POPULATION_METHODS]
  if (!unable.includes(method)) return
  const able = METHODS.filter((one) => !unable.includes(one))
  report.error(['method'], `method ${method} searches for one objective, but there are several`, {
    hint: `Use ${able.join(', ')}.`,
  })
}

function checkConstraints(report: Report, { constraints, metric }: SweepInput): void {
  if (constraints === undefined) return
  if (metric === undefined) {
    report.error(['constraints'], 'constraints say which trials count, but there is no metric to compare them by', {
      hint: 'Add metric: {name: val_loss, goal: minimize}.',
      at: 'key',
    })
  }
  const seen = new Set<string>()
  for (const [index, { name, max, min }] of constraints.entries()) {
    const at = ['constraints', index]
    if (max === undefined && min === undefined) {
      report.error(at, `the constraint on ${name} has no bound`, { hint: 'Add max: 8 or min: 0.9.' })
    } else if (max !== undefined && min !== undefined && max < min) {
      report.error([...at, 'max'], `max ${max} is below min ${min}`, { hint: 'Swap them.' })
    }
    if (seen.has(name)) {
      report.error([...at, 'name'], `${name} is constrained twice`, { hint: 'Put min and max into one constraint.' })
    }
    seen.add(name)
  }
}
