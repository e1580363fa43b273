import type { Axis } from '../axis.ts'
import { createRng, resample } from '../rng.ts'
import { mean } from '../statistics/describe.ts'
import { midRanks } from '../statistics/ranks.ts'
import { pick, type Table } from '../table.ts'
import type { Findings } from './importance.ts'
import { withInterval } from './interval.ts'

const REPLICATES = 200

/**
 * How closely the loss follows one parameter alone, from 0 to 1: the size of Pearson's correlation with the parameter on
 * its own scale, or of Spearman's, which is that of the ranks and asks only for a steady rise or fall. Of a choice it is
 * the correlation ratio, the root of the share of the variance that lies between its values (Fisher 1925, "Statistical
 * methods for research workers", section 45).
 *
 * A conditional parameter is judged among the trials in which it was active, and not weighted.
 */
export function correlations({ axes, columns, losses }: Table, method: 'spearman' | 'pearson', seed: number): Findings {
  const rng = createRng(seed)
  const scaled = (values: Float64Array) => (method === 'spearman' ? midRanks(values) : values)
  const parameters = axes.flatMap((axis, index) => {
    const rows = Int32Array.from([...losses.keys()].filter((row) => !Number.isNaN(columns[index]![row]!)))
    if (rows.length === 0) return []
    const xs = pick(columns[index]!, rows)
    const ys = scaled(pick(losses, rows))
    const coordinates = axis.kind === 'choice' ? xs : scaled(xs)
    const found = association(axis, coordinates, ys)
    // Ranks are those among all trials in every replicate, which saves ranking them anew and changes little.
    const replicates = Array.from({ length: REPLICATES }, () => {
      const drawn = resample(rows.length, rng)
      return association(axis, pick(coordinates, drawn), pick(ys, drawn))
    })
    const isSigned = axis.kind === 'numeric'
    return [
      {
        name: axis.name,
        ...withInterval(Math.abs(found), replicates, 1),
        trials: rows.length,
        correlation: isSigned ? found : null,
        r2: null,
      },
    ]
  })
  return { parameters, interactions: [] }
}

function association(axis: Axis, xs: Float64Array, ys: Float64Array): number {
  return axis.kind === 'choice' ? correlationRatio(xs, ys) : pearson(xs, ys)
}

/** 0 where one of them never varies. */
export function pearson(xs: Float64Array, ys: Float64Array): number {
  const [meanX, meanY] = [mean(xs), mean(ys)]
  let [together, squareX, squareY] = [0, 0, 0]
  for (let i = 0; i < xs.length; i += 1) {
    const [x, y] = [xs[i]! - meanX, ys[i]! - meanY]
    together += x * y
    squareX += x * x
    squareY += y * y
  }
  const scale = Math.sqrt(squareX) * Math.sqrt(squareY)
  return scale > 0 ? Math.min(1, Math.max(-1, together / scale)) : 0
}

/** @param groups the index of the value of a choice */
export function correlationRatio(groups: Float64Array, ys: Float64Array): number {
  const sums = new Map<number, { count: number; sum: number }>()
  for (const [row, group] of groups.entries()) {
    const { count, sum } = sums.get(group) ?? { count: 0, sum: 0 }
    sums.set(group, { count: count + 1, sum: sum + ys[row]! })
  }
  const whole = mean(ys)
  const between = [...sums.values()].reduce((total, { count, sum }) => total + count * (sum / count - whole) ** 2, 0)
  const all = ys.reduce((total, y) => total + (y - whole) ** 2, 0)
  return all > 0 ? Math.min(1, Math.sqrt(between / all)) : 0
}
