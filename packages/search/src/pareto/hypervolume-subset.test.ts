import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectors } from '../testing/loss-vectors.ts'
import { hypervolume } from './hypervolume.ts'
import { hypervolumeSubset } from './hypervolume-subset.ts'

test('first what dominates most, then what adds most to it', () => {
  const losses = [
    [0, 3.5],
    [1, 1],
    [3.5, 0],
    [1.5, 1.5],
  ]
  expect(hypervolumeSubset(losses, 3, [4, 4])).toEqual([1, 0, 2])
  expect(hypervolumeSubset(losses, 9, [4, 4])).toEqual([1, 0, 2, 3])
  expect(hypervolumeSubset(losses, 0, [4, 4])).toEqual([])
})

test('ties go to the lower index', () => {
  expect(
    hypervolumeSubset(
      [
        [1, 1],
        [1, 1],
        [2, 0.5],
        [0.5, 2],
      ],
      4,
      [3, 3],
    ),
  ).toEqual([0, 2, 3, 1])
})

/** As the definition has it: every vector is looked at anew in every step. */
function greedy(losses: readonly (readonly number[])[], count: number, reference: readonly number[]): number[] {
  const subset: number[] = []
  while (subset.length < Math.min(count, losses.length)) {
    const volumes = losses.map((_, i) =>
      subset.includes(i)
        ? -1
        : hypervolume(
            [...subset, i].map((j) => losses[j]!),
            reference,
          ),
    )
    subset.push(volumes.indexOf(Math.max(...volumes)))
  }
  return subset
}

test('it is the greedy subset', () => {
  fc.assert(
    fc.property(vectors(3), fc.integer({ min: 1, max: 8 }), (losses, count) => {
      const reference = new Array<number>(losses[0]?.length ?? 2).fill(8)
      expect(hypervolumeSubset(losses, count, reference)).toEqual(greedy(losses, count, reference))
    }),
    { numRuns: 60 },
  )
})
