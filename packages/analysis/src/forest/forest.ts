import type { Axis } from '../axis.ts'
import { createRng, resample } from '../rng.ts'
import { mean, variance } from '../statistics/describe.ts'
import { type Bins, binsOf } from './bins.ts'
import { growTree, type Tree, type TreeSettings } from './tree.ts'

/** Trees on bootstrap resamples of the trials. */
export interface Forest {
  readonly features: readonly Bins[]
  /** Targets are standardised losses: what is learned and predicted is `(loss - mean) / deviation`. */
  readonly targets: Float64Array
  readonly mean: number
  readonly deviation: number
  readonly trees: readonly Tree[]
  /** By tree: how often each trial is in its resample. */
  readonly weights: readonly Uint16Array[]
}

export interface ForestSettings extends TreeSettings {
  readonly trees: number
  readonly seed: number
}

export const FOREST_DEFAULTS: ForestSettings = { trees: 64, leastInLeaf: 3, seed: 0 }

/**
 * A random forest for the loss of a config (Breiman 2001, "Random forests", Machine Learning 45). Every split may use
 * every parameter: they are few, and most of them matter little.
 *
 * @param columns by axis: the coordinate of every trial, without NaN
 */
export function growForest(
  axes: readonly Axis[],
  columns: readonly Float64Array[],
  losses: Float64Array,
  settings: ForestSettings,
): Forest {
  const rng = createRng(settings.seed)
  const count = losses.length
  const middle = mean(losses)
  const spread = Math.sqrt(variance(losses))
  // What rounding leaves of equal losses is no spread.
  const deviation = spread > 1e-12 * Math.abs(middle) ? spread : 0
  const targets = losses.map((loss) => (deviation > 0 ? (loss - middle) / deviation : 0))
  const features = axes.map((axis, index) => binsOf(axis, columns[index]!))
  const weights = Array.from({ length: settings.trees }, () => {
    const times = new Uint16Array(count)
    for (const row of resample(count, rng)) times[row]! += 1
    return times
  })
  const trees = weights.map((times) => growTree(features, targets, times, settings, rng))
  return { features, targets, mean: middle, deviation, trees, weights }
}

/** What a tree says of a config in the given bins. */
export function predict(tree: Tree, codeOf: (feature: number) => number): number {
  let node = 0
  for (let feature = tree.feature[0]!; feature >= 0; feature = tree.feature[node]!) {
    node = tree.ranks[feature]![codeOf(feature)]! < tree.edge[node]! ? tree.left[node]! : tree.right[node]!
  }
  return tree.value[node]!
}

/**
 * The share of the losses' variance that is explained by trees that have not seen the trial (out of bag: Breiman 2001,
 * section 3.1). 1 is perfect; 0 and below is no better than the mean. Null when no trial is out of any bag.
 */
export function outOfBagR2({ features, targets, trees, weights }: Forest): number | null {
  const sums = new Float64Array(targets.length)
  const votes = new Uint16Array(targets.length)
  for (const [index, tree] of trees.entries()) {
    for (let row = 0; row < targets.length; row += 1) {
      if (weights[index]![row] !== 0) continue
      sums[row]! += predict(tree, (feature) => features[feature]!.codes[row]!)
      votes[row]! += 1
    }
  }
  const judged = [...targets.keys()].filter((row) => votes[row]! > 0)
  const total = judged.length * variance(judged.map((row) => targets[row]!))
  const error = judged.reduce((sum, row) => sum + (targets[row]! - sums[row]! / votes[row]!) ** 2, 0)
  return total > 0 ? 1 - error / total : null
}
