import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Config } from '@sweep/spec/search-space'
import { z } from 'zod'
import { float, int, searchSpace } from '../search/suite-space.ts'
import { type FidelityTask, randomConfigs } from './fidelity-task.ts'
import { yardstickOf } from './protocol.ts'
import type { Training } from './virtual-time.ts'

/**
 * Trainings of funnel-shaped networks on three data sets, by the surrogate of YAHPO Gym (Pfisterer et al., AutoML 2022,
 * arXiv 2109.03670) for LCBench (Zimmer, Lindauer and Hutter, IEEE TPAMI 43(9), 2021). The model is in ../shared/data.
 */
export const LCBENCH_FOLDER = resolve('../shared/data/yahpo/lcbench')

export const LCBENCH_NAMES = ['lcbench_167168', 'lcbench_189873', 'lcbench_189906'] as const

export function hasLcbench(): boolean {
  return existsSync(join(LCBENCH_FOLDER, 'model.onnx'))
}

/** As config_space.json of the scenario has it. */
export const LCBENCH_SPACE = searchSpace(
  int('batch_size', 16, 512, 'log'),
  float('learning_rate', 1e-4, 0.1, 'log'),
  float('momentum', 0.1, 0.99),
  float('weight_decay', 1e-5, 0.1),
  int('num_layers', 1, 5),
  int('max_units', 64, 1024, 'log'),
  float('max_dropout', 0, 1),
)
/** Epoch 1 of the data is the network before training and 52 an irregular last point: step 1 is epoch 2. */
const FIRST_EPOCH = 1
const STEPS = 50

/** What the surrogate says of a config after an epoch: the time since the start, and the validation error in percent. */
interface Outcome {
  readonly seconds: number
  readonly error: number
}
type Query = { readonly config: Config; readonly epoch: number }
type Model = (dataset: string, queries: readonly Query[]) => Promise<Outcome[]>

/** The three tasks: validation error in percent after each of 50 epochs. */
export async function lcbenchTasks(names: readonly string[]): Promise<FidelityTask[]> {
  if (names.length === 0) return []
  const model = await loadModel()
  return Promise.all(names.map((name) => lcbenchTask(name, model)))
}

async function lcbenchTask(name: string, model: Model): Promise<FidelityTask> {
  const dataset = name.replace('lcbench_', '')
  const configs = randomConfigs(LCBENCH_SPACE)
  const ends = await model(dataset, configs.flatMap(bothEnds))
  const pairs = configs.map((_, index) => [ends[2 * index]!, ends[2 * index + 1]!] as const)
  const population = {
    values: pairs.map(([, last]) => last.error),
    seconds: pairs.map(([first, last]) => STEPS * stepSecondsOf(first, last)),
  }
  const trainingOf = async (config: Config): Promise<Training> => {
    const errors: number[] = []
    const outcomesAt = async (steps: readonly number[]) => {
      const outcomes = await model(
        dataset,
        steps.map((step) => ({ config, epoch: FIRST_EPOCH + step })),
      )
      for (const [index, step] of steps.entries()) errors[step] = outcomes[index]!.error
      return outcomes
    }
    // A call costs as much as ten rows, and most trials go no further than the first step.
    const [first, , last] = (await outcomesAt([0, 1, STEPS])) as [Outcome, Outcome, Outcome]
    const observe = async (from: number, to: number) => {
      const steps = Array.from({ length: to - from + 1 }, (_, index) => from + index)
      const missing = steps.filter((step) => errors[step] === undefined)
      if (missing.length > 0) await outcomesAt(missing)
      return errors.slice(from, to + 1)
    }
    // The surrogate has no noise.
    return { stepSeconds: stepSecondsOf(first, last), observe, truthAt: (step) => errors[step]! }
  }
  return { name, space: LCBENCH_SPACE, maxResource: STEPS, trainingOf, ...yardstickOf(population) }
}

function bothEnds(config: Config): Query[] {
  return [FIRST_EPOCH, FIRST_EPOCH + STEPS].map((epoch) => ({ config, epoch }))
}

/** The mean over all epochs: the model's time rises by nearly the same from each epoch to the next, not quite always. */
function stepSecondsOf(first: Outcome, last: Outcome): number {
  return (last.seconds - first.seconds) / STEPS
}

const Scenario = z.object({
  onnx_inputs: z.object({ x_cont: z.object({ columns: z.array(z.string()) }) }),
  onnx_output: z.object({ columns: z.array(z.object({ name: z.string() })) }),
  instance_parameter: z.string(),
})
const Encoding = z.record(z.string(), z.record(z.string(), z.int()))

/** More queries at once cost the same each, and memory. */
const BATCH = 1000

async function loadModel(): Promise<Model> {
  const { env, InferenceSession, Tensor } = await import('onnxruntime-web')
  // Threads would cost more than they gain on batches as small as a rung.
  env.wasm.numThreads = 1
  const session = await InferenceSession.create(readFileSync(join(LCBENCH_FOLDER, 'model.onnx')))
  const scenario = Scenario.parse(readJson('scenario.json'))
  const codes = Encoding.parse(readJson('encoding.json'))[scenario.instance_parameter]!
  const inputs = scenario.onnx_inputs.x_cont.columns
  const outputs = scenario.onnx_output.columns.map(({ name }) => name)
  const [time, accuracy] = [outputs.indexOf('time'), outputs.indexOf('val_accuracy')]

  return async (dataset, queries) => {
    const outcomes: Outcome[] = []
    for (let begin = 0; begin < queries.length; begin += BATCH) {
      const batch = queries.slice(begin, begin + BATCH)
      const numbers = batch.flatMap(({ config, epoch }) =>
        inputs.map((name) => (name === 'epoch' ? epoch : Number(config[name]))),
      )
      const { output } = await session.run({
        x_cat: new Tensor('int32', new Int32Array(batch.length).fill(codes[dataset]!), [batch.length, 1]),
        x_cont: new Tensor('float32', Float32Array.from(numbers), [batch.length, inputs.length]),
      })
      const values = output!.data as Float32Array
      for (let at = 0; at < values.length; at += outputs.length)
        outcomes.push({ seconds: values[at + time]!, error: 100 - values[at + accuracy]! })
    }
    return outcomes
  }
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(LCBENCH_FOLDER, name), 'utf8'))
}
