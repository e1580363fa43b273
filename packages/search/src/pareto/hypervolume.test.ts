import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectors } from '../testing/loss-vectors.ts'
import { OPTUNA_HYPERVOLUMES } from '../testing/optuna-hypervolumes.ts'
import { hypervolume, hypervolumeContributions } from './hypervolume.ts'

test('boxes by hand', () => {
  expect(hypervolume([[1, 1]], [4, 3])).toBe(6)
  expect(
    hypervolume(
      [
        [1, 2],
        [2, 1],
      ],
      [4, 4],
    ),
  ).toBe(3 * 2 + 2 * 3 - 2 * 2)
  expect(
    hypervolume(
      [
        [0, 0, 1],
        [1, 1, 0],
      ],
      [2, 2, 2],
    ),
  ).toBe(4 + 2 - 1)
  expect(hypervolume([[3], [1], [2]], [5])).toBe(4)
})

test('what is dominated, twice there, outside the reference or no number adds nothing', () => {
  const one = [
    [1, 2],
    [2, 1],
  ]
  const more = [...one, [2, 2], [1, 2], [4, 0], [0, 9], [Number.NaN, 0], [0, Number.POSITIVE_INFINITY]]
  expect(hypervolume(more, [4, 4])).toBe(hypervolume(one, [4, 4]))
  expect(hypervolume([[4, 4]], [4, 4])).toBe(0)
  expect(hypervolume([], [4, 4])).toBe(0)
})

test.each(OPTUNA_HYPERVOLUMES)('as Optuna has it, $hypervolume', ({ losses, reference, hypervolume: expected }) => {
  expect(hypervolume(losses, reference)).toBeCloseTo(expected, 12)
})

test('contributions by hand', () => {
  const losses = [
    [1, 3],
    [2, 2],
    [3, 1],
    [3, 3],
    [5, 0],
  ]
  expect(hypervolumeContributions(losses, [4, 4])).toEqual([1, 1, 1, 0, 0])
  expect(
    hypervolumeContributions(
      [
        [1, 1],
        [1, 1],
      ],
      [4, 4],
    ),
  ).toEqual([0, 0])
  expect(
    hypervolumeContributions(
      [
        [Number.NaN, 1],
        [1, 1],
      ],
      [4, 4],
    ),
  ).toEqual([0, 9])
})

/** Counts the unit cells below the reference that some vector dominates. */
function countCells(losses: readonly (readonly number[])[], reference: readonly number[]): number {
  const cells = reference.reduce<number[][]>(
    (all, end) => all.flatMap((cell) => Array.from({ length: end }, (_, x) => [...cell, x])),
    [[]],
  )
  return cells.filter((cell) => losses.some((vector) => vector.every((loss, k) => loss <= cell[k]!))).length
}

test('of whole numbers it is the number of cells dominated, with one to four objectives', () => {
  fc.assert(
    fc.property(vectors(4), (losses) => {
      const reference = new Array<number>(losses[0]?.length ?? 2).fill(6)
      expect(hypervolume(losses, reference)).toBe(countCells(losses, reference))
    }),
    { numRuns: 150 },
  )
})

test('a contribution is what is lost without the vector', () => {
  fc.assert(
    fc.property(vectors(5), (losses) => {
      const reference = new Array<number>(losses[0]?.length ?? 2).fill(7)
      const all = hypervolume(losses, reference)
      const without = losses.map((_, i) => hypervolume(losses.toSpliced(i, 1), reference))
      expect(hypervolumeContributions(losses, reference)).toEqual(without.map((volume) => all - volume))
    }),
    { numRuns: 100 },
  )
})
