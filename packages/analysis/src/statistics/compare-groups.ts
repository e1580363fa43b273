import { type Adjustment, adjustPs } from './adjust.ts'
import { compactLetters } from './compact-letters.ts'
import { type CompareOptions, type Comparison, compare } from './compare.ts'
import { mean } from './describe.ts'

export interface Group {
  readonly name: string
  /** One value a seed; in paired tests the same seeds in the same order in every group. */
  readonly values: readonly number[]
}

export interface GroupComparison {
  readonly first: string
  readonly second: string
  readonly comparison: Comparison
  /** For the number of comparisons; null where there is no p-value. */
  readonly adjustedP: number | null
}

export interface GroupsCompared {
  /** Lowest mean of the finite values first. Groups that share a letter do not differ significantly. */
  readonly groups: readonly { readonly name: string; readonly mean: number; readonly letters: string }[]
  readonly comparisons: readonly GroupComparison[]
}

export interface CompareGroupsOptions extends CompareOptions {
  readonly adjustment?: Adjustment
  readonly alpha?: number
}

/** Compares every group with every other one, and says which can't be told apart. */
export function compareGroups(
  groups: readonly Group[],
  { adjustment = 'holm', alpha = 0.05, ...options }: CompareGroupsOptions = {},
): GroupsCompared {
  const ordered = groups
    .map((group) => ({ ...group, mean: mean(group.values.filter(Number.isFinite)) }))
    .sort((a, b) => a.mean - b.mean || (a.name < b.name ? -1 : 1))
  const pairs = ordered.flatMap((second, place) =>
    ordered.slice(0, place).map((first) => ({
      first: first.name,
      second: second.name,
      comparison: compare(first.values, second.values, options),
    })),
  )
  const judged = pairs.filter(({ comparison }) => comparison.p !== null)
  const adjusted = adjustPs(
    judged.map(({ comparison }) => comparison.p!),
    adjustment,
  )
  const comparisons = pairs.map((pair) => ({ ...pair, adjustedP: adjusted[judged.indexOf(pair)] ?? null }))
  const differ = (first: number, second: number) =>
    comparisons.some(
      (pair) =>
        pair.first === ordered[first]!.name &&
        pair.second === ordered[second]!.name &&
        pair.adjustedP !== null &&
        pair.adjustedP < alpha,
    )
  const letters = compactLetters(ordered.length, differ)
  return {
    groups: ordered.map(({ name, mean: middle }, place) => ({ name, mean: middle, letters: letters[place]! })),
    comparisons,
  }
}
