import { expect, test } from 'vitest'
import { meanPoints } from './mean-points.ts'
import type { TrialPoint } from './trial-points.ts'

const point = (
  number: number,
  x: number,
  value: number | null,
  state: TrialPoint['state'] = 'completed',
): TrialPoint => ({
  ...{ number, config: { x, y: 1 }, value, state },
})

test('completed trials of one config are one point with their mean; others stay as they are', () => {
  expect(
    meanPoints([
      point(1, 1, 2),
      point(2, 2, 5),
      { ...point(3, 1, 4), config: { y: 1, x: 1 } },
      point(4, 1, 9, 'pruned'),
      point(5, 2, null, 'failed'),
      point(6, 2, Number.NaN),
    ]),
  ).toEqual([
    point(1, 1, 3),
    point(2, 2, 5),
    point(4, 1, 9, 'pruned'),
    point(5, 2, null, 'failed'),
    point(6, 2, Number.NaN),
  ])
})
