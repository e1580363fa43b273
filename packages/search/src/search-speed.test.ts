import { EarlyTerminate } from '@sweep/spec/document/sweep-document'
import { expect, test } from 'vitest'
import { createSearch } from './search.ts'
import { documentOf } from './testing/documents.ts'
import { created } from './testing/histories.ts'
import { measureSearch } from './testing/search-speed.ts'
import { spaceOf } from './testing/spaces.ts'

const now = () => performance.now()

for (const settings of [
  { type: 'asha' },
  { type: 'asha', mode: 'promote' },
  { type: 'sync-hyperband', maxResource: 27 },
  { type: 'median' },
  { type: 'hyperband', minIter: 1, strict: false },
]) {
  test(`${Object.values(settings).join(' ')}: at 10,000 trials a call takes far less than a millisecond`, () => {
    const speed = measureSearch(EarlyTerminate.parse(settings), 10_000, now)
    if (process.env['SWEEP_SHOW_SPEED']) console.log(JSON.stringify({ ...settings, ...speed }))
    expect(speed.askMicros).toBeLessThan(500)
    expect(speed.tellMicros).toBeLessThan(200)
    expect(speed.decideMicros).toBeLessThan(200)
  }, 60_000)
}

test('a grid steps over 20,000 configs taken by hand in less than a second', () => {
  const space = spaceOf({ name: 'a', type: 'int', min: 1, max: 1_000_000 })
  let { sampler } = createSearch(documentOf({ method: 'grid', space }))
  for (let a = 1; a <= 20_000; a += 1) sampler = sampler.tell(created(a, { a }))
  const begin = now()
  expect(sampler.ask(1).suggestions[0]!.config).toEqual({ a: 20_001 })
  expect(now() - begin).toBeLessThan(1000)
})
