import { parseDocument } from '@sweep/spec/document/parse-document'
import { expect, test } from 'vitest'
import { parseParameterFlag, parseParameterSpec } from './parameter-spec.ts'

test.each([
  ['1e-5..1e-1:log', { min: 1e-5, max: 0.1, distribution: 'log_uniform_values' }],
  ['2..8', { min: 2, max: 8, distribution: 'int_uniform' }],
  ['-3..3', { min: -3, max: 3, distribution: 'int_uniform' }],
  ['0..0.5', { min: 0, max: 0.5, distribution: 'uniform' }],
  ['0.0..1.0', { min: 0, max: 1, distribution: 'uniform' }],
  ['.1...5', { min: 0.1, max: 0.5, distribution: 'uniform' }],
  ['1..1000:log', { min: 1, max: 1000, distribution: 'q_log_uniform_values', q: 1 }],
  ['16..256:x2', { values: [16, 32, 64, 128, 256] }],
  ['1e-4..1:x10', { values: [0.0001, 0.001, 0.01, 0.1, 1] }],
  ['0..0.5:step=.1', { values: [0, 0.1, 0.2, 0.3, 0.4, 0.5] }],
  ['adam,sgd', { values: ['adam', 'sgd'] }],
  ['1,2.5,true,null,a b', { values: [1, 2.5, true, null, 'a b'] }],
  ['20', { value: 20 }],
  ['../data', { value: '../data' }],
])('%s is read as its grammar says', (spec, expected) => {
  expect(parseParameterSpec('p', spec)).toEqual(expected)
})

test.each([
  ['8..2', '8 is not below 2'],
  ['2..2', '2 is not below 2'],
  ['0..1:log', 'needs an end above 0'],
  ['a..b', '"a" is no number'],
  ['1..5:x1', 'a factor above 1'],
  ['0..5:x2', 'a range above 0'],
  ['0..1:step=0', 'must be above 0'],
  ['0..1:step=1e-9', 'more than 10000 values'],
  ['1..2:cubic', '":cubic" is no scale'],
  ['', 'no values'],
  ['a,,b', 'empty value'],
])('%s is refused, saying what is wrong', (spec, message) => {
  expect(() => parseParameterSpec('p', spec)).toThrow(message)
})

test('a flag without a name or an equals sign is a usage error that shows how', () => {
  for (const text of ['lr', '=1..2', '1x=2', 'a b=2'])
    expect(() => parseParameterFlag(text)).toThrow('does not say NAME=SPEC')
})

test('a control character in a flag does not reach the error raw', () => {
  expect(() => parseParameterFlag('\u001b[31m')).toThrow('\\u001b')
})

test('everything the grammar makes is a valid sweep file', () => {
  const specs = ['1e-5..1e-1:log', '2..8', '1..1000:log', '0..0.5', '16..256:x2', '0..0.5:step=.1', 'adam,sgd', '20']
  const parameters = Object.fromEntries(specs.map((spec, i) => [`p${i}`, parseParameterSpec(`p${i}`, spec)]))
  const source = JSON.stringify({ method: 'random', run_cap: 1, parameters, command: ['true'] })
  const { document, diagnostics } = parseDocument(source, { file: 'run', newSeed: () => 0 })
  expect(diagnostics).toEqual([])
  expect(document?.space.parameters.map((parameter) => parameter.type)).toEqual([
    'float',
    'int',
    expect.stringMatching(/int|float/),
    'float',
    'choice',
    'choice',
    'choice',
    'constant',
  ])
})
