import type { Field } from '@sweep/spec/filter/filter'
import { numberOfField, type RunData, valueOfField } from '../runs/run-data.ts'
import { ascending, mean, quantile, sampleVariance } from '../statistics/describe.ts'
import { comparePlain, isPlain } from './plain.ts'

export interface Bar {
  readonly x: string | number | boolean
  readonly runs: number
  readonly mean: number
  /** Of a sample; null for a single run. */
  readonly std: number | null
  readonly min: number
  readonly median: number
  readonly max: number
}

export interface Bars {
  readonly bars: readonly Bar[]
  readonly leftOut: number
}

/** What the runs with the same value of one field have of another, such as a metric by optimizer; by value. */
export function bars(runs: readonly RunData[], fields: { x: Field; y: Field }): Bars {
  const groups = new Map<string | number | boolean, number[]>()
  for (const run of runs) {
    const [x, y] = [valueOfField(run, fields.x), numberOfField(run, fields.y)]
    if (!isPlain(x) || y === undefined) continue
    const group = groups.get(x) ?? []
    groups.set(x, group)
    group.push(y)
  }
  const sorted = [...groups].sort(([a], [b]) => comparePlain(a, b))
  const counted = sorted.reduce((sum, [, values]) => sum + values.length, 0)
  return {
    bars: sorted.map(([x, values]) => {
      const ordered = ascending(values)
      return {
        x,
        runs: values.length,
        mean: mean(values),
        std: values.length < 2 ? null : Math.sqrt(sampleVariance(values)),
        min: ordered[0]!,
        median: quantile(ordered, 0.5),
        max: ordered.at(-1)!,
      }
    }),
    leftOut: runs.length - counted,
  }
}
