import type { Json } from '@sweep/spec/number'
import { ascending, quantile } from '../statistics/describe.ts'
import { tableOf } from '../table.ts'
import type { SweepPoints } from '../trial-points.ts'
import { asReported, judgedColumn } from './reported.ts'

export interface Slice {
  readonly points: readonly { readonly trial: number; readonly x: Json; readonly value: number }[]
  /** In the order of the axis; of a choice one for every value that was tried. */
  readonly bins: readonly SliceBin[]
}

/** The trials between two values of the parameter, both included. */
export interface SliceBin {
  readonly from: Json
  readonly to: Json
  readonly count: number
  readonly median: number
  readonly lowerQuartile: number
  readonly upperQuartile: number
}

const BINS = 10

/**
 * The objective against one parameter, with the median and the quartiles of equally many trials at a time. Equal values
 * of the parameter are never in two bins.
 *
 * @throws SweepError `invalid-request` for no parameter that varies
 */
export function slice(points: SweepPoints, name: string, bins = BINS): Slice {
  const table = tableOf(points)
  const { axis, column, rows } = judgedColumn(table, name)
  const ordered = Array.from(rows).sort((a, b) => column[a]! - column[b]! || a - b)
  const least = axis.kind === 'choice' ? 1 : ordered.length / bins
  const groups: number[][] = []
  for (const row of ordered) {
    const last = groups.at(-1)
    const isNext = last === undefined || (last.length >= least && column[last.at(-1)!] !== column[row])
    if (isNext) groups.push([row])
    else last.push(row)
  }
  const reportedAt = (row: number) => asReported(table.losses[row]!, points.goal)
  const xOf = (row: number) => table.trials[row]!.config[name]!
  return {
    points: Array.from(rows, (row) => ({ trial: table.trials[row]!.number, x: xOf(row), value: reportedAt(row) })),
    bins: groups.map((group) => {
      const values = ascending(group.map(reportedAt))
      const [lowerQuartile, median, upperQuartile] = [0.25, 0.5, 0.75].map((share) => quantile(values, share))
      return {
        from: xOf(group[0]!),
        to: xOf(group.at(-1)!),
        count: group.length,
        median: median!,
        lowerQuartile: lowerQuartile!,
        upperQuartile: upperQuartile!,
      }
    }),
  }
}
