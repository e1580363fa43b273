import type { Json } from '@sweep/spec/number'
import { midRanks } from '../statistics/ranks.ts'
import { tableOf } from '../table.ts'
import type { SweepPoints } from '../trial-points.ts'
import { asReported, judgedColumn } from './reported.ts'

export interface RankPoint {
  readonly trial: number
  readonly x: Json
  readonly y: Json
  readonly value: number
  /** 0 for the best of all compared trials, 1 for the worst. */
  readonly rank: number
}

/**
 * Trials over two parameters, by rank: unlike the values themselves, ranks show where good trials lie however far off the
 * bad ones are. Only trials in which both parameters were active.
 *
 * @throws SweepError `invalid-request` for no parameter that varies
 */
export function rankPlot(points: SweepPoints, [x, y]: readonly [string, string]): RankPoint[] {
  const table = tableOf(points)
  const { losses, trials } = table
  const ranks = midRanks(losses)
  const isActive = judgedColumn(table, y).column
  return Array.from(judgedColumn(table, x).rows)
    .filter((row) => !Number.isNaN(isActive[row]!))
    .map((row) => ({
      trial: trials[row]!.number,
      x: trials[row]!.config[x]!,
      y: trials[row]!.config[y]!,
      value: asReported(losses[row]!, points.goal),
      rank: losses.length === 1 ? 0 : (ranks[row]! - 1) / (losses.length - 1),
    }))
}
