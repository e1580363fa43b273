import { expect, test } from 'vitest'
import { messages, parsed, shown } from './testing.ts'

const SOURCE = `method: bayes
program: train.py
run_cap: 5
metric: {name: val_loss}
parameters:
  lr: {min: 1e-5, max: 1.0, distribution: log_uniform_values}
  optimizer: {values: [sgd, adam]}
  beta: {min: 0.0, max: 1.0, when: {optimizer: adam}}
`
const withResults = (rows: string) => `${SOURCE}warm_start:\n  results:\n    - ${rows}\n`

test('a table of past results becomes configs with values', () => {
  const document = parsed(
    `${SOURCE}warm_start:
  sweeps: [abc]
  results:
    - {lr: 0.01, optimizer: adam, beta: 0.9, val_loss: 0.25}
    - {lr: 0.1, optimizer: sgd, beta: null, val_loss: 1}
`,
  )
  expect(document.warmStart).toEqual({
    sweeps: ['abc'],
    results: [
      { config: { lr: 0.01, optimizer: 'adam', beta: 0.9 }, value: 0.25 },
      // The empty cell of a table where a condition keeps the parameter out.
      { config: { lr: 0.1, optimizer: 'sgd' }, value: 1 },
    ],
  })
})

test('without warm_start there is none', () => {
  expect(parsed(SOURCE)).not.toHaveProperty('warmStart')
})

test('columns that are no parameters are left out, with one warning for all rows', () => {
  const source = withResults('{lr: 0.01, host: a, val_loss: 1}\n    - {lr: 0.02, host: b, val_loss: 2}')
  expect(messages(source)).toEqual(['10:3 warning: host: no parameter of this sweep, left out'])
  expect(parsed(source).warmStart?.results.map(({ config }) => config)).toEqual([{ lr: 0.01 }, { lr: 0.02 }])
})

test.each([
  ['{lr: 0.01}', '11:7 error: the row lacks val_loss', 'the metric beside the parameters'],
  ['{lr: 0.01, val_loss: low}', '11:7 error: val_loss is no number', 'val_loss: 0.31'],
  ['{depth: 3, val_loss: 1}', '11:7 error: the row names no parameter of this sweep', 'They are lr, optimizer, beta.'],
])('the row %s is an error', (row, message, hint) => {
  expect(messages(withResults(row)).filter((one) => one.includes('error'))).toEqual([message])
  expect(shown(withResults(row))).toContain(hint)
})

test('without a metric it has no use', () => {
  const source = withResults('{lr: 0.01, val_loss: 1}').replace('metric: {name: val_loss}\n', '')
  expect(messages(source)).toContain('8:1 error: warm_start tells values of a metric, but there is none')
})
