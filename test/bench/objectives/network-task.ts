import { hypervolume } from '@sweep/search/pareto/hypervolume'
import type { Config } from '@sweep/spec/search-space'
import { choice, float, int, searchSpace } from '../search/suite-space.ts'
import { numberAt } from '../search/task.ts'
import type { ObjectivesTask } from './task.ts'

const LAYERS = 6
const [LEAST_WIDTH, MOST_WIDTH] = [16, 512]

const SPACE = searchSpace(
  int('layers', 1, LAYERS),
  int('width', LEAST_WIDTH, MOST_WIDTH, 'log'),
  choice('activation', ['relu', 'gelu', 'tanh']),
  choice('optimizer', ['sgd', 'adam']),
  float('lr', 1e-5, 1, 'log'),
  float('momentum', 0, 0.99, 'linear', { optimizer: ['sgd'] }),
  float('beta2', 0.8, 0.999, 'linear', { optimizer: ['adam'] }),
)

/** What a network of this size and kind can reach, and how long it takes for one input, in milliseconds. */
function potential(layers: number, width: number, activation: string): { error: number; latency: number } {
  const gain = { gelu: 0.01, tanh: -0.01 }[activation] ?? 0
  const slowness = activation === 'gelu' ? 1.2 : 1
  return {
    error: 0.05 + 0.4 / (1 + ((layers * width) / 200) ** 0.8) - gain,
    latency: (0.5 * layers + (layers * width) / 64) * slowness,
  }
}

function evaluate(config: Config): { accuracy: number; latency: number } {
  const { error, latency } = potential(
    numberAt(config, 'layers'),
    numberAt(config, 'width'),
    String(config['activation']),
  )
  const isSgd = config['optimizer'] === 'sgd'
  const rateOff = Math.log10(numberAt(config, 'lr')) - (isSgd ? -1.5 : -3)
  const optimizerLoss = isSgd
    ? 0.01 + 0.3 * (numberAt(config, 'momentum') - 0.9) ** 2
    : 0.3 * (numberAt(config, 'beta2') - 0.95) ** 2
  return { accuracy: 1 - error - 0.05 * rateOff ** 2 - optimizerLoss, latency }
}

/** A made-up network: accuracy against latency over numbers, choices and a condition. */
export function networkTask(): ObjectivesTask {
  // Losses: what the best training of each network gives.
  const sizes = Array.from({ length: LAYERS }, (_, i) => i + 1).flatMap((layers) =>
    Array.from({ length: MOST_WIDTH - LEAST_WIDTH + 1 }, (_, i) => ({ layers, width: LEAST_WIDTH + i })),
  )
  const front = ['relu', 'gelu'].flatMap((activation) =>
    sizes.map(({ layers, width }) => {
      const { error, latency } = potential(layers, width, activation)
      return [error - 1, latency]
    }),
  )
  const reference = [0.4, 60]
  return {
    name: 'network',
    space: SPACE,
    objectives: [
      { name: 'accuracy', goal: 'maximize', summary: 'best' },
      { name: 'latency', goal: 'minimize', summary: 'best' },
    ],
    evaluate,
    reference,
    best: hypervolume(front, [-0.4, 60]),
  }
}
