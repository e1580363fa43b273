import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Config } from '@sweep/spec/search-space'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { hasLcbench, LCBENCH_FOLDER, LCBENCH_NAMES, LCBENCH_SPACE, lcbenchTasks } from './lcbench.ts'

const Curve = z.object({ config: Config, val_accuracy: z.array(z.number()), time: z.array(z.number()) })

function curvesOf(task: string) {
  const file = join(LCBENCH_FOLDER, 'curves', `${task.replace('lcbench_', '')}.jsonl`)
  const lines = readFileSync(file, 'utf8').trim().split('\n').slice(0, 5)
  return lines.map((line) => Curve.parse(JSON.parse(line)))
}

const Suite = z.object({ single_objective_suite_instances: z.array(z.string()) })
const Space = z.object({
  hyperparameters: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      lower: z.number().optional(),
      upper: z.number().optional(),
      log: z.boolean().optional(),
    }),
  ),
})

describe.skipIf(!hasLcbench())('the surrogate (needs ../shared/data/yahpo/lcbench)', () => {
  test('the space is that of the scenario, without the data set and the epoch', () => {
    const { hyperparameters } = Space.parse(JSON.parse(readFileSync(join(LCBENCH_FOLDER, 'config_space.json'), 'utf8')))
    const expected = hyperparameters.filter(({ name }) => !['OpenML_task_id', 'epoch'].includes(name))
    const digits = (x: number | undefined) => Number(x?.toPrecision(12))
    const rows = expected.map(({ name, type, lower, upper, log }) => [
      name,
      type === 'uniform_int' ? 'int' : 'float',
      digits(lower),
      digits(upper),
      log ? 'log' : 'linear',
    ])
    const ours = LCBENCH_SPACE.parameters.map((parameter) => {
      if (parameter.type !== 'int' && parameter.type !== 'float') throw new Error(`${parameter.name} is no number`)
      const { name, type, min, max, scale } = parameter
      return [name, type, min, max, scale]
    })
    expect(ours.sort()).toEqual(rows.sort())
  })

  test('the data sets are those of its published suite', () => {
    const { single_objective_suite_instances } = Suite.parse(
      JSON.parse(readFileSync(join(LCBENCH_FOLDER, 'scenario.json'), 'utf8')),
    )
    expect(LCBENCH_NAMES).toEqual(single_objective_suite_instances.map((dataset) => `lcbench_${dataset}`))
  })

  test('the curves that were recorded with it come out', async () => {
    const [task] = await lcbenchTasks([LCBENCH_NAMES[1]])
    const curves = curvesOf(LCBENCH_NAMES[1])
    expect(curves).toHaveLength(5)
    for (const { config, val_accuracy, time } of curves) {
      const training = await task!.trainingOf(config)
      const errors = []
      for (const [from, to] of [
        [1, 1],
        [2, 9],
        [10, 50],
      ] as const)
        errors.push(...(await training.observe(from, to)))
      expect(errors).toHaveLength(50)
      for (const [index, error] of errors.entries()) {
        // Step 1 is epoch 2, which is the second of the list.
        expect(Math.abs(100 - error - val_accuracy[index + 1]!)).toBeLessThan(0.01)
        expect(training.truthAt(index + 1)).toBe(error)
      }
      const seconds = time[50]! - time[0]!
      expect(Math.abs((50 * training.stepSeconds) / seconds - 1)).toBeLessThan(0.02)
    }
    const { targets } = task!
    expect(targets['top0.5%']).toBeLessThan(targets['top2%'])
    expect(targets['top2%']).toBeLessThan(targets['top10%'])
  })
})
