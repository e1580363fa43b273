import type { ChoiceParameter, Config } from '@sweep/spec/search-space'
import { BRANIN_OPTIMUM, branin } from './analytic-tasks.ts'
import { configWords, gauss, uniform } from './suite-noise.ts'
import { box, choice, choiceIndex, float, int, searchSpace } from './suite-space.ts'
import { noiseless, numberAt, type Task, vectorAt } from './task.ts'

/** Functions shaped as the tuning of a training is: SUITE.md, "HPO-like". */

/** By division, as the suite's reference has it: `Math.log10` may differ in the last bit, and a plateau ends at one. */
export const lg = (x: number) => Math.log(x) / Math.LN10
export const lb = (x: number) => Math.log(x) / Math.LN2

const conditional = searchSpace(
  float('lr', 1e-4, 1, 'log'),
  int('batch', 32, 1024, 'log'),
  choice('opt', ['sgd', 'adam', 'rmsprop']),
  float('momentum', 0, 0.99, 'linear', { opt: ['sgd'] }),
  float('omb2', 1e-4, 0.3, 'log', { opt: ['adam'] }),
  float('wd', 1e-8, 1e-2, 'log'),
  float('dropout', 0, 0.8),
  int('layers', 1, 12),
)

function hpoCond(config: Config): number {
  const b = lb(numberAt(config, 'batch') / 64)
  const l = lg(numberAt(config, 'lr'))
  const [distance, base, width] = ofOptimizer(config, l, b)
  // Where the rate is too high the training diverges, and all else is without effect.
  if (distance > 1.5) return 0.95 + 0.01 * distance
  const dropout = numberAt(config, 'dropout')
  const layers = numberAt(config, 'layers')
  return (
    base +
    0.8 * (1 - Math.exp(-0.5 * (distance / width) ** 2)) +
    0.004 * (lg(numberAt(config, 'wd')) + 3.5 + 1.5 * dropout) ** 2 +
    (0.15 * (dropout - 0.04 * layers) ** 2 + 0.006 * (layers - 5) ** 2 + 0.004 * b * b)
  )
}

/** How far the rate lies above its best, the lowest value, and how wide the valley is. */
function ofOptimizer(config: Config, l: number, b: number): [number, number, number] {
  if (config['opt'] === 'sgd') {
    const momentum = numberAt(config, 'momentum')
    return [l - lg(1 - momentum) - (-0.5 + 0.3 * b), 0.06 + 0.08 * (momentum - 0.9) ** 2, 0.7]
  }
  if (config['opt'] === 'adam')
    return [l - (-2.9 + 0.15 * b), 0.05 + 0.01 * (lg(numberAt(config, 'omb2')) + 3) ** 2, 0.5]
  return [l - (-3.2 + 0.15 * b), 0.065, 0.5]
}

/** Two parameters of ten matter. */
function sparse10(config: Config): number {
  const x = vectorAt(config, 10)
  const main = (branin(15 * x[2]! - 5, 15 * x[7]!) - BRANIN_OPTIMUM) / 50
  return x.reduce(
    (total, xi, index) => (index === 2 || index === 7 ? total : total + 0.005 * (xi - (0.2 + 0.07 * index)) ** 2),
    main,
  )
}

const noisy = searchSpace(
  float('lr', 1e-4, 1, 'log'),
  float('mix', 0, 1),
  int('depth', 1, 20),
  choice('act', ['a', 'b', 'c', 'd']),
  float('reg', 1e-6, 1e-1, 'log'),
)
const ACTIVATION_COST = [0, 0.08, 0.15, 0.03]

function noisy5(config: Config): number {
  const l = lg(numberAt(config, 'lr')) + 3.1
  const exponent =
    (l / 0.9) ** 2 +
    3 * (numberAt(config, 'mix') - 0.85) ** 2 +
    ((numberAt(config, 'depth') - 7 + 1.5 * l) / 6) ** 2 +
    ((lg(numberAt(config, 'reg')) + 1.8) / 2.5) ** 2
  const activation = choiceIndex(noisy.parameters[3] as ChoiceParameter, config)
  return 1 - Math.exp(-0.5 * exponent) * (1 - ACTIVATION_COST[activation]!)
}

const plateaus = searchSpace(
  int('a', 0, 100),
  int('b', 0, 100),
  int('c', 1, 1024, 'log'),
  int('d', 0, 20),
  int('e', 1, 64, 'log'),
  int('g', 0, 9),
)

function steps6(config: Config): number {
  const at = (name: string) => numberAt(config, name)
  const isSameHalf = at('a') > 50 === at('b') > 50
  return (
    Math.floor(Math.abs(at('a') - 37) / 8) +
    Math.floor(Math.abs(at('b') - 71) / 12) +
    Math.floor(2 * Math.abs(lb(at('c')) - 7) + 1e-9) +
    Math.floor(Math.abs(at('d') - 14) / 2) +
    Math.floor(2 * Math.abs(lb(at('e')) - 5) + 1e-9) +
    (at('g') === 1 || at('g') === 2 ? 0 : 2) +
    (isSameHalf ? 2 : 0)
  )
}

const OPERATIONS = ['none', 'skip', 'conv1', 'conv3', 'pool']
const OPERATION_WEIGHTS = [0, 0.35, 0.7, 1, 0.2]
/** From node to node, so ordered that every edge into a node comes before those out of it. */
const EDGES = [
  [0, 1],
  [0, 2],
  [1, 2],
  [0, 3],
  [1, 3],
  [2, 3],
] as const
const EDGE_WEIGHTS = [0.9, 0.6, 0.8, 0.5, 0.7, 1]

const cells = searchSpace(...EDGES.map((_, index) => choice(`e${index}`, OPERATIONS)))

function nas6(config: Config): number {
  const operations = EDGES.map((_, index) => OPERATIONS.indexOf(String(config[`e${index}`])))
  const capacity = operations.reduce((sum, op, i) => sum + EDGE_WEIGHTS[i]! * OPERATION_WEIGHTS[op]!, 0)
  let value = 30 - 18 * Math.tanh(capacity / 3)
  for (const [i, first] of operations.entries()) {
    for (const [j, second] of operations.entries())
      if (i < j) value += 1.6 * (uniform([9001, i, j, first, second]) - 0.5)
  }
  value += 0.5 * (uniform([9002, ...operations]) - 0.5)
  const reached = new Set([0])
  for (const [index, [from, to]] of EDGES.entries()) {
    if (reached.has(from) && operations[index] !== 0) reached.add(to)
  }
  return reached.has(3) ? value : value + 20
}

export const TUNING_TASKS: readonly Task[] = [
  noiseless('hpo_cond', conditional, 0.05, hpoCond),
  noiseless('sparse10', box(10, 0, 1), 0, sparse10),
  {
    name: 'noisy5',
    space: noisy,
    optimum: 0,
    truth: noisy5,
    observe: (config) => noisy5(config) + 0.05 * gauss([7001, ...configWords(noisy, config)]),
  },
  noiseless('steps6', plateaus, 0, steps6),
  noiseless('nas6', cells, 10.218455910649098, nas6),
]
