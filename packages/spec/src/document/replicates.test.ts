import { expect, test } from 'vitest'
import { messages, parsed } from './testing.ts'

const PLAIN = `
method: random
metric: {name: loss}
parameters: {x: {min: 0.0, max: 1.0}}
command: [python3, train.py]
run_cap: 20
`

test('replicates say how many seeds each config is run with', () => {
  expect(parsed(`${PLAIN}replicates: {seeds: 5}\n`).replicates).toEqual({ seeds: 5 })
  expect(parsed(PLAIN)).not.toHaveProperty('replicates')
})

test('a budget that is no multiple of the seeds is warned of', () => {
  expect(messages(`${PLAIN}replicates: {seeds: 6}\n`)).toEqual([
    expect.stringContaining('20 trials are 3 configs with 6 seeds each, and one with fewer'),
  ])
})

test.each([
  ['replicates: {seeds: 1}', 'a whole number, 2 or more'],
  ['replicates: {seeds: 101}', 'a whole number from 2 to 100'],
  ['replicates: {seed: 3}', 'seeds'],
  ['replicates: 5', 'a map such as {seeds: 5}'],
  ['replicates: {seeds: 5}\nconfirms: {sweep: a, trials: [1]}', 'confirms'],
])('refused: %s', (yaml, text) => {
  expect(messages(`${PLAIN}${yaml}\n`).join('\n')).toContain(text)
})

test('neither a population nor a sweep without a metric has replicates', () => {
  const population = PLAIN.replace('random', 'pbt')
  expect(messages(`${population}replicates: {seeds: 5}\n`).join()).toContain("replicates can't be used with method pbt")
  const aimless = PLAIN.replace('metric: {name: loss}', '')
  expect(messages(`${aimless}replicates: {seeds: 5}\n`).join()).toContain('replicates give the mean of a metric')
})
