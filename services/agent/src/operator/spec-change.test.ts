import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { expect, test } from 'vitest'
import { fixedChanges, limitChanges } from './spec-change.ts'
import { viewOf } from './testing/resources.ts'

const MADE = { parameters: { x: { values: [1, 2] } }, command: ['true'], run_cap: 2 }

test('what can be changed later does not count, nor does the order of keys', () => {
  const wanted = {
    run_cap: 9,
    parallelism: 3,
    budget: { wall: '1h' },
    priority: 2,
    command: ['true'],
    parameters: MADE.parameters,
  }
  expect(fixedChanges('Sweep', JSON.stringify(MADE), wanted)).toEqual([])
})

test('keys that are new, gone or different are named', () => {
  const wanted = { parameters: { x: { values: [1, 3] } }, run_cap: 2, env: { A: 'b' } }
  expect(fixedChanges('Sweep', JSON.stringify(MADE), wanted)).toEqual(['parameters', 'command', 'env'])
})

test('for an experiment they are those of its own spec, each once', () => {
  const wanted = { parameters: { x: { values: [1, 2, 3] } }, command: ['false'], run_cap: 3, parallelism: 1 }
  expect(fixedChanges('Experiment', JSON.stringify(MADE), wanted)).toEqual(['runs', 'template.command'])
})

const DOCUMENT = SweepDocument.parse({
  method: 'random',
  space: { parameters: [{ type: 'constant', name: 'x', path: ['x'], value: 1 }] },
  command: ['true'],
  seed: 1,
  priority: 2,
  budget: { trials: 5 },
})

test('only limits that differ are asked for, and one that is left out is lifted', () => {
  const sweep = viewOf({ parallelism: 3, budget: { trials: 4, wallMs: 1000 } })
  const changes = { parallelism: null, priority: 2, budget: { trials: 5, wallMs: null } }
  expect(limitChanges(sweep, DOCUMENT)).toEqual(changes)
  expect(limitChanges(viewOf({ priority: 2, budget: { trials: 5 } }), DOCUMENT)).toBeUndefined()
})
