import { exclusiveVolume } from './hypervolume.ts'

/**
 * Vectors that together dominate much: each is the one that adds most hypervolume to those before it, ties by index. At
 * least 1 - 1/e of what the best subset has (Guerreiro, Fonseca and Paquete 2016, "Greedy hypervolume subset selection in
 * low dimensions", section II). What a vector adds never grows as others join, so only the first in line is looked at anew.
 *
 * @param losses finite vectors
 * @param count of the vectors to choose
 * @returns indices, in the order they were chosen
 */
export function hypervolumeSubset(
  losses: readonly (readonly number[])[],
  count: number,
  reference: readonly number[],
): number[] {
  const waiting = losses.map((vector, index) => ({ index, added: exclusiveVolume(vector, [], reference), chosen: 0 }))
  const subset: number[] = []
  while (subset.length < Math.min(count, losses.length)) {
    waiting.sort((a, b) => b.added - a.added || a.index - b.index)
    const first = waiting[0]!
    if (first.chosen === subset.length) {
      subset.push(first.index)
      waiting.shift()
    } else {
      const others = subset.map((index) => losses[index]!)
      first.added = exclusiveVolume(losses[first.index]!, others, reference)
      first.chosen = subset.length
    }
  }
  return subset
}
