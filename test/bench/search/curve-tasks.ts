import type { Config, SearchSpace } from '@sweep/spec/search-space'
import { configWords, gauss } from './suite-noise.ts'
import { choice, float, int, searchSpace } from './suite-space.ts'
import { type CurveTask, curveTask, numberAt } from './task.ts'
import { lb, lg } from './tuning-tasks.ts'

/** Learning curves that cross, for samplers and pruners of many fidelities: SUITE.md, "Learning curves". */
const STEPS = 81

const powerOfTen = (x: number) => Math.exp(Math.LN10 * x)
const powerOfTwo = (x: number) => Math.exp(Math.LN2 * x)

const perceptron = searchSpace(
  float('lr', 1e-5, 1, 'log'),
  int('width', 8, 1024, 'log'),
  int('batch', 16, 1024, 'log'),
  float('dropout', 0, 0.7),
  float('wd', 1e-7, 1e-1, 'log'),
  choice('opt', ['sgd', 'adam']),
)

function perceptronAt(config: Config, step: number): number {
  const isSgd = config['opt'] === 'sgd'
  const b = lb(numberAt(config, 'batch') / 64)
  const distance = lg(numberAt(config, 'lr')) - ((isSgd ? -1 : -2.8) + 0.15 * b)
  if (distance > 1.3) return 0.9
  const w = lb(numberAt(config, 'width') / 256)
  const dropout = numberAt(config, 'dropout')
  const decay = lg(numberAt(config, 'wd'))
  const floor =
    0.05 +
    0.05 * (distance + 0.3) ** 2 +
    0.15 * (dropout - 0.15) ** 2 +
    0.002 * (decay + 2.5) ** 2 +
    0.003 * b * b +
    ((w < 0 ? 0.006 : 0.002) * w * w + (isSgd ? 0.01 : 0))
  const rate = powerOfTen(0.6 * distance) * powerOfTwo(0.2 * w - 0.3 * b) * (1 - 0.8 * dropout)
  const overfit = Math.max(0, 1 - dropout / 0.3) * Math.max(0, 1 + w / 3) * Math.max(0, 1 - (decay + 7) / 3)
  const value =
    floor + (0.9 - Math.min(floor, 0.9)) * Math.exp(-1.1 * Math.log(1 + rate * step)) + (0.03 * overfit * step) / STEPS
  return Math.min(value, 0.95)
}

function perceptronSeconds(config: Config): number {
  const w = lb(numberAt(config, 'width') / 256)
  return 0.5 + 1.5 * powerOfTwo(0.7 * w - 0.4 * lb(numberAt(config, 'batch') / 64))
}

const languageModel = searchSpace(
  float('lr', 1e-5, 1e-1, 'log'),
  float('warmup', 0, 0.3),
  int('depth', 2, 24),
  int('dmodel', 64, 1024, 'log'),
  choice('decay', ['cosine', 'linear', 'const']),
  float('omb2', 1e-3, 0.3, 'log'),
)

/** Millions of weights. */
function modelSize(config: Config): number {
  return (12 * numberAt(config, 'depth') * numberAt(config, 'dmodel') ** 2) / 1e6
}

function languageModelAt(config: Config, step: number): number {
  const n = modelSize(config)
  // Bigger models want a smaller rate.
  const distance = lg(numberAt(config, 'lr')) - (-2.6 - 0.35 * lg(n / 10))
  const warmup = numberAt(config, 'warmup')
  if (distance > 0.9 + 2 * warmup) return 8
  const shape = lb(((numberAt(config, 'depth') / 8) * 256) / numberAt(config, 'dmodel'))
  const floor =
    2 +
    1.6 * Math.exp(-0.34 * Math.log(n)) +
    0.03 * shape * shape +
    (0.25 * distance * distance + 0.03 * (lg(numberAt(config, 'omb2')) + 1.6) ** 2 + 0.8 * (warmup - 0.08) ** 2)
  const rate = 6 * powerOfTen(0.5 * distance) * Math.exp(-0.25 * Math.log(n))
  const value = floor + (8 - floor) * Math.exp(-0.75 * Math.log(1 + rate * step))
  return Math.min(value - scheduleGain(config['decay'], step / STEPS), 8)
}

/** A constant rate is ahead early on and behind at the end. */
function scheduleGain(decay: Config[string] | undefined, s: number): number {
  if (decay === 'const') return 0.02 * (1 - s)
  if (decay === 'linear') return 0.05 * s
  // SUITE.md has a minus before both terms; suite.py, which the check values come from, adds the second.
  return 0.06 * s * s - 0.03 * (1 - s) * s
}

/** Values with normal noise that depends on the config and the step alone. */
function noised(space: SearchSpace, truthAt: CurveTask['truthAt'], deviation: number, salt: number) {
  return (config: Config, step: number) =>
    truthAt(config, step) + deviation * gauss([salt, step, ...configWords(space, config)])
}

/** Their optima were found by the suite's authors, at random and then by local search. */
export const CURVE_TASKS: readonly CurveTask[] = [
  curveTask({
    name: 'lc_mlp',
    space: perceptron,
    optimum: 0.05999117716891339,
    maxResource: STEPS,
    truthAt: perceptronAt,
    observeAt: noised(perceptron, perceptronAt, 0.003, 8001),
    stepSeconds: perceptronSeconds,
  }),
  curveTask({
    name: 'lc_lm',
    space: languageModel,
    optimum: 2.320233906118035,
    maxResource: STEPS,
    truthAt: languageModelAt,
    observeAt: noised(languageModel, languageModelAt, 0.005, 8002),
    stepSeconds: (config) => 0.3 + 0.15 * Math.exp(0.8 * Math.log(modelSize(config))),
  }),
]
