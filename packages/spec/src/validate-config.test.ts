import { expect, test } from 'vitest'
import { activeNames } from './conditions.ts'
import { parsed, withParameters } from './document/testing.ts'
import type { Config } from './search-space.ts'
import { completeConfig, validateConfig } from './validate-config.ts'

const SPACE = parsed(
  withParameters(
    [
      'beta2: {min: 0.9, max: 0.999, when: {optimizer: adam}}',
      'amsgrad: {values: [true, false], when: {beta2_on: 1}}',
      'beta2_on: {values: [0, 1], when: {optimizer: adam}}',
      'optimizer: {values: [sgd, adam]}',
      'lr: {distribution: log_uniform_values, min: 1e-5, max: 0.1}',
      'layers: {min: 1, max: 4}',
      'seed: {value: 3}',
      'width: {min: 0, max: 100, q: 10}',
      'noise: {mu: 0, sigma: 1}',
      'mix: {distribution: beta}',
    ].join('\n'),
  ),
).space
const SGD: Config = { optimizer: 'sgd', lr: 0.01, layers: 2, width: 50, noise: -3, mix: 0.5 }

function problems(config: Config): string[] {
  return validateConfig(SPACE, config).map(({ severity, message, hint }) => `${severity}: ${message}. ${hint ?? ''}`)
}

test('a fitting config has no problem, constants may be left out', () => {
  expect(problems(SGD)).toEqual([])
  expect(problems({ ...SGD, seed: 3 })).toEqual([])
  expect(problems({ ...SGD, optimizer: 'adam', beta2: 0.95, beta2_on: 1, amsgrad: true })).toEqual([])
  expect(problems({ ...SGD, optimizer: 'adam', beta2: 0.95, beta2_on: 0 })).toEqual([])
})

test.each<[string, Config, string]>([
  [
    'unknown',
    { ...SGD, learning: 1 },
    'error: learning is no parameter of this sweep. Its parameters are beta2, amsgrad',
  ],
  ['inactive', { ...SGD, beta2: 0.95 }, 'error: beta2 exists only when optimizer is "adam". Leave it out.'],
  [
    'of the wrong type',
    { ...SGD, lr: '0.1' },
    'error: lr is "0.1", of the wrong type. It is a number from 0.00001 to 0.1.',
  ],
  [
    'no whole number',
    { ...SGD, layers: 2.5 },
    'error: layers is 2.5, of the wrong type. It is a whole number from 1 to 4.',
  ],
  ['outside', { ...SGD, lr: 0.5 }, 'warning: lr 0.5 is outside the search space. It is a number from 0.00001 to 0.1.'],
  ['below', { ...SGD, layers: 0 }, 'warning: layers 0 is outside the search space. It is a whole number from 1 to 4.'],
  ['null', { ...SGD, noise: null }, 'error: noise is null, of the wrong type. It is a number.'],
  ['beyond 1', { ...SGD, mix: 2 }, 'warning: mix 2 is outside the search space. It is a number from 0 to 1.'],
  ['another constant', { ...SGD, seed: 4 }, 'warning: seed 4 is outside the search space. It is always 3.'],
])('a value that is %s', (_name, config, expected) => {
  expect(problems(config)).toHaveLength(1)
  expect(problems(config)[0]).toContain(expected)
})

test('a misspelt name gets the name that is missing', () => {
  const { layers, ...rest } = SGD
  expect(problems({ ...rest, layer: layers ?? 1 })).toEqual([
    'error: layer is no parameter of this sweep. Did you mean "layers"?',
    'error: layers is missing. It is a whole number from 1 to 4.',
  ])
})

test('a value near one of the choices gets it suggested', () => {
  expect(validateConfig(SPACE, { ...SGD, optimizer: 'sdg' })[0]).toMatchObject({
    severity: 'warning',
    hint: 'Did you mean "sgd"?',
  })
})

test('keys such as __proto__ and toString are unknown like any other', () => {
  const config = JSON.parse('{"__proto__": 1, "toString": 2}') as Config
  expect(problems(config).filter((text) => text.includes('no parameter'))).toHaveLength(2)
})

test('conditions hold along a chain, whatever the order in the document', () => {
  expect([...activeNames(SPACE, { optimizer: 'adam', beta2_on: 1 })]).toContain('amsgrad')
  expect([...activeNames(SPACE, { optimizer: 'sgd', beta2_on: 1 })]).not.toContain('amsgrad')
})

test('constants are filled in where they are active', () => {
  const space = parsed(withParameters('a: {values: [1, 2]}\nb: {value: x, when: {a: 1}}\nc: {value: y}')).space
  expect(completeConfig(space, { a: 1 })).toEqual({ a: 1, b: 'x', c: 'y' })
  expect(completeConfig(space, { a: 2 })).toEqual({ a: 2, c: 'y' })
  expect(completeConfig(space, { a: 1, b: 'own' })).toEqual({ a: 1, b: 'own', c: 'y' })
})
