import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { OWN_KEYS, SweepInput, WITHOUT_EFFECT } from './input-schema.ts'
import { sweepJsonSchema, sweepJsonSchemaText } from './json-schema.ts'

test('the generated file is what the code says (else run: node scripts/generate-schema.mjs)', () => {
  const file = readFileSync(new URL('../../generated/sweep.schema.json', import.meta.url), 'utf8')
  expect(file).toBe(sweepJsonSchemaText())
})

test('an editor is offered every key of a sweep file, and told of others', () => {
  const schema = sweepJsonSchema()
  expect(Object.keys(schema['properties'] as object)).toEqual(Object.keys(SweepInput.shape))
  expect(schema).toMatchObject({ type: 'object', additionalProperties: false, required: ['parameters'] })
})

test('the lists of our own keys and of those without effect name real keys', () => {
  for (const key of [...OWN_KEYS, ...WITHOUT_EFFECT]) expect(Object.keys(SweepInput.shape)).toContain(key)
})
