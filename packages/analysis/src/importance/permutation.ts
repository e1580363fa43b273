import { type Forest, predict } from '../forest/forest.ts'
import { createRng } from '../rng.ts'

/**
 * By parameter, for every tree: by how much the squared error on the trials that it has not seen grows when their values
 * of the parameter are dealt out anew, as a share of the variance of the losses. Breiman 2001, section 10.
 */
export function permutationImportance({ features, targets, trees, weights }: Forest, seed: number): Float64Array[] {
  const rng = createRng(seed)
  const shares = features.map(() => new Float64Array(trees.length))
  for (const [index, tree] of trees.entries()) {
    const unseen = [...targets.keys()].filter((row) => weights[index]![row] === 0)
    if (unseen.length === 0) continue
    const errorOf = (row: number, moved: number, from: number) => {
      const said = predict(tree, (feature) => features[feature]!.codes[feature === moved ? from : row]!)
      return (targets[row]! - said) ** 2 / unseen.length
    }
    const before = unseen.reduce((sum, row) => sum + errorOf(row, -1, row), 0)
    for (const feature of features.keys()) {
      const dealt = dealOut(unseen, rng.below)
      const after = unseen.reduce((sum, row, place) => sum + errorOf(row, feature, dealt[place]!), 0)
      shares[feature]![index] = after - before
    }
  }
  return shares
}

function dealOut(rows: readonly number[], below: (count: number) => number): number[] {
  const dealt = [...rows]
  for (let i = dealt.length - 1; i > 0; i -= 1) {
    const j = below(i + 1)
    const kept = dealt[i]!
    dealt[i] = dealt[j]!
    dealt[j] = kept
  }
  return dealt
}
