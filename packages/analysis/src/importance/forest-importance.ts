import { FOREST_DEFAULTS, type Forest, type ForestSettings, growForest, outOfBagR2 } from '../forest/forest.ts'
import { mean, variance } from '../statistics/describe.ts'
import { type ActiveGroup, activeGroups, pick, type Table } from '../table.ts'
import { fanova } from './fanova.ts'
import type { Findings, Interaction, ParameterImportance } from './importance.ts'
import { withInterval } from './interval.ts'
import { permutationImportance } from './permutation.ts'

/** What every tree of a forest says, as shares of the variance of the losses it was grown for. */
export interface TreeShares {
  /** By parameter: a share for every tree. */
  readonly main: readonly Float64Array[]
  readonly pairs: readonly { readonly first: number; readonly second: number; readonly shares: Float64Array }[]
}

/**
 * Importance by a random forest. A conditional parameter is judged by a forest of the trials in which it was active; its
 * share of their variance counts by what they contribute to the variance of all: their number and their own variance
 * (the law of total variance). That a parent switches it on and off is the parent's own effect.
 */
export function forestImportance(
  table: Table,
  method: 'fanova' | 'permutation' | 'mdi',
  settings: Pick<ForestSettings, 'trees' | 'seed'>,
): Findings {
  const { axes, columns, losses } = table
  const total = variance(losses)
  const parameters: ParameterImportance[] = []
  const interactions: Interaction[] = []
  for (const group of activeGroups(table)) {
    const { inputs, rows } = group
    const groupLosses = pick(losses, rows)
    const forest = growForest(
      inputs.map((input) => axes[input]!),
      inputs.map((input) => pick(columns[input]!, rows)),
      groupLosses,
      { ...FOREST_DEFAULTS, ...settings },
    )
    const weight = (rows.length * variance(groupLosses)) / (losses.length * total)
    const r2 = outOfBagR2(forest)
    const shares = sharesOf(forest, method, group, settings.seed)
    const estimate = (values: Float64Array) => {
      const weighted = values.map((value) => value * weight)
      // What shuffling costs may be more than the whole variance.
      return withInterval(
        Math.max(0, mean(weighted)),
        weighted,
        method === 'permutation' ? Number.POSITIVE_INFINITY : 1,
      )
    }
    for (const [place, input] of inputs.entries()) {
      if (!group.judged.includes(input)) continue
      const { name } = axes[input]!
      parameters.push({ name, ...estimate(shares.main[place]!), trials: rows.length, correlation: null, r2 })
    }
    for (const { first, second, shares: values } of shares.pairs) {
      interactions.push({ names: [axes[inputs[first]!]!.name, axes[inputs[second]!]!.name], ...estimate(values) })
    }
  }
  return { parameters, interactions }
}

function sharesOf(
  forest: Forest,
  method: 'fanova' | 'permutation' | 'mdi',
  { inputs, judged }: ActiveGroup,
  seed: number,
): TreeShares {
  switch (method) {
    case 'fanova':
      return fanova(forest, (place) => judged.includes(inputs[place]!))
    case 'permutation':
      return { main: permutationImportance(forest, seed), pairs: [] }
    case 'mdi':
      return { main: meanDecreaseInImpurity(forest), pairs: [] }
  }
}

/** By how much the splits of each parameter lower the squared error of the trials a tree was grown on. Breiman 2001. */
function meanDecreaseInImpurity({ features, trees }: Forest): Float64Array[] {
  return features.map((_, feature) => Float64Array.from(trees, ({ decrease }) => decrease[feature]!))
}
