import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Config } from '@sweep/spec/search-space'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { CURVE_TASKS } from './curve-tasks.ts'
import { hasSuiteFile, multiFidelityTasks, SUITE_FOLDER, sequentialTasks, TABLE_TASK_NAMES } from './suite.ts'
import { configWords, gauss, hash32, uniform } from './suite-noise.ts'
import { SuiteParameter, spaceOfSuite } from './suite-space.ts'
import type { TableTask } from './table-tasks.ts'

const Fixtures = z.object({
  hash_vectors: z.array(z.object({ words: z.array(z.number()), h32: z.number(), u01: z.number(), gauss: z.number() })),
  words_of_example: z.object({ space: z.array(SuiteParameter), params: Config, words: z.array(z.number()) }),
  tasks: z.record(
    z.string(),
    z.object({
      opt: z.number(),
      T: z.int(),
      space: z.array(SuiteParameter),
      cases: z.array(
        z.object({
          params: Config,
          f: z.number(),
          true: z.number(),
          cost: z.number().optional(),
          steps: z.array(z.int()).default([]),
          curve: z.array(z.number()).default([]),
          curve_true: z.array(z.number()).default([]),
          row: z.int().optional(),
        }),
      ),
    }),
  ),
})

const tasks = [...sequentialTasks(), ...CURVE_TASKS]
const taskOf = (name: string) => tasks.find((task) => task.name === name)!

function expectClose(value: number, expected: number): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(expected)))
}

const isHere = hasSuiteFile('fixtures.json')

describe.skipIf(!isHere)('the check values of the suite (needs ../shared/bench/fixtures.json)', () => {
  const fixtures = isHere
    ? Fixtures.parse(JSON.parse(readFileSync(join(SUITE_FOLDER, 'fixtures.json'), 'utf8')))
    : undefined!

  test('the hash and its normal variates come out', () => {
    expect(fixtures.hash_vectors.length).toBeGreaterThan(0)
    for (const vector of fixtures.hash_vectors) {
      expect(hash32(vector.words)).toBe(vector.h32)
      expect(uniform(vector.words)).toBe(vector.u01)
      expectClose(gauss(vector.words), vector.gauss)
    }
  })

  test('a config becomes the words of the suite', () => {
    const { space, params, words } = fixtures.words_of_example
    expect(configWords(spaceOfSuite(space), params)).toEqual(words)
  })

  test('every task of the suite is here, and no other', () => {
    expect(tasks.map(({ name }) => name).sort()).toEqual(Object.keys(fixtures.tasks).sort())
  })

  test.each(isHere ? Object.entries(fixtures.tasks) : [])('%s has its space, optimum and values', (name, expected) => {
    const task = taskOf(name)
    expect(task.space).toEqual(spaceOfSuite(expected.space))
    expect(task.optimum).toBe(expected.opt)
    expect(expected.cases.length).toBeGreaterThanOrEqual(25)
    for (const { params, f, true: truth } of expected.cases) {
      expectClose(task.observe(params), f)
      expectClose(task.truth(params), truth)
    }
  })

  const curves = isHere ? [...CURVE_TASKS, ...sequentialTasks().filter((task) => task.name.startsWith('tab_'))] : []
  test.each(curves as TableTask[])('$name has its curves, costs and rows', (task) => {
    const { T, cases } = fixtures.tasks[task.name]!
    expect(task.maxResource).toBe(T)
    for (const { params, steps, curve, curve_true, cost, row } of cases) {
      expectClose(task.stepSeconds(params), cost!)
      for (const [index, step] of steps.entries()) {
        expectClose(task.observeAt(params, step), curve[index]!)
        expectClose(task.truthAt(params, step), curve_true[index]!)
      }
      if (row !== undefined) expect(task.rowOf(params)).toBe(row)
    }
  })
})

const point = (...x: readonly number[]): Config => Object.fromEntries(x.map((value, index) => [`x${index}`, value]))

describe('optima', () => {
  test.each<[string, Config, number]>([
    ['branin', point(Math.PI, 2.275), 1e-12],
    ['branin', point(-Math.PI, 12.275), 1e-12],
    ['sixhump', point(0.0898420131, -0.7126564032), 1e-12],
    ['hartmann6', point(0.20168951, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730053), 1e-10],
    ['ackley5', point(12.5, -7.25, 4.75, -18, 9.5), 1e-12],
    ['rosenbrock5', point(1, 1, 1, 1, 1), 0],
    ['levy10', point(1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 1e-12],
    ['rastrigin5', point(1.3, -2.1, 0.7, 2.6, -0.9), 1e-12],
    ['styblinski8', point(...Array<number>(8).fill(-2.903534027771177)), 1e-12],
    [
      'hpo_cond',
      { lr: 10 ** -2.9, batch: 64, opt: 'adam', omb2: 1e-3, wd: 10 ** -3.8, dropout: 0.2, layers: 5 },
      1e-12,
    ],
    [
      'sparse10',
      {
        ...point(...Array.from({ length: 10 }, (_, index) => 0.2 + 0.07 * index)),
        x2: (Math.PI + 5) / 15,
        x7: 2.275 / 15,
      },
      1e-12,
    ],
    ['noisy5', { lr: 10 ** -3.1, mix: 0.85, depth: 7, act: 'a', reg: 10 ** -1.8 }, 1e-12],
    ['steps6', { a: 37, b: 71, c: 128, d: 14, e: 32, g: 1 }, 0],
    ['nas6', { e0: 'conv1', e1: 'conv1', e2: 'conv3', e3: 'conv3', e4: 'pool', e5: 'conv1' }, 1e-12],
    [
      'lc_mlp',
      {
        lr: 0.0009542087411647527,
        width: 320,
        batch: 51,
        dropout: 0.1224435715035163,
        wd: 0.0031622734781746945,
        opt: 'adam',
      },
      1e-12,
    ],
    [
      'lc_lm',
      {
        lr: 0.0012998138314548684,
        warmup: 0.0800000595475867,
        depth: 24,
        dmodel: 1024,
        decay: 'cosine',
        omb2: 0.025118880040409637,
      },
      1e-12,
    ],
  ])('%s is lowest where it should be', (name, config, tolerance) => {
    const task = taskOf(name)
    expect(Math.abs(task.truth(config) - task.optimum)).toBeLessThanOrEqual(tolerance)
  })

  test('no cell of nas6 lies below its optimum', () => {
    const task = taskOf('nas6')
    const operations = ['none', 'skip', 'conv1', 'conv3', 'pool']
    let lowest = Number.POSITIVE_INFINITY
    for (let code = 0; code < 5 ** 6; code += 1) {
      const digits = Array.from({ length: 6 }, (_, index) => Math.floor(code / 5 ** index) % 5)
      const config = Object.fromEntries(digits.map((digit, index) => [`e${index}`, operations[digit]!]))
      lowest = Math.min(lowest, task.truth(config))
    }
    expectClose(lowest, task.optimum)
  })

  test('where nothing reaches the last node of nas6, 20 is added', () => {
    expect(taskOf('nas6').truth(Object.fromEntries([0, 1, 2, 3, 4, 5].map((i) => [`e${i}`, 'none'])))).toBeGreaterThan(
      40,
    )
  })
})

test('the noise of a config is the same each time, and differs between configs', () => {
  const { observe, truth } = taskOf('noisy5')
  const noiseOf = (mix: number) => {
    const config = { lr: 0.01, mix, depth: 3, act: 'c', reg: 0.001 }
    return observe(config) - truth(config)
  }
  expect(noiseOf(0.5)).toBe(noiseOf(0.5))
  const noises = Array.from({ length: 1000 }, (_, index) => noiseOf(index / 1000))
  const mean = noises.reduce((sum, noise) => sum + noise, 0) / noises.length
  const deviation = Math.sqrt(noises.reduce((sum, noise) => sum + (noise - mean) ** 2, 0) / noises.length)
  expect(mean).toBeCloseTo(0, 2)
  expect(deviation).toBeCloseTo(0.05, 2)
})

test('without the tables their tasks are left out, and nothing else', () => {
  const names = sequentialTasks().map(({ name }) => name)
  expect(names.filter((name) => !name.startsWith('tab_'))).toHaveLength(13)
  expect(names.filter((name) => name.startsWith('tab_'))).toEqual(hasSuiteFile('tables') ? [...TABLE_TASK_NAMES] : [])
  expect(multiFidelityTasks()).toHaveLength(hasSuiteFile('tables') ? 4 : 2)
})
