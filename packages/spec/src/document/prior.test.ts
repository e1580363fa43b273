import { expect, test } from 'vitest'
import { messages, parameter, shown, withParameters } from './testing.ts'

test.each<[string, object]>([
  ['{min: 0.0, max: 1.0, default: 0.25}', { mu: 0.25 }],
  ['{min: 1, max: 9, default: 3}', { mu: 3 }],
  ['{min: 1e-5, max: 1, distribution: log_uniform_values, default: "1e-3"}', { mu: 1e-3 }],
  ['{values: [adam, sgd], default: sgd}', { mu: 'sgd' }],
  ['{values: [1, [2, 3]], default: [2, 3]}', { mu: [2, 3] }],
  ['{min: 0.0, max: 1.0, prior: {mu: 0.25}}', { mu: 0.25 }],
  ['{min: 1, max: 9, prior: {mu: 2.5, sigma: 1}}', { mu: 2.5, sigma: 1 }],
  ['{mu: 0, sigma: 1, prior: {mu: "-1e-1", sigma: 0.2}}', { mu: -0.1, sigma: 0.2 }],
])('%s', (yaml, prior) => {
  expect(parameter(`x: ${yaml}`).prior).toEqual(prior)
})

test('a parameter without either has no prior', () => {
  expect(parameter('x: {min: 0.0, max: 1.0}')).not.toHaveProperty('prior')
})

test.each<[string, string[], string]>([
  ['{min: 0.0, max: 1.0, default: 2}', ['5:27 error: x: default 2 is no value of it'], 'It is a number from 0 to 1.'],
  [
    '{min: 0, max: 4, default: half}',
    ['5:23 error: x: default "half" is no value of it'],
    'a whole number from 0 to 4',
  ],
  ['{values: [adam, sgd], default: adma}', ['5:28 error: x: default "adma" is no value of it'], 'Did you mean "adam"?'],
  ['{value: 3, default: 3}', ['5:17 error: x: default has no effect on a constant'], 'Leave it out.'],
  ['{values: [1, 2], prior: {mu: 1}}', ['5:23 error: x: prior needs a range of numbers'], 'write default: VALUE'],
  [
    '{min: 0.0, max: 1.0, default: 0.1, prior: {mu: 0.1}}',
    ['5:41 error: x: default and prior say the same thing'],
    'Keep one',
  ],
  ['{min: 0.0, max: 1.0, prior: {mu: 3}}', ['5:35 error: x: mu 3 is no value of it'], 'It is a number from 0 to 1.'],
  [
    '{min: 0.0, max: 1.0, prior: {mu: 0.5, sigma: 0}}',
    ['5:44 error: x: sigma is 0, but must be above 0'],
    'Leave it out for a quarter of the range.',
  ],
])('%s is an error', (yaml, expected, hint) => {
  const source = withParameters(`x: ${yaml}`, 'bayes')
  expect(messages(source)).toEqual(expected)
  expect(shown(source)).toContain(hint)
})

test.each([
  ['{min: 0.0, max: 1.0, prior: 0.5}', 'a map such as {mu: 0.01, sigma: 0.005}'],
  ['{min: 0.0, max: 1.0, prior: {mu: 0.5, sd: 0.1}}', 'sd'],
  ['{min: 0.0, max: 1.0, prior: {mu: much}}', 'a number'],
  ['{min: 0.0, max: 1.0, prior: {sigma: 0.1}}', 'mu'],
])('%s is told of its shape', (yaml, expected) => {
  const source = withParameters(`x: ${yaml}`, 'bayes')
  expect(shown(source)).toContain(expected)
})
