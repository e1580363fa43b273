import { expect, test } from 'vitest'
import { hyperbandBrackets, rungCount } from './rung-count.ts'

test('powers that logarithms get wrong come out right', () => {
  expect(rungCount(1, 243, 3)).toBe(6)
  expect(rungCount(1, 1000, 10)).toBe(4)
  expect(rungCount(1, 242, 3)).toBe(5)
  expect(rungCount(5, 5, 2)).toBe(1)
})

test('the table of the Hyperband paper comes out (JMLR 18(185), Table 1: R = 81, reduction factor 3)', () => {
  const table = hyperbandBrackets(1, 81, 3).map(({ rungs }) => rungs.map(({ trials, resource }) => [trials, resource]))
  expect(table).toEqual([
    [
      [81, 1],
      [27, 3],
      [9, 9],
      [3, 27],
      [1, 81],
    ],
    [
      [34, 3],
      [11, 9],
      [3, 27],
      [1, 81],
    ],
    [
      [15, 9],
      [5, 27],
      [1, 81],
    ],
    [
      [8, 27],
      [2, 81],
    ],
    [[5, 81]],
  ])
})
