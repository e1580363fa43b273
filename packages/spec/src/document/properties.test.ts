import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { expandCommand } from '../command-line.ts'
import { activeNames } from '../conditions.ts'
import { configHash } from '../config-hash.ts'
import { paramsJson } from '../nest-config.ts'
import type { Json } from '../number.ts'
import type { Config, Parameter } from '../search-space.ts'
import { validateConfig } from '../validate-config.ts'
import { formatDiagnostics } from './format-diagnostic.ts'
import { SweepDocument } from './sweep-document.ts'
import { parse } from './testing.ts'

const name = fc.stringMatching(/^[a-z][a-z_]{0,5}$/)
const scalar = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    // A larger one is spelled as an integer beyond 2^53, which is refused.
    .filter((number) => !Number.isInteger(number) || Number.isSafeInteger(number)),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
)
const range = fc
  .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }))
  .map(([min, width]) => ({ min, max: min + width }))
const leaf: fc.Arbitrary<Json> = fc.oneof(
  fc.record({ value: scalar }),
  fc.record({ values: fc.array(scalar, { minLength: 1, maxLength: 5 }) }),
  range,
  range.map((bounds) => ({ ...bounds, distribution: 'log_uniform_values' })),
  range.map((bounds) => ({ ...bounds, distribution: 'q_uniform', q: 2 })),
  fc.constant({ distribution: 'normal', mu: 1, sigma: 2 }),
)
const parameters: fc.Arbitrary<Record<string, Json>> = fc.dictionary(
  name,
  fc.oneof(
    leaf,
    fc.dictionary(name, leaf, { minKeys: 1, maxKeys: 3 }).map((inner) => ({ parameters: inner })),
  ),
  { minKeys: 1, maxKeys: 6 },
)

test('every well-formed document is accepted, and what comes of it reads back as itself', { timeout: 30_000 }, () => {
  fc.assert(
    fc.property(parameters, (map) => {
      const source = stringify({ method: 'random', program: 'train.py', run_cap: 3, parameters: map })
      const { document, diagnostics } = parse(source)
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
      if (document === null) throw new Error('no document')
      expect(SweepDocument.parse(JSON.parse(JSON.stringify(document)))).toEqual(document)
      const config = Object.fromEntries(
        document.space.parameters.map((parameter) => [parameter.name, someValue(parameter)]),
      )
      useSpace(document, config)
      expect(validateConfig(document.space, config).filter(({ severity }) => severity === 'error')).toEqual([])
    }),
  )
})

function someValue(parameter: Parameter): Json {
  switch (parameter.type) {
    case 'choice':
      return parameter.values[0] ?? null
    case 'constant':
      return parameter.value
    case 'int':
    case 'float':
      return parameter.min
    case 'normal':
      return parameter.mu
    case 'beta':
      return 0.5
  }
}

function useSpace(document: SweepDocument, config: Config): void {
  const { space } = document
  const context = { space, config, program: 'train.py', interpreter: 'python3', paramsFile: 'params.json', env: {} }
  const argv = expandCommand(document.command, context)
  // Whatever the values, an argument begins with two dashes and its name.
  for (const arg of argv.slice(3)) expect(arg).toMatch(/^--[a-z_]+=/)
  expect(JSON.parse(paramsJson(space, config))).toBeTypeOf('object')
  expect(configHash(config)).toMatch(/^[0-9a-f]{64}$/)
  expect(activeNames(space, config).size).toBe(space.parameters.length)
}

test('no text makes the parser throw, and every diagnostic can be shown', { timeout: 30_000 }, () => {
  const keys = [
    'method',
    'parameters',
    'metric',
    'command',
    'early_terminate',
    'budget',
    'when',
    'values',
    'min',
    'a',
    'b',
  ]
  const tangled = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 5 },
      scalar,
      fc.constantFrom('grid', 'random', '${args}', 'hyperband', 'asha', '1e-5', 'uniform'),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('any'), { maxKeys: 5 }),
    ),
  }))
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(
        fc.constantFrom(
          'a',
          ':',
          ' ',
          '\n',
          '- ',
          '[',
          ']',
          '{',
          '}',
          '&x ',
          '*x',
          '"',
          "'",
          '|',
          '>',
          '!',
          '#',
          '\t',
          '---\n',
          '1',
          '?',
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join('')),
    tangled.any.map((value) => stringify(value)),
    fc
      .dictionary(fc.constantFrom(...keys), tangled.any)
      .map((value) => stringify({ method: 'random', program: 'x', ...value })),
  )
  fc.assert(
    fc.property(text, (source) => {
      const { document, diagnostics } = parse(source)
      expect(document === null).toBe(diagnostics.some(({ severity }) => severity === 'error'))
      const shown = formatDiagnostics(diagnostics, { source })
      for (const line of shown.split('\n'))
        if (/^ +\d* \| /.test(line)) expect([...line].length).toBeLessThanOrEqual(80)
    }),
    { numRuns: 1500 },
  )
})
