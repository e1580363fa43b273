import { parseDocument } from '@sweep/spec/document/parse-document'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Json } from '@sweep/spec/number'
import { validateConfig } from '@sweep/spec/validate-config'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { renderExperiment, runNames } from './render-experiment.ts'
import { resourceOf } from './testing/resources.ts'

const TEMPLATE = { image: 'my/train:1', command: ['train', '${args}'] }

function parsed(spec: { readonly [key: string]: Json }) {
  const rendered = renderExperiment(resourceOf('Experiment', spec))
  if ('problems' in rendered) throw new Error(rendered.problems.join())
  const { document, diagnostics } = parseDocument(JSON.stringify(rendered.document), { file: 'x', newSeed: () => 1 })
  expect(diagnostics).toEqual([])
  return { document: document as SweepDocument, configs: rendered.configs }
}

test('an experiment becomes a sweep of just its runs', () => {
  const { document, configs } = parsed({
    projectRef: { name: 'vision' },
    name: 'A trial of three',
    description: 'What it is.',
    hypothesis: 'Less is more.',
    metric: { name: 'accuracy', goal: 'maximize' },
    parallelism: 2,
    template: {
      ...TEMPLATE,
      env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
      resources: { requests: { cpu: '500m' }, limits: { 'amd.com/gpu': '2' } },
    },
    runs: [
      { name: 'a', parameters: { lr: 0.1, layers: [64, 64] } },
      { name: 'b', parameters: { layers: [32], lr: 0.1 } },
    ],
  })
  expect(document).toMatchObject({
    name: 'A trial of three',
    project: 'vision',
    description: 'What it is.\n\nHypothesis: Less is more.',
    metric: { name: 'accuracy', goal: 'maximize' },
    parallelism: 2,
    budget: { trials: 2 },
    command: ['train', '${args}'],
    resources: { gpus: 2 },
    kubernetes: {
      namespace: 'team-a',
      image: 'my/train:1',
      gpuResource: 'amd.com/gpu',
      template: { spec: { containers: [{ env: [{ name: 'A' }], resources: { requests: { cpu: '500m' } } }] } },
    },
  })
  expect(document.space.parameters).toMatchObject([
    { name: 'lr', values: [0.1] },
    { name: 'layers', values: [[64, 64], [32]] },
  ])
  expect(configs).toEqual([
    { lr: 0.1, layers: [64, 64] },
    { layers: [32], lr: 0.1 },
  ])
})

test('runs that their parameters do not tell apart, or that lack some, have their name as a parameter', () => {
  const runs: Json[] = [
    { name: 'baseline' },
    { name: 'x', parameters: { lr: 1 } },
    { name: 'y', parameters: { lr: 1 } },
  ]
  const { document, configs } = parsed({ template: TEMPLATE, runs })
  expect(configs).toEqual([{ run: 'baseline' }, { lr: 1, run: 'x' }, { lr: 1, run: 'y' }])
  for (const config of configs) expect(validateConfig(document.space, config)).toEqual([])
  const lacking = validateConfig(document.space, { run: 'x' })
  expect(lacking).toEqual([expect.objectContaining({ parameter: 'lr' })])
})

test('every config of every experiment is one of its search space', () => {
  const name = fc.stringMatching(/^[a-z][a-z_]{0,8}$/).filter((one) => one !== 'run')
  const value = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, min: -(2 ** 52), max: 2 ** 52 }),
    fc.boolean(),
    fc.string(),
  )
  const parameters = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true })
  const runs = fc.uniqueArray(fc.record({ name: fc.string({ minLength: 1, unit: 'grapheme' }), parameters }), {
    ...{ minLength: 1, maxLength: 8, selector: (run: { name: string }) => run.name },
  })
  fc.assert(
    fc.property(runs, (list) => {
      const rendered = renderExperiment(resourceOf('Experiment', { template: TEMPLATE, runs: list }))
      if ('problems' in rendered) throw new Error(rendered.problems.join())
      const source = JSON.stringify(rendered.document)
      const { document, diagnostics } = parseDocument(source, { file: 'x', newSeed: () => 1 })
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
      const space = (document as SweepDocument).space
      expect(rendered.configs.flatMap((config) => validateConfig(space, config))).toEqual([])
      expect(new Set(rendered.configs.map((config) => JSON.stringify(config))).size).toBe(list.length)
    }),
  )
})

test('a parameter of theirs that takes the place of the name is refused', () => {
  const runs: Json[] = [{ name: 'a' }, { name: 'b', parameters: { run: 3 } }]
  expect(renderExperiment(resourceOf('Experiment', { template: TEMPLATE, runs }))).toEqual({
    problems: [expect.stringMatching(/the parameter run is taken/)],
  })
})

test('what the cluster let through by mistake is told by its place', () => {
  const spec = { template: { image: 1, command: [] }, runs: [{}] }
  const { problems } = renderExperiment(resourceOf('Experiment', spec)) as { problems: string[] }
  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    'template.image',
    'template.command',
    'runs.0.name',
  ])
})

test('names of runs are those that it was made with', () => {
  const spec = { template: TEMPLATE, runs: [{ name: 'new' }] }
  expect(runNames(resourceOf('Experiment', spec))).toEqual(['new'])
  const status = { runs: [{ name: 'old', trial: 1 }] }
  expect(runNames(resourceOf('Experiment', spec, { status }))).toEqual(['old'])
})
