import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectors } from '../testing/loss-vectors.ts'
import { crowdedOrder, crowdingDistances } from './crowding.ts'

const INFINITE = Number.POSITIVE_INFINITY

test('the distance is that between the neighbours, as a share of the range of each objective', () => {
  const front = [
    [0, 10],
    [1, 6],
    [3, 5],
    [10, 0],
  ]
  // (3 - 0) / 10 + (10 - 5) / 10, and (10 - 1) / 10 + (6 - 0) / 10
  expect(crowdingDistances(front)).toEqual([INFINITE, 0.8, 1.5, INFINITE])
})

test('an objective in which all are the same tells nothing', () => {
  expect(
    crowdingDistances([
      [1, 2, 7],
      [2, 1, 7],
      [1.5, 1.5, 7],
    ]),
  ).toEqual([INFINITE, INFINITE, 2])
  expect(
    crowdingDistances([
      [1, 1],
      [1, 1],
    ]),
  ).toEqual([0, 0])
  expect(crowdingDistances([])).toEqual([])
})

test('first by rank, then with room around, then by index', () => {
  const losses = [
    [5, 5],
    [0, 4],
    [1, 3],
    [2, 2],
    [4, 0],
    [1, 3],
  ]
  const order = crowdedOrder(losses)
  expect(order.map(({ index }) => index)).toEqual([1, 4, 3, 2, 5, 0])
  expect(order.map(({ rank }) => rank)).toEqual([0, 0, 0, 0, 0, 1])
})

test('losses that are not finite come last, by index', () => {
  const losses = [
    [Number.NaN, 0],
    [1, 1],
    [0, Number.POSITIVE_INFINITY],
    [2, 0],
  ]
  expect(crowdedOrder(losses).map(({ index }) => index)).toEqual([1, 3, 0, 2])
})

test('losses may lie further apart than the largest double', () => {
  const most = Number.MAX_VALUE
  expect(
    crowdingDistances([
      [-most, 1],
      [0, 0.5],
      [most, 0],
    ]),
  ).toEqual([INFINITE, 2, INFINITE])
})

test('every vector has one place, and ranks never fall', () => {
  fc.assert(
    fc.property(vectors(5), (losses) => {
      const order = crowdedOrder(losses)
      expect(order.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...losses.keys()])
      expect(order.every(({ rank }, place) => place === 0 || rank >= order[place - 1]!.rank)).toBe(true)
    }),
  )
})
