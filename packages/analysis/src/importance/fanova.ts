import type { Forest } from '../forest/forest.ts'
import { leavesOf, marginal, moments, pairMarginal } from '../forest/marginals.ts'
import type { TreeShares } from './forest-importance.ts'

/**
 * Functional analysis of variance: of the variance that a tree has over the search space, the share that one parameter,
 * or two together, account for. Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
 * importance", ICML, section 4.3 and algorithm 2. Configs count as they are drawn, so a log scale is taken as such.
 *
 * @param isJudged pairs with at least one such parameter are looked at
 */
export function fanova({ features, trees }: Forest, isJudged: (feature: number) => boolean): TreeShares {
  const main = features.map(() => new Float64Array(trees.length))
  const pairs = features.flatMap((_, second) =>
    Array.from({ length: second }, (__, first) => ({ first, second, shares: new Float64Array(trees.length) })).filter(
      ({ first }) => isJudged(first) || isJudged(second),
    ),
  )
  for (const [index, tree] of trees.entries()) {
    const leaves = leavesOf(tree, features)
    const { mean, variance } = moments(leaves)
    if (variance === 0) continue
    for (const [feature, mass] of leaves.cellMass.entries()) {
      const effect = marginal(leaves, feature)
      let square = 0
      for (let cell = 0; cell < mass.length; cell += 1) square += mass[cell]! * (effect[cell]! - mean) ** 2
      main[feature]![index] = square / variance
    }
    for (const { first, second, shares } of pairs) {
      const table = pairMarginal(leaves, first, second)
      const [rows, columns] = [leaves.cellMass[first]!, leaves.cellMass[second]!]
      let square = 0
      for (let row = 0; row < rows.length; row += 1) {
        let along = 0
        const begin = row * columns.length
        for (let column = 0; column < columns.length; column += 1) {
          along += columns[column]! * (table[begin + column]! - mean) ** 2
        }
        square += rows[row]! * along
      }
      const rest = square / variance - main[first]![index]! - main[second]![index]!
      // Rounding may leave less than nothing.
      shares[index] = Math.max(0, rest)
    }
  }
  return { main, pairs }
}
