import { expect, test } from 'vitest'
import { messages, parse, parsed, shown, withParameters } from './testing.ts'

test.each([
  ['a bomb of aliases', bomb()],
  ['20,000 open brackets', `a: ${'['.repeat(20_000)}`],
  ['20,000 open maps', '{a: '.repeat(20_000)],
  ['20,000 dashes', '- '.repeat(20_000)],
  ['400 levels of indentation', Array.from({ length: 400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ['10 MB', `a: ${'x'.repeat(10_000_000)}`],
  ['256 KiB of merges', merges()],
  ['130,000 commas', `[${','.repeat(130_000)}`],
  ['130,000 tags', '! '.repeat(130_000)],
  ['80,000 anchors', '&a '.repeat(80_000)],
  ['30,000 keys', Array.from({ length: 30_000 }, (_, i) => `k${i}:`).join('\n')],
])('%s is refused at once', { timeout: 20_000 }, (_name, source) => {
  const start = performance.now()
  const { document, diagnostics } = parse(source)
  // Half a second on an idle machine; the slow ways take minutes.
  expect(performance.now() - start).toBeLessThan(10_000)
  expect(document).toBeNull()
  expect(diagnostics.some((diagnostic) => diagnostic.severity === 'error')).toBe(true)
})

function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 12; i += 1)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    )
  return lines.join('\n')
}

function merges(): string {
  const lines = ['k0: &k0 {a: 1}']
  for (let i = 1; lines.join('\n').length < 200_000 && i < 4000; i += 1)
    lines.push(`k${i}: &k${i} {<<: *k${i - 1}, b${i}: 1}`)
  return lines.join('\n')
}

test('small aliases and merge keys work as in PyYAML', () => {
  const source = withParameters('a: &range {min: 0.1, max: 0.9}\nb: *range\nc: {<<: *range, max: 0.5}')
  expect(parsed(source).space.parameters).toMatchObject([
    { name: 'a', min: 0.1, max: 0.9 },
    { name: 'b', min: 0.1, max: 0.9 },
    { name: 'c', min: 0.1, max: 0.5 },
  ])
})

test.each([
  ['an alias of what contains it', 'a: &a [*a]', '1:7 error: an alias refers to what contains it'],
  ['an alias without an anchor', 'a: *nope', '1:4 error: the alias *nope has no anchor &nope before it'],
  ['a duplicate key', 'method: grid\nname: a\nmethod: random', '3:1 error: "method" stands here twice'],
  ['two documents', 'method: grid\n---\nmethod: grid', '2:1 error: a second YAML document starts here'],
  ['a tab', 'parameters:\n\ta: 1', '2:1 error: a tab is used for indentation'],
  ['a NUL', 'name: a\0b', '1:8 error: the file holds a NUL character'],
  ['an escaped NUL', 'name: "a\\0b"', '1:7 error: a text holds a NUL character, which no program can be given'],
  ['__proto__', 'a: 1\n__proto__: {x: 1}', '2:1 error: "__proto__" can\'t be used as a key'],
  ['constructor, deep', 'parameters:\n  constructor: {value: 1}', '2:3 error: "constructor" can\'t be used as a key'],
  ['a JavaScript function', 'a: !!js/function x', '1:18 error: the tag !!js/function is not known'],
  [
    'a Python object',
    'a: !!python/object:os.system {x: 1}',
    '1:30 error: the tag !!python/object:os.system is not known',
  ],
  ["a tag of somebody's own", 'a: !env HOME', '1:9 error: the tag !env is not known'],
  ['nothing', '', '1:1 error: the file is empty'],
  ['a comment', '# nothing\n', '1:1 error: the file is empty'],
  [
    'a list',
    '- a\n- b',
    '1:1 error: a sweep file is the list ["a","b"], but must be a map with keys such as method, metric and parameters',
  ],
  [
    'text',
    'hello',
    '1:1 error: a sweep file is "hello", but must be a map with keys such as method, metric and parameters',
  ],
  ['an open bracket', 'a: [1, 2\nb: 3', /^1:4 error: unreadable YAML|^2:1 error: unreadable YAML/],
  ['two colons', 'name: a: b', "1:7 error: this line can't hold both a value and further keys"],
  ['JSON cut short', '{"method": "grid",', /error: unreadable YAML/],
])('%s is refused at its line', (_name, source, expected) => {
  const found = messages(source)
  expect(found.some((message) => (typeof expected === 'string' ? message === expected : expected.test(message)))).toBe(
    true,
  )
  expect(parse(source).document).toBeNull()
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
})

test('a byte order mark and CRLF are accepted and do not move positions', () => {
  const source = withParameters('a: {values: [1, x]}').replaceAll('\n', '\r\n')
  expect(parsed(`\uFEFF${source}`).space.parameters).toMatchObject([{ values: [1, 'x'] }])
  expect(messages('\uFEFFmethod: gird\r\nprogram: t.py\r\nparameters: {a: {value: 1}}\r\n')).toEqual([
    '1:9 error: method is "gird", but must be one of auto, tpe, nsga2, gp, cmaes, evolution, grid, random, sobol, lhs, pbt, pb2, bayes',
  ])
})

test.each([
  ['.nan', '5:15 error: .nan is not a finite number'],
  ['-.inf', '5:15 error: -.inf is not a finite number'],
  ['1e400', '5:15 error: 1e400 is too large for a 64-bit float'],
  ['1e-400', '5:15 error: 1e-400 is too close to zero for a 64-bit float'],
  ['010', '5:15 error: 010 starts with a zero, which older YAML reads as octal'],
  ['12345678901234567890', '5:15 error: 12345678901234567890 is beyond 2^53 and would lose digits'],
  ['-9007199254740993', '5:15 error: -9007199254740993 is beyond 2^53 and would lose digits'],
  ['!!int 1.5', '5:21 error: "1.5" is no !!int'],
])('lr: %s is refused', (spelling, expected) => {
  expect(
    messages(withParameters(`lr: {values: [${spelling}]}`).replace('values: [', 'value: ').replace(']}', '}')),
  ).toEqual([expected.replace('5:15', '5:15')])
})

test.each<[string, unknown, boolean]>([
  ['-0', 0, false],
  ['0', 0, false],
  ['0.0', 0, true],
  ['1e-5', 1e-5, true],
  ['1e5', 100_000, true],
  ['1.', 1, true],
  ['.5', 0.5, true],
  ['+3', 3, false],
  ['0x1F', 31, false],
  ['0o17', 15, false],
  ['1_000', 1000, false],
  ['9007199254740991', 9007199254740991, false],
  ['!!float 3', 3, true],
  ['!!float 1e-5', 1e-5, true],
  ['!!float "1e-5"', 1e-5, true],
  ['!!str 3', '3', false],
  ['"1e-5"', '1e-5', false],
  ['no', 'no', false],
  ['1:30', '1:30', false],
  ['2020-01-01', '2020-01-01', false],
  ['True', true, false],
  ['~', null, false],
])('lr: %s has one documented value', (spelling, value, float) => {
  const { parameters } = parsed(withParameters(`lr: {value: ${spelling}}`)).space
  expect(parameters[0]).toEqual({ name: 'lr', path: ['lr'], type: 'constant', value, ...(float ? { float } : {}) })
})

test('what older YAML reads otherwise gets a warning', () => {
  expect(messages(withParameters('a: {values: [yes, 1:30, "no"]}'))).toEqual([
    '5:16 warning: yes is text here, while older YAML reads a boolean; write true for that, or quote it as text',
    '5:21 warning: 1:30 is text here, while older YAML reads a number in base 60; quote it to be clear',
  ])
})

test('values that look like shell code stay what they are', () => {
  const nasty = ['; rm -rf /', '$(id)', '`id`', 'a\nb', '--help', '-1', '🙂', '\u202Etxt', 'x'.repeat(100_000)]
  const source = withParameters(`a: {values: ${JSON.stringify(nasty)}}`)
  expect(parsed(source).space.parameters).toMatchObject([{ values: nasty }])
})

test.each(['../../x', 'a b', '<script>', '=cmd()', 'x'.repeat(300), '\u202Ea', '', '1a', '-a', 'é'])(
  'a parameter named %j is refused',
  (name) => {
    const { document, diagnostics } = parse(withParameters(`${JSON.stringify(name)}: {value: 1}`))
    expect(document).toBeNull()
    expect(diagnostics[0]).toMatchObject({ severity: 'error', line: 5, column: 3 })
  },
)

test('no message can move the cursor of the reader or outgrow the screen', () => {
  const text = shown(`"\u001b[31m\u202E${'k'.repeat(200)}": 1\nmethod: "\u001b[2J"\nseed: 1\n`)
  expect(text.includes('\u001b')).toBe(false)
  expect(text.includes('\u202e')).toBe(false)
  for (const line of text.split('\n').filter((one) => one.includes(' | ')))
    expect([...line].length).toBeLessThanOrEqual(80)
})

test('10,000 parameters are read, one more is refused', { timeout: 30_000 }, () => {
  const many = (count: number): string =>
    withParameters(Array.from({ length: count }, (_, i) => `p${i}: {value: 1}`).join('\n'))
  expect(parse(many(10_000)).document?.space.parameters).toHaveLength(10_000)
  expect(messages(many(10_001))).toEqual(['4:1 error: there are more than 10000 parameters'])
})

test('a grid of a billion points is a document like any other', () => {
  const source = withParameters(Array.from({ length: 9 }, (_, i) => `p${i}: {min: 1, max: 10}`).join('\n'), 'grid')
  expect(parsed(source).space.parameters).toHaveLength(9)
})

test('a hundred mistakes are shown, the rest counted', () => {
  const source = withParameters(Array.from({ length: 300 }, (_, i) => `p${i}: {min: 2, max: 1}`).join('\n'))
  const { diagnostics } = parse(source)
  expect(diagnostics).toHaveLength(101)
  expect(diagnostics.at(-1)?.message).toBe('200 more problems are not shown')
})
