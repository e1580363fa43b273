import { parseDocument } from '@sweep/spec/document/parse-document'
import type { Json } from '@sweep/spec/number'
import { expect, test } from 'vitest'
import { renderSweep } from './render-sweep.ts'
import { resourceOf } from './testing/resources.ts'

const SPEC = {
  method: 'random',
  run_cap: 3,
  parameters: { x: { distribution: 'uniform', min: 0, max: 1 } },
  command: ['true'],
  kubernetes: { image: 'my/train:1' },
} as const

test('a spec becomes a document that the parser takes, with its name and its place', () => {
  const rendered = renderSweep(resourceOf('Sweep', SPEC))
  expect(rendered).toMatchObject({ document: { name: 'mine', launcher: 'kubernetes' }, configs: [] })
  if ('problems' in rendered) throw new Error('refused')
  const { document, diagnostics } = parseDocument(JSON.stringify(rendered.document), { file: 'x', newSeed: () => 1 })
  expect(diagnostics).toEqual([])
  expect(document).toMatchObject({ launcher: 'kubernetes', kubernetes: { namespace: 'team-a', image: 'my/train:1' } })
})

test('the name is the one of the spec where it has one, and else as much of that of the resource as fits', () => {
  expect(renderSweep(resourceOf('Sweep', { ...SPEC, name: 'déjà "vu"' }))).toMatchObject({
    document: { name: 'déjà "vu"' },
  })
  const name = 'a'.repeat(253)
  expect(renderSweep(resourceOf('Sweep', SPEC, { name }))).toMatchObject({ document: { name: 'a'.repeat(200) } })
})

test.each<[{ readonly [key: string]: Json }, RegExp]>([
  [{ launcher: 'process' }, /launcher is "process", but a Sweep resource runs its trials in the cluster/],
  [{ launcher: null }, /launcher is null/],
  [{ kubernetes: { image: 'a', namespace: 'kube-system' } }, /"kube-system", but .* its own namespace, team-a/],
  [{ kubernetes: { image: 'a', namespace: '' } }, /kubernetes.namespace is ""/],
  [{ kubernetes: 'my/train:1' }, /kubernetes must be a map/],
  [{ kubernetes: [] }, /kubernetes must be a map/],
  [{ kubernetes: null }, /kubernetes must be a map/],
])('no trial can start elsewhere: %j', (change, problem) => {
  expect(renderSweep(resourceOf('Sweep', { ...SPEC, ...change }))).toEqual({
    problems: [expect.stringMatching(problem)],
  })
})

test('its own namespace may be named', () => {
  const kubernetes = { image: 'my/train:1', namespace: 'team-a' }
  expect(renderSweep(resourceOf('Sweep', { ...SPEC, kubernetes }))).toMatchObject({ document: { kubernetes } })
})

test('whole bounds that kubectl may have made of floats are refused, however deep', () => {
  const parameters = {
    lr: { min: 0, max: 1 },
    fine: { min: 0, max: 0.5 },
    said: { min: 1, max: 8, distribution: 'int_uniform' },
    stepped: { min: 0, max: 10, q: 2 },
    fixed: { value: 1 },
    text: 'nonsense',
    optimizer: { parameters: { beta: { min: 0, max: 1 } } },
  }
  expect(renderSweep(resourceOf('Sweep', { ...SPEC, parameters }))).toEqual({
    problems: [
      expect.stringMatching(/^parameters\.lr: min 0 and max 1 may be integers or floats/),
      expect.stringMatching(/^parameters\.optimizer\.parameters\.beta: min 0 and max 1/),
    ],
  })
})

test.each<Json>([null, 3, 'x', [], [{ min: 0, max: 1 }]])(
  'parameters of the wrong kind are left to the parser: %j',
  (parameters) => {
    expect(renderSweep(resourceOf('Sweep', { ...SPEC, parameters }))).toMatchObject({ document: { parameters } })
  },
)
