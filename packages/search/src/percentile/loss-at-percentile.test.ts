import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emptyRanking, withTrial } from '../persistent/ranking.ts'
import { lossAtPercentile } from './loss-at-percentile.ts'

const ranked = (losses: readonly number[]) =>
  losses.reduce((ranking, loss, index) => withTrial(ranking, index + 1, loss), emptyRanking)

test('the percentile is a loss of the ranking, or lies between two', () => {
  // As numpy.percentile gives.
  const ranking = ranked([15, 20, 35, 40, 50])
  expect([0, 5, 25, 40, 50, 100].map((percentile) => lossAtPercentile(ranking, percentile))).toEqual([
    15, 16, 20, 29, 35, 50,
  ])
  expect(lossAtPercentile(ranked([7]), 25)).toBe(7)
})

test('infinite losses are the worst: none of them shows below', () => {
  const ranking = ranked([1, 2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
  expect([0, 25, 50, 100].map((percentile) => lossAtPercentile(ranking, percentile))).toEqual([
    1,
    1.75,
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ])
})

test('of equal losses, every percentile is that loss to the last bit', () => {
  const loss = fc.double({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(
      loss,
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0, max: 100, noNaN: true }),
      (one, size, at) => {
        expect(lossAtPercentile(ranked(Array(size).fill(one)), at)).toBe(one)
      },
    ),
  )
})

test('it never falls as the percentile rises', () => {
  const losses = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 12 })
  const percentile = fc.integer({ min: 0, max: 100 })
  fc.assert(
    fc.property(losses, percentile, percentile, (list, a, b) => {
      const ranking = ranked(list)
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      expect(lossAtPercentile(ranking, low)).toBeLessThanOrEqual(lossAtPercentile(ranking, high) + 1e-12)
    }),
  )
})
