import { expect, test } from 'vitest'
import { SweepError } from '../errors.ts'
import { parseDocument, requireDocument } from './parse-document.ts'
import { SweepDocument } from './sweep-document.ts'
import { messages, parse, parsed, withParameters } from './testing.ts'

const FULL = `
name: digits
description: An MLP on digits
project: vision
tags: [mlp, demo]
method: random
metric: {name: val_acc, goal: maximize, target: 0.99, summary: last}
parameters:
  optimizer: {values: [sgd, adam]}
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  beta2: {min: 0.9, max: 0.999, when: {optimizer: adam}}
  hidden: {distribution: q_log_uniform_values, min: 16, max: 256, q: 16}
  layers: {min: 1, max: 4}
early_terminate: {type: asha, mode: promote, min_resource: 1, max_resource: 27, reduction_factor: 3, brackets: 2, grace: 2, resource: reports}
program: train.py
command: [python3, "\${program}", "\${args}"]
run_cap: 40
parallelism: 4
priority: 2
resources: {gpus: 1, cpus: 2.5, memory: 4GiB}
retry: {max: 1, lost_max: 5}
budget: {trials: 30, wall: 2h, gpu_hours: 1.5}
timeout: 1h30m
grace_period: 10
env: {OMP_NUM_THREADS: 1, RATE: 0.10, EMPTY: }
seed: 42
queue: gpu
launcher: process
capture:
  stdout: regex
  patterns:
    - {regex: 'loss=(\\S+)', metric: loss}
`

test('a document with every key is read, its units resolved', () => {
  expect(parsed(FULL)).toEqual({
    name: 'digits',
    description: 'An MLP on digits',
    project: 'vision',
    tags: ['mlp', 'demo'],
    method: 'random',
    metric: { name: 'val_acc', goal: 'maximize', target: 0.99, summary: 'last' },
    space: {
      parameters: [
        { name: 'optimizer', path: ['optimizer'], type: 'choice', values: ['sgd', 'adam'] },
        { name: 'lr', path: ['lr'], type: 'float', min: 1e-5, max: 0.1, scale: 'log' },
        {
          name: 'beta2',
          path: ['beta2'],
          type: 'float',
          min: 0.9,
          max: 0.999,
          scale: 'linear',
          when: { optimizer: ['adam'] },
        },
        {
          name: 'hidden',
          path: ['hidden'],
          type: 'float',
          min: 16,
          max: 256,
          scale: 'log',
          quantum: { q: 16, integer: true },
        },
        { name: 'layers', path: ['layers'], type: 'int', min: 1, max: 4, scale: 'linear' },
      ],
    },
    earlyTerminate: {
      type: 'asha',
      mode: 'promote',
      minResource: 1,
      maxResource: 27,
      reductionFactor: 3,
      brackets: 2,
      grace: 2,
      resource: 'reports',
    },
    program: 'train.py',
    command: ['python3', '${program}', '${args}'],
    parallelism: 4,
    priority: 2,
    resources: { gpus: 1, cpus: 2.5, memoryBytes: 4 * 2 ** 30 },
    retry: { max: 1, lostMax: 5 },
    budget: { trials: 30, wallMs: 7_200_000, gpuSeconds: 5400 },
    timeoutMs: 5_400_000,
    graceMs: 10_000,
    env: { OMP_NUM_THREADS: '1', RATE: '0.10', EMPTY: '' },
    seed: 42,
    queue: 'gpu',
    launcher: 'process',
    capture: { stdout: 'regex', patterns: [{ regex: 'loss=(\\S+)', metric: 'loss' }] },
  } satisfies SweepDocument)
  expect(parse(FULL).diagnostics).toEqual([])
})

test('a stored document reads back as itself', () => {
  const document = parsed(FULL)
  expect(SweepDocument.parse(JSON.parse(JSON.stringify(document)))).toEqual(document)
})

test('a minimal document gets the defaults of W&B and ours', () => {
  const document = parsed('method: grid\nprogram: train.py\nparameters: {a: {values: [1, 2]}}\n')
  expect(document).toMatchObject({
    project: 'default',
    command: ['${env}', '${interpreter}', '${program}', '${args}'],
    priority: 1,
    retry: { max: 0, lostMax: 3 },
    budget: {},
    graceMs: 30_000,
    seed: 7,
    queue: 'default',
    capture: { stdout: 'auto', patterns: [] },
  })
})

test('hyperband gets its defaults, and extra keys in it only a warning', () => {
  const source = `${withParameters('a: {values: [1]}')}metric: {name: x}\nseed: 1\nearly_terminate: {type: hyperband, min_iter: 3, min_itr: 4}\n`
  expect(parsed(source).earlyTerminate).toEqual({ type: 'hyperband', minIter: 3, eta: 3, strict: true })
  expect(messages(source)).toEqual(['8:49 warning: "min_itr" is not a key in early_terminate'])
})

test.each([
  ['{type: hyperband, max_iter: 27, s: 2}', { type: 'hyperband', maxIter: 27, s: 2, eta: 3, strict: true }],
  [
    '{type: hyperband, max_iter: 27, s: 2, min_iter: 1}',
    { type: 'hyperband', maxIter: 27, s: 2, eta: 3, strict: true },
  ],
  [
    '{type: asha}',
    { type: 'asha', mode: 'stop', minResource: 1, reductionFactor: 3, brackets: 1, grace: 0, resource: 'step' },
  ],
  [
    '{type: sync-hyperband, max_resource: 81, reduction_factor: 4}',
    { type: 'sync-hyperband', minResource: 1, maxResource: 81, reductionFactor: 4, resource: 'step' },
  ],
  ['{type: median, min_trials: 3}', { type: 'median', grace: 1, minTrials: 3, resource: 'step' }],
  ['{type: percentile}', { type: 'percentile', percentile: 25, grace: 1, minTrials: 5, resource: 'step' }],
  ['{type: patience, patience: 3}', { type: 'patience', patience: 3, minDelta: 0, grace: 0, resource: 'reports' }],
  [
    '{type: patience, patience: 1, min_delta: 1e-3, grace: 2, resource: step}',
    { type: 'patience', patience: 1, minDelta: 0.001, grace: 2, resource: 'step' },
  ],
  ['{type: threshold, upper: 10}', { type: 'threshold', upper: 10, nonFinite: true, grace: 0, resource: 'step' }],
  [
    '{type: threshold, lower: 3, upper: 3, non_finite: false, grace: 1}',
    { type: 'threshold', lower: 3, upper: 3, nonFinite: false, grace: 1, resource: 'step' },
  ],
  ['{type: wilcoxon}', { type: 'wilcoxon', pThreshold: 0.1, grace: 2 }],
  ['{type: wilcoxon, p_threshold: 0.05, grace: 4}', { type: 'wilcoxon', pThreshold: 0.05, grace: 4 }],
  ['{type: extrapolate}', { type: 'extrapolate', best: 1, alpha: 0.01, minTrials: 5, grace: 3, resource: 'step' }],
  [
    '{type: extrapolate, max_resource: 81, best: 3, alpha: 0.1, min_trials: 4, grace: 0, resource: reports}',
    { type: 'extrapolate', maxResource: 81, best: 3, alpha: 0.1, minTrials: 4, grace: 0, resource: 'reports' },
  ],
])('early_terminate: %s', (yaml, expected) => {
  const source = `${withParameters('a: {values: [1]}')}metric: {name: x}\nearly_terminate: ${yaml}\n`
  expect(parsed(source).earlyTerminate).toEqual(expected)
})

test('the smaller of run_cap and budget.trials holds', () => {
  const base = 'method: random\nprogram: t.py\nparameters: {a: {values: [1]}}\n'
  expect(parsed(`${base}run_cap: 9\nbudget: {trials: 4}\n`).budget.trials).toBe(4)
  expect(parsed(`${base}run_cap: 3\nbudget: {trials: 4}\n`).budget.trials).toBe(3)
  expect(parsed(`${base}run_cap: 1_000\n`).budget.trials).toBe(1000)
})

test('a command as text is split into words, quotes kept together', () => {
  const base = 'method: grid\nparameters: {lr: {values: [1]}}\n'
  expect(parsed(`${base}command: python train.py --lr={lr} --note 'two words'\n`).command).toEqual([
    'python',
    'train.py',
    '--lr={lr}',
    '--note',
    'two words',
  ])
})

test('items of a command keep their spelling', () => {
  const base = 'method: grid\nparameters: {lr: {values: [1]}}\n'
  expect(parsed(`${base}command: [run, 16, 0.10, 1e3, true, "007", 0x10]\n`).command).toEqual([
    'run',
    '16',
    '0.10',
    '1e3',
    'true',
    '007',
    '0x10',
  ])
})

test('a random search without a limit is warned about', () => {
  expect(messages('method: random\nprogram: t.py\nparameters: {a: {values: [1]}}\n')).toEqual([
    '1:9 warning: a random search without a limit never ends',
  ])
})

test('overrides replace, add and reach below keys with dots', () => {
  const source = withParameters('model.lr: {min: 0.1, max: 0.2}')
  const document = parsed(source, {
    'parameters.model.lr.max': 0.9,
    'budget.trials': 3,
    run_cap: 100,
    project: 'mine',
    'parameters.extra': { values: [1, 'a', null] },
  })
  expect(document.space.parameters).toMatchObject([
    { name: 'model.lr', min: 0.1, max: 0.9 },
    { values: [1, 'a', null] },
  ])
  expect(document.budget.trials).toBe(3)
  expect(document.project).toBe('mine')
})

test('what is wrong with an override has no line, and an unknown key in one is an error', () => {
  const source = withParameters('a: {values: [1]}')
  expect(messages(source, { run_cap: 0 })).toEqual(['- error: run_cap is 0, but must be a whole number above 0'])
  expect(messages(source, { 'budget.trails': 1 })).toContainEqual('- error: "trails" is not a key in budget')
  expect(messages(source, { runcap: 1 })).toEqual(['- error: "runcap" is not a key of a sweep file'])
  expect(messages(source, { 'program.x': 1 })).toEqual([
    '- error: "program.x" can\'t be set, for a part of it is not a map',
  ])
  expect(messages(source, { '__proto__.x': 1 })).toEqual(['- error: "__proto__.x" can\'t be set'])
})

test('overrides alone make a sweep of an empty map', () => {
  const document = parsed('{}', {
    method: 'random',
    run_cap: 2,
    command: ['python', 'train.py', '--lr={lr}'],
    parameters: { lr: { distribution: 'log_uniform_values', min: 1e-5, max: 0.1 } },
  })
  expect(document.command).toEqual(['python', 'train.py', '--lr={lr}'])
})

test('requireDocument throws one error that carries all diagnostics', () => {
  const options = { file: 'a.yaml', newSeed: () => 1 }
  expect(() => requireDocument('method: grid', options)).toThrow(SweepError)
  try {
    requireDocument('method: grid\nrun_cap: x\n', options)
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid-document', details: { diagnostics: expect.any(Array) } })
    expect((error as SweepError).message).toMatch(/^a\.yaml:1:1: parameters is missing \(and \d more\)$/)
  }
  const { document, warnings } = requireDocument(`${withParameters('a: {values: [1]}')}entity: me\n`, options)
  expect(document.method).toBe('random')
  expect(warnings).toMatchObject([{ line: 6, message: '"entity" has no effect here' }])
})

test('a new seed is asked for only when there is none', () => {
  const newSeed = (): number => {
    throw new Error('asked')
  }
  expect(parseDocument(FULL, { file: 'x', newSeed }).document?.seed).toBe(42)
})

const WITHOUT_METHOD = 'program: train.py\nrun_cap: 5\nmetric: {name: loss}\nparameters:\n  lr: {min: 0.0, max: 1.0}\n'

test('pbt and pb2 have the settings of a population, defaults filled in, and no other method has any', () => {
  const read = (keys: string) =>
    parse(`program: t.py\nrun_cap: 9\nmetric: {name: x}\nparameters: {a: {values: [1]}}\n${keys}`)
  expect(read('method: pb2').document?.pbt).toEqual(read('method: pbt').document?.pbt)
  expect(read('method: pbt').document?.pbt).toEqual({
    population: 8,
    interval: 5,
    quantile: 0.25,
    resample: 0.25,
    resource: 'step',
  })
  const pbt = read('method: pbt\npbt: {population: 4, interval: 2, max_resource: 9, resource: reports}').document?.pbt
  expect(pbt).toMatchObject({ population: 4, interval: 2, maxResource: 9, resource: 'reports' })
  expect(read('method: random').document?.pbt).toBeUndefined()
  expect(read('method: pbt\nwarm_start: {results: [{a: 1, x: 2}]}').diagnostics).toMatchObject([
    { severity: 'warning', message: 'warm_start has no effect with method pbt' },
  ])
})

test('bayes, and no method at all, are auto', () => {
  expect(parsed(WITHOUT_METHOD).method).toBe('auto')
  expect(parsed(`method: bayes\n${WITHOUT_METHOD}`).method).toBe('auto')
  expect(parsed(`method: auto\n${WITHOUT_METHOD}`).method).toBe('auto')
})

test('what is believed before the first trial is for methods that learn', () => {
  const believing = WITHOUT_METHOD.replace('max: 1.0', 'max: 1.0, default: 0.5')
  const source = `method: random\n${believing}warm_start: {results: [{lr: 0.1, loss: 1}]}\n`
  expect(messages(source)).toEqual([
    '1:9 warning: the priors of lr have no effect with method random',
    '7:1 warning: warm_start has no effect with method random',
  ])
  expect(messages(source.replace('random', 'tpe'))).toEqual([])
})

test('a method that learns says so when there is nothing to learn from', () => {
  const source = WITHOUT_METHOD.replace('metric: {name: loss}\n', '')
  expect(messages(`method: bayes\n${source}`)).toEqual([
    '1:9 warning: method bayes learns from a metric, but there is none',
  ])
  expect(messages(source)).toEqual([])
})
