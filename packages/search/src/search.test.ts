import { expect, test } from 'vitest'
import { createSearch } from './search.ts'
import { documentOf } from './testing/documents.ts'

test('the document names the sampler and the pruner', () => {
  const names = (overrides: object) => {
    const { sampler, pruner } = createSearch(documentOf(overrides))
    return [sampler.name, pruner?.name]
  }
  expect(names({})).toEqual(['random', undefined])
  expect(names({ earlyTerminate: { type: 'asha' } })).toEqual(['random', 'asha'])
  expect(names({ earlyTerminate: { type: 'median' } })).toEqual(['random', 'median'])
  for (const type of ['percentile', 'threshold', 'wilcoxon', 'extrapolate'])
    expect(names({ earlyTerminate: { type } })).toEqual(['random', type])
  expect(names({ earlyTerminate: { type: 'patience', patience: 3 } })).toEqual(['random', 'patience'])
  expect(names({ earlyTerminate: { type: 'hyperband', minIter: 1 } })).toEqual(['random', 'hyperband'])
  const space = { parameters: [{ name: 'a', path: ['a'], type: 'choice', values: [1, 2] }] }
  expect(names({ method: 'grid', space })).toEqual(['grid', undefined])
})

test('without a metric there is nothing to judge by, so nothing is pruned', () => {
  expect(createSearch(documentOf({ metric: undefined, earlyTerminate: { type: 'asha' } })).pruner).toBeUndefined()
})

test('the seed of the document decides what is proposed', () => {
  const ask = (seed: number) => createSearch(documentOf({ seed })).sampler.ask(2).suggestions
  expect(ask(1)).toEqual(ask(1))
  expect(ask(1)).not.toEqual(ask(2))
})
