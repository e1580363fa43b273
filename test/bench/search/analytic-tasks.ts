import { box, float, searchSpace } from './suite-space.ts'
import { noiseless, type Task, vectorAt } from './task.ts'

/** The test functions of the literature, as SUITE.md, "Analytic", gives them: two are moved off the centre of the box. */

export const BRANIN_OPTIMUM = 0.39788735772973816

export function branin(x: number, y: number): number {
  const valley = y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6
  return valley * valley + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10
}

function sixhump([x = 0, y = 0]: readonly number[]): number {
  return (4 - 2.1 * x * x + (x * x * x * x) / 3) * x * x + x * y + (-4 + 4 * y * y) * y * y
}

const HARTMANN_A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
]
const HARTMANN_P = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]
const HARTMANN_ALPHA = [1, 1.2, 3, 3.2]

function hartmann6(x: readonly number[]): number {
  return sum(HARTMANN_ALPHA, (alpha, i) => {
    const exponent = sum(x, (xj, j) => HARTMANN_A[i]![j]! * square(xj - HARTMANN_P[i]![j]!))
    return -alpha * Math.exp(-exponent)
  })
}

const ACKLEY_SHIFT = [12.5, -7.25, 4.75, -18, 9.5]

function ackley5(x: readonly number[]): number {
  const z = minus(x, ACKLEY_SHIFT)
  const radius = Math.sqrt(sum(z, square) / z.length)
  const ripples = sum(z, (zi) => Math.cos(2 * Math.PI * zi)) / z.length
  return -20 * Math.exp(-0.2 * radius) - Math.exp(ripples) + 20 + Math.E
}

function rosenbrock5(x: readonly number[]): number {
  return sum(x.slice(1), (next, i) => 100 * square(next - x[i]! * x[i]!) + square(1 - x[i]!))
}

function levy10(x: readonly number[]): number {
  const w = x.map((xi) => 1 + (xi - 1) / 4)
  const last = w.at(-1)!
  return (
    square(Math.sin(Math.PI * w[0]!)) +
    sum(w.slice(0, -1), (wi) => square(wi - 1) * (1 + 10 * square(Math.sin(Math.PI * wi + 1)))) +
    square(last - 1) * (1 + square(Math.sin(2 * Math.PI * last)))
  )
}

const RASTRIGIN_SHIFT = [1.3, -2.1, 0.7, 2.6, -0.9]

function rastrigin5(x: readonly number[]): number {
  const z = minus(x, RASTRIGIN_SHIFT)
  return 10 * z.length + sum(z, (zi) => zi * zi - 10 * Math.cos(2 * Math.PI * zi))
}

function styblinski8(x: readonly number[]): number {
  return sum(x, (xi) => xi * xi * xi * xi - 16 * xi * xi + 5 * xi) / 2
}

const planar = (x: readonly [number, number], y: readonly [number, number]) =>
  searchSpace(float('x0', ...x), float('x1', ...y))

const of = (size: number, value: (x: readonly number[]) => number) => (config: Parameters<Task['truth']>[0]) =>
  value(vectorAt(config, size))

export const ANALYTIC_TASKS: readonly Task[] = [
  noiseless(
    'branin',
    planar([-5, 10], [0, 15]),
    BRANIN_OPTIMUM,
    of(2, ([x = 0, y = 0]) => branin(x, y)),
  ),
  noiseless('sixhump', planar([-3, 3], [-2, 2]), -1.0316284534898774, of(2, sixhump)),
  noiseless('hartmann6', box(6, 0, 1), -3.322368011415515, of(6, hartmann6)),
  noiseless('ackley5', box(5, -32.768, 32.768), 0, of(5, ackley5)),
  noiseless('rosenbrock5', box(5, -5, 10), 0, of(5, rosenbrock5)),
  noiseless('levy10', box(10, -10, 10), 0, of(10, levy10)),
  noiseless('rastrigin5', box(5, -5.12, 5.12), 0, of(5, rastrigin5)),
  noiseless('styblinski8', box(8, -5, 5), 8 * -39.16616570377142, of(8, styblinski8)),
]

function sum<T>(items: readonly T[], term: (item: T, index: number) => number): number {
  return items.reduce((total, item, index) => total + term(item, index), 0)
}

function minus(x: readonly number[], shift: readonly number[]): number[] {
  return x.map((xi, index) => xi - shift[index]!)
}

function square(x: number): number {
  return x * x
}
