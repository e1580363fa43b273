import { canonicalJson } from '@sweep/spec/config-hash'
import type { Json } from '@sweep/spec/number'
import { type Goal, type JudgedBy, judgedValue, type MetricValues, type RunData } from './run-data.ts'

export interface ComparedParam {
  readonly name: string
  /** Whether not all runs have it, or not with the same value. */
  readonly differs: boolean
  /** By run; null where it is missing, otherwise the value in a list of one, as null is a value too. */
  readonly values: readonly (readonly [Json] | null)[]
}

export interface ComparedMetric {
  readonly name: string
  /** Null where nobody has said which way is better. */
  readonly goal: Goal | null
  /** By run; null where it is missing. */
  readonly values: readonly (MetricValues | null)[]
  /** Places of the best runs: several where they are equal, none without a goal or a finite value. */
  readonly best: readonly number[]
}

export interface RunComparison {
  /** Those that differ first, then by name. */
  readonly params: readonly ComparedParam[]
  /** Those with a goal first, then by name. */
  readonly metrics: readonly ComparedMetric[]
}

/**
 * Runs side by side.
 *
 * @param goals by name of the metric
 */
export function compareRuns(
  runs: readonly RunData[],
  goals: Readonly<Record<string, Goal>>,
  by: JudgedBy = 'best',
): RunComparison {
  const params = namesOf(runs.map((run) => run.params)).map((name): ComparedParam => {
    const values = runs.map(({ params }): readonly [Json] | null =>
      Object.hasOwn(params, name) ? [params[name] ?? null] : null,
    )
    const texts = values.map((value) => (value === null ? '' : canonicalJson(value[0])))
    return { name, differs: new Set(texts).size > 1, values }
  })
  const metrics = namesOf(runs.map((run) => run.metrics)).map((name): ComparedMetric => {
    const goal = Object.hasOwn(goals, name) ? (goals[name] ?? null) : null
    const values = runs.map(({ metrics }) => (Object.hasOwn(metrics, name) ? (metrics[name] ?? null) : null))
    return { name, goal, values, best: goal === null ? [] : bestOf(runs, name, goal, by) }
  })
  return {
    params: params.toSorted((a, b) => Number(b.differs) - Number(a.differs)),
    metrics: metrics.toSorted((a, b) => Number(b.goal !== null) - Number(a.goal !== null)),
  }
}

function bestOf(runs: readonly RunData[], metric: string, goal: Goal, by: JudgedBy): number[] {
  const values = runs.map((run) => judgedValue(run, metric, goal, by))
  const finite = values.filter((value) => value !== undefined)
  // Nothing is best of one.
  if (finite.length < 2) return []
  const best = goal === 'minimize' ? Math.min(...finite) : Math.max(...finite)
  return values.flatMap((value, place) => (value === best ? [place] : []))
}

function namesOf(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))].sort()
}
