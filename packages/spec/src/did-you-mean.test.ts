import fc from 'fast-check'
import { expect, test } from 'vitest'
import { didYouMean, didYouMeanHint, editDistance } from './did-you-mean.ts'

test.each([
  ['metod', ['method', 'metric'], 'method'],
  ['val_los', ['train_loss', 'val_loss'], 'val_loss'],
  ['leraning_rate', ['learning_rate'], 'learning_rate'],
  ['Val-Loss', ['val_loss'], 'val_loss'],
  ['lr', ['mu'], null],
  ['args', ['tags'], null],
  ['x', [], null],
  ['lr', ['lr'], null],
])('%s among %j is %j', (word, candidates, expected) => {
  expect(didYouMean(word, candidates)).toBe(expected)
})

test('the hint is a question, or nothing', () => {
  expect(didYouMeanHint('grud', ['grid'])).toBe('Did you mean "grid"?')
  expect(didYouMeanHint('bayes', ['grid'])).toBeUndefined()
})

test('the distance is symmetric, 0 only for equal words, and a swap of neighbours costs one', () => {
  expect(editDistance('ab', 'ba')).toBe(1)
  expect(editDistance('kitten', 'sitting')).toBe(3)
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      expect(editDistance(b, a)).toBe(distance)
      expect(distance === 0).toBe(a === b)
      expect(editDistance(a, b, 2)).toBe(Math.min(distance, 2))
    }),
  )
})

test('a hostile word costs no time', () => {
  const start = performance.now()
  didYouMean('a'.repeat(1_000_000), ['b'.repeat(1_000_000)])
  expect(performance.now() - start).toBeLessThan(200)
})
