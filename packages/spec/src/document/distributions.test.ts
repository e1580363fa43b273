import { expect, test } from 'vitest'
import { messages, parameter, parsed, withParameters } from './testing.ts'

test.each<[string, object]>([
  ['{value: 3}', { type: 'constant', value: 3 }],
  ['{value: 3.0}', { type: 'constant', value: 3, float: true }],
  ['{value: null}', { type: 'constant', value: null }],
  ['{value: {x: [1, 2]}}', { type: 'constant', value: { x: [1, 2] } }],
  ['{value: 3, distribution: constant}', { type: 'constant', value: 3 }],
  ['{values: [1, 2]}', { type: 'choice', values: [1, 2] }],
  ['{values: [1.0, 2.0]}', { type: 'choice', values: [1, 2], floats: [0, 1] }],
  [
    '{values: [1, 2.0, 0.5, "3", x, null, true]}',
    { type: 'choice', values: [1, 2, 0.5, '3', 'x', null, true], floats: [1, 2] },
  ],
  ['{values: [1e-5, "1e-5"]}', { type: 'choice', values: [1e-5, '1e-5'], floats: [0] }],
  ['{values: [a, b], distribution: categorical}', { type: 'choice', values: ['a', 'b'] }],
  [
    '{values: [a, b], probabilities: [0.25, 0.75]}',
    { type: 'choice', values: ['a', 'b'], probabilities: [0.25, 0.75] },
  ],
  ['{min: 0, max: 1}', { type: 'int', min: 0, max: 1, scale: 'linear' }],
  ['{min: 0.0, max: 1.0}', { type: 'float', min: 0, max: 1, scale: 'linear' }],
  ['{min: 0, max: 1.0}', { type: 'float', min: 0, max: 1, scale: 'linear' }],
  ['{min: 1, max: 5, distribution: int_uniform}', { type: 'int', min: 1, max: 5, scale: 'linear' }],
  ['{min: 1, max: 5, distribution: uniform}', { type: 'float', min: 1, max: 5, scale: 'linear' }],
  ['{min: 0, max: 10, q: 2}', { type: 'float', min: 0, max: 10, scale: 'linear', quantum: { q: 2, integer: true } }],
  [
    '{min: 0, max: 1, q: 0.1, distribution: q_uniform}',
    { type: 'float', min: 0, max: 1, scale: 'linear', quantum: { q: 0.1, integer: false } },
  ],
  [
    '{min: 0, max: 9, q: 2.0, distribution: q_uniform}',
    { type: 'float', min: 0, max: 9, scale: 'linear', quantum: { q: 2, integer: false } },
  ],
  ['{min: 1e-5, max: 1, distribution: log_uniform_values}', { type: 'float', min: 1e-5, max: 1, scale: 'log' }],
  [
    '{min: 8, max: 64, distribution: q_log_uniform_values}',
    { type: 'float', min: 8, max: 64, scale: 'log', quantum: { q: 1, integer: true } },
  ],
  [
    '{min: 1e-5, max: 1, distribution: inv_log_uniform_values}',
    { type: 'float', min: 1e-5, max: 1, scale: 'inverse-log' },
  ],
  ['{mu: 0, sigma: 2}', { type: 'normal', mu: 0, sigma: 2, scale: 'linear' }],
  ['{distribution: normal}', { type: 'normal', mu: 0, sigma: 1, scale: 'linear' }],
  [
    '{distribution: q_normal, mu: 3, sigma: 1, q: 5}',
    { type: 'normal', mu: 3, sigma: 1, scale: 'linear', quantum: { q: 5, integer: true } },
  ],
  ['{distribution: log_normal}', { type: 'normal', mu: 0, sigma: 1, scale: 'log' }],
  ['{distribution: q_log_normal}', { type: 'normal', mu: 0, sigma: 1, scale: 'log', quantum: { q: 1, integer: true } }],
  ['{distribution: beta, a: 2}', { type: 'beta', a: 2, b: 1 }],
  ['{distribution: q_beta, q: 0.1}', { type: 'beta', a: 1, b: 1, quantum: { q: 0.1, integer: false } }],
])('%s', (yaml, expected) => {
  expect(parameter(`x: ${yaml}`)).toEqual({ name: 'x', path: ['x'], ...expected })
})

test('log_uniform and inv_log_uniform take exponents of e, with a warning that names the range', () => {
  expect(parameter('x: {distribution: log_uniform, min: -2, max: 0}')).toMatchObject({
    min: Math.exp(-2),
    max: 1,
    scale: 'log',
  })
  expect(parameter('x: {distribution: inv_log_uniform, min: 0, max: 2}')).toMatchObject({
    min: Math.exp(-2),
    max: 1,
    scale: 'inverse-log',
  })
  expect(messages(withParameters('x: {distribution: q_log_uniform, min: 0, max: 3, q: 2}'))).toEqual([
    '5:21 warning: min and max of q_log_uniform are exponents of e: values go from 1 to 20.09',
  ])
  expect(messages(withParameters('x: {distribution: log_uniform, min: 1, max: 1000}'))[0]).toMatch(
    /^5:39 error: x: min and max of log_uniform are exponents of e, and these give 2\.718 to Infinity/,
  )
})

test('numbers as text are taken for bounds with a warning, and stay text in values', () => {
  const source = withParameters(
    'x: {min: "1e-5", max: "1e-1", distribution: log_uniform_values}\ny: {values: ["1e-5"]}',
  )
  expect(parsed(source).space.parameters).toMatchObject([{ min: 1e-5, max: 0.1 }, { values: ['1e-5'] }])
  expect(messages(source)).toEqual([
    '5:12 warning: min is the text "1e-5"; it is read as a number',
    '5:25 warning: max is the text "1e-1"; it is read as a number',
  ])
})

test('nested parameters have dotted names and a path, and inherit the condition of their group', () => {
  const source = withParameters(
    'kind: {values: [adam, sgd]}\nopt:\n  when: {kind: adam}\n  parameters:\n    lr: {value: 0.1}\n    deep: {parameters: {x: {min: 1, max: 2, when: {lr: 0.1}}}}\nflat.name: {value: 1}',
  )
  expect(parsed(source).space.parameters).toMatchObject([
    { name: 'kind' },
    { name: 'opt.lr', path: ['opt', 'lr'], when: { kind: ['adam'] } },
    { name: 'opt.deep.x', path: ['opt', 'deep', 'x'], when: { kind: ['adam'], 'opt.lr': [0.1] } },
    { name: 'flat.name', path: ['flat.name'] },
  ])
})

test('a condition on a list of values, and one narrowed by its group', () => {
  const source = withParameters(
    'k: {values: [a, b, c]}\ng:\n  when: {k: [a, b]}\n  parameters:\n    x: {value: 1, when: {k: [b, c]}}',
  )
  expect(parsed(source).space.parameters[1]).toMatchObject({ name: 'g.x', when: { k: ['b'] } })
})

test.each([
  ['x: {min: 5, max: 1}', '5:12 error: x: min 5 is not below max 1'],
  ['x: {min: 1, max: 1}', '5:12 error: x: min 1 is not below max 1'],
  ['x: {min: 1}', '5:3 error: x lacks max'],
  ['x: {distribution: uniform}', '5:3 error: x lacks min'],
  [
    'x: {min: 0, max: 1, distribution: log_uniform_values}',
    '5:12 error: x: min is 0, but a log scale needs a value above 0',
  ],
  ['x: {min: 0, max: 1, q: 0}', '5:26 error: x: q is 0, but must be above 0'],
  ['x: {min: 0, max: 1, q: -1}', '5:26 error: x: q is -1, but must be above 0'],
  ['x: {min: a, max: 1}', '5:12 error: parameters.x.min is "a", but must be a number'],
  ['x: {min: [1], max: 2}', '5:7 error: parameters.x.min is the list [1], but must be a number'],
  ['x: {min: "1.2.3", max: 2}', '5:12 error: x: min is "1.2.3", but must be a number'],
  [
    'x: {min: 0.5, max: 3, distribution: int_uniform}',
    '5:12 error: x: int_uniform needs whole numbers, but min is 0.5',
  ],
  ['x: {min: -1e308, max: 1e308}', '5:25 error: x: the range is too wide for a 64-bit float'],
  ['x: {mu: 0, sigma: 0}', '5:21 error: x: sigma is 0, but must be above 0'],
  ['x: {distribution: beta, a: -1}', '5:30 error: x: a is -1, but must be above 0'],
  ['x: {values: []}', '5:7 error: x: values is empty'],
  ['x: {values: [1, 2], probabilities: [1]}', '5:23 error: x: there are 1 probabilities for 2 values'],
  ['x: {values: [1, 2], probabilities: [0.5, 0.6]}', '5:23 error: x: the probabilities add up to 1.1'],
  [
    'x: {values: [1, 2], probabilities: [-1, 2]}',
    '5:39 error: parameters.x.probabilities[0] is -1, but must be a number, 0 or more',
  ],
  ['x: {}', '5:3 error: x says nothing about its values'],
  ['x:', '5:3 error: parameters.x is empty, but must be a map such as {min: 0.1, max: 0.9} or {values: [1, 2]}'],
  ['x: 0.1', '5:6 error: parameters.x is 0.1, but must be a map such as {min: 0.1, max: 0.9} or {values: [1, 2]}'],
  [
    'x: [1, 2]',
    '5:3 error: parameters.x is the list [1,2], but must be a map such as {min: 0.1, max: 0.9} or {values: [1, 2]}',
  ],
  ['x: {parameters: {}}', '5:7 error: nested parameters are empty'],
  ['x: {value: 1, parameters: {y: {value: 1}}}', '5:7 error: "value" can\'t stand beside nested parameters'],
  ['x: {distribution: unifrom, min: 1, max: 2}', /^5:21 error: parameters.x.distribution is "unifrom"/],
  ['a.b: {value: 1}\na: {parameters: {b: {value: 2}}}', '6:20 error: two parameters are named a.b'],
])('%s is refused', (yaml, expected) => {
  const found = messages(withParameters(yaml)).filter((message) => message.includes('error'))
  if (typeof expected === 'string') expect(found).toContain(expected)
  else expect(found[0]).toMatch(expected)
})

test('probabilities that are a rounding away from 1 are scaled to it', () => {
  expect(parameter('x: {values: [1, 2, 3], probabilities: [0.3333333, 0.3333333, 0.3333333]}')).toMatchObject({
    probabilities: [1 / 3, 1 / 3, 1 / 3].map((third) => expect.closeTo(third, 12)),
  })
})

test.each([
  ['y: {value: 1, when: {optimiser: adam}}', '6:24 error: y depends on optimiser, which is no parameter'],
  ['y: {value: 1, when: {x: adm}}', '6:27 error: y: x is never "adm"'],
  ['y: {value: 1, when: {y: 1}}', '6:24 error: y depends on itself'],
  [
    'y: {value: 1, when: {z: 1}}\nz: {value: 1, when: {y: 1}}',
    '6:17 error: conditions go round in a circle: y -> z -> y',
  ],
  ['i: {min: 1, max: 3}\ny: {value: 1, when: {i: 4}}', '7:27 error: y: i is never 4'],
  ['f: {min: 0.1, max: 3}\ny: {value: 1, when: {f: 1.0}}', '7:27 error: y: f is continuous and hardly ever 1'],
  ['y: {value: 1, when: x}', '6:23 error: parameters.y.when is "x", but must be a map such as {optimizer: adam}'],
  ['y: {value: 1, when: {x: []}}', /when\.x is an empty list, but must be a value or a list of values/],
  ['g: {when: {x: a}, parameters: {y: {value: 1, when: {x: b}}}}', /no value satisfies both this and the condition/],
  ['g: {when: {q: a}, parameters: {y: {value: 1}}}', '6:14 error: g.y depends on q, which is no parameter'],
])('a condition: %s is refused', (yaml, expected) => {
  const found = messages(withParameters(`x: {values: [adam, a, b]}\n${yaml}`))
  if (typeof expected === 'string') expect(found).toContain(expected)
  else expect(found.some((message) => expected.test(message))).toBe(true)
})

test('a condition may name a parameter with steps', () => {
  const source = withParameters('f: {min: 0, max: 8, q: 2}\ny: {value: 1, when: {f: 4}}')
  expect(parsed(source).space.parameters[1]).toMatchObject({ when: { f: [4] } })
  expect(messages(source.replace('f: 4', 'f: 3'))).toEqual(['6:27 error: y: f is never 3'])
})

test.each([
  ['x: {min: 0.1, max: 1}', '5:3 error: x is continuous, and a grid needs a list of values'],
  ['x: {distribution: normal}', '5:3 error: x is continuous, and a grid needs a list of values'],
  [
    'x: {distribution: log_uniform_values, min: 1, max: 2}',
    '5:3 error: x is continuous, and a grid needs a list of values',
  ],
  [
    'x: {values: [1, 2], probabilities: [0.5, 0.5]}',
    '5:23 error: x: a grid tries every value, so probabilities mean nothing',
  ],
])('a grid of %s is refused', (yaml, expected) => {
  expect(messages(withParameters(yaml, 'grid'))).toEqual([expected])
})

test('a grid takes lists, constants, integers and steps', () => {
  const yaml = 'a: {values: [1, 2]}\nb: {value: x}\nc: {min: 1, max: 3}\nd: {min: 0, max: 1, q: 0.5}'
  expect(parsed(withParameters(yaml, 'grid')).space.parameters.map(({ type }) => type)).toEqual([
    'choice',
    'constant',
    'int',
    'float',
  ])
})

test('a key the distribution has no use for warns in a W&B file and is refused in ours', () => {
  const yaml = 'x: {min: 0.1, max: 1, q: 0.1, distribution: uniform}'
  expect(messages(withParameters(yaml))).toEqual(['5:25 warning: "q" has no effect with distribution uniform'])
  expect(messages(`${withParameters(yaml)}seed: 1\n`)).toEqual([
    '5:25 error: x: "q" has no effect with distribution uniform',
  ])
})

test('values that is no list is a list of one, with a warning', () => {
  expect(parameter('x: {values: 10}')).toMatchObject({ type: 'choice', values: [10] })
  expect(messages(withParameters('x: {values: 0.1, distribution: uniform}'))).toEqual([
    '5:15 warning: values is 0.1, not a list; it is read as a list of one',
    '5:34 warning: distribution uniform has no use for values; they are read as a choice',
  ])
})
