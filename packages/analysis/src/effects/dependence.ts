import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import type { Bins } from '../forest/bins.ts'
import { FOREST_DEFAULTS, type Forest, type ForestSettings, growForest, outOfBagR2 } from '../forest/forest.ts'
import { leavesOf, marginal, pairMarginal } from '../forest/marginals.ts'
import { Z } from '../importance/interval.ts'
import type { Interval } from '../statistics/bootstrap.ts'
import { mean, sampleVariance } from '../statistics/describe.ts'
import { pick, type Table, tableOf } from '../table.ts'
import type { SweepPoints } from '../trial-points.ts'
import { asReported, judgedColumn } from './reported.ts'

/** What the model says of the objective, as it was reported, with the 90 % interval by the deviation between its trees. */
export interface Predicted extends Interval {
  readonly value: number
}

export interface PartialDependence {
  readonly points: readonly (Predicted & { readonly x: Json })[]
  /** Of the model, out of bag; below 0.5 the line is hardly worth looking at. */
  readonly r2: number | null
}

export interface Contour {
  readonly xs: readonly Json[]
  readonly ys: readonly Json[]
  /** A row for every one of `ys`. */
  readonly cells: readonly (readonly Predicted[])[]
  readonly r2: number | null
}

type Settings = Partial<Pick<ForestSettings, 'trees' | 'seed'>>

/**
 * The mean objective with one parameter fixed, over all others as they are drawn: the partial dependence of Friedman
 * 2001, "Greedy function approximation", section 8.2, taken exactly over the search space of the forest that fANOVA uses
 * (its marginal prediction). A conditional parameter is looked at among the trials in which it was active.
 *
 * @throws SweepError `invalid-request` for no parameter that varies, and where it was never active
 */
export function partialDependence(points: SweepPoints, name: string, settings: Settings = {}): PartialDependence {
  const table = tableOf(points)
  const { index, rows } = judgedColumn(table, name)
  const { forest, inputs } = forestOf(table, rows, settings)
  const feature = inputs.indexOf(index)
  const lines = forest.trees.map((tree) => {
    const leaves = leavesOf(tree, forest.features)
    const line = marginal(leaves, feature)
    return Float64Array.from(leaves.cellOf[feature]!, (cell) => line[cell]!)
  })
  const xs = valuesOfBins(forest.features[feature]!, table, rows)
  return {
    points: xs.map((x, bin) => ({ x, ...predicted(lines, bin, forest, points) })),
    r2: outOfBagR2(forest),
  }
}

/**
 * The same for two parameters at once, among the trials in which both were active.
 *
 * @throws SweepError `invalid-request` for no two parameters that vary, and where they were never active together
 */
export function contour(points: SweepPoints, [x, y]: readonly [string, string], settings: Settings = {}): Contour {
  if (x === y) throw new SweepError('invalid-request', `${x} has no contour with itself`)
  const table = tableOf(points)
  const [across, down] = [judgedColumn(table, x), judgedColumn(table, y)]
  const rows = across.rows.filter((row) => !Number.isNaN(down.column[row]!))
  const { forest, inputs } = forestOf(table, rows, settings)
  const [first, second] = [inputs.indexOf(down.index), inputs.indexOf(across.index)]
  const columns = forest.features[second]?.count ?? 0
  const planes = forest.trees.map((tree) => {
    const leaves = leavesOf(tree, forest.features)
    const plane = pairMarginal(leaves, first, second)
    const stride = leaves.cellMass[second]!.length
    const [rowOf, columnOf] = [leaves.cellOf[first]!, leaves.cellOf[second]!]
    const wide = new Float64Array(rowOf.length * columns)
    for (let i = 0; i < wide.length; i += 1)
      wide[i] = plane[rowOf[Math.floor(i / columns)]! * stride + columnOf[i % columns]!]!
    return wide
  })
  const [xs, ys] = [second, first].map((feature) => valuesOfBins(forest.features[feature]!, table, rows))
  const cells = ys!.map((_, row) => xs!.map((__, column) => predicted(planes, row * columns + column, forest, points)))
  return { xs: xs!, ys: ys!, cells, r2: outOfBagR2(forest) }
}

/** A forest of the parameters that are active in all of these trials. */
function forestOf({ axes, columns, losses }: Table, rows: Int32Array, settings: Settings) {
  if (rows.length === 0) {
    throw new SweepError('invalid-request', 'no finished trial has a value for this parameter', {
      hint: 'Wait for some trials, and take parameters that are active together.',
    })
  }
  const inputs = [...axes.keys()].filter((index) => rows.every((row) => !Number.isNaN(columns[index]![row]!)))
  const forest = growForest(
    inputs.map((index) => axes[index]!),
    inputs.map((index) => pick(columns[index]!, rows)),
    pick(losses, rows),
    { ...FOREST_DEFAULTS, ...settings },
  )
  return { forest, inputs }
}

/** Of a choice its values; of a number what the trial in the middle of each bin had. */
function valuesOfBins({ axis, count, codes }: Bins, { columns, axes, trials }: Table, rows: Int32Array): Json[] {
  if (axis.kind === 'choice') return [...axis.values]
  const column = columns[axes.indexOf(axis)]!
  return Array.from({ length: count }, (_, bin) => {
    const inside = rows.filter((_, place) => codes[place] === bin).sort((a, b) => column[a]! - column[b]!)
    return trials[inside[Math.floor(inside.length / 2)]!]!.config[axis.name]!
  })
}

function predicted(
  byTree: readonly Float64Array[],
  place: number,
  { mean: middle, deviation }: Forest,
  { goal }: SweepPoints,
): Predicted {
  const values = byTree.map((line) => asReported(line[place]! * deviation + middle, goal))
  const value = mean(values)
  const reach = values.length < 2 ? 0 : Z * Math.sqrt(sampleVariance(values))
  return { value, low: value - reach, high: value + reach }
}
