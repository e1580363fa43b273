import { hypervolume } from '@sweep/search/pareto/hypervolume'
import type { Config } from '@sweep/spec/search-space'
import { box, float, searchSpace } from '../search/suite-space.ts'
import { numberAt, vectorAt } from '../search/task.ts'
import { networkTask } from './network-task.ts'
import { minimized, type ObjectivesTask } from './task.ts'

const SIZE = 6
/** Points of a true front: enough for four digits of its hypervolume. */
const FINE = 20_000

/** Problems with known fronts, each as the papers state it but for the number of parameters. */
export function objectivesTasks(): readonly ObjectivesTask[] {
  return [zdt1(), zdt2(), zdt3(), dtlz2(), bnh(), c2dtlz2(), networkTask()]
}

/** Zitzler, Deb and Thiele 2000, "Comparison of multiobjective evolutionary algorithms", section 4. */
function zdt(name: string, front: (x: number) => number, second: (f1: number, g: number) => number): ObjectivesTask {
  const reference = [1.1, 6]
  return {
    name,
    space: box(SIZE, 0, 1),
    objectives: minimized('f1', 'f2'),
    evaluate: (config) => {
      const [f1, ...rest] = vectorAt(config, SIZE) as [number, ...number[]]
      const g = 1 + (9 * rest.reduce((sum, x) => sum + x, 0)) / rest.length
      return { f1, f2: second(f1, g) }
    },
    reference,
    best: hypervolume(
      evenly(FINE).map((x) => [x, front(x)]),
      reference,
    ),
  }
}

function zdt1(): ObjectivesTask {
  const second = (f1: number, g: number) => g * (1 - Math.sqrt(f1 / g))
  return zdt('zdt1', (x) => second(x, 1), second)
}

function zdt2(): ObjectivesTask {
  const second = (f1: number, g: number) => g * (1 - (f1 / g) ** 2)
  return zdt('zdt2', (x) => second(x, 1), second)
}

function zdt3(): ObjectivesTask {
  const second = (f1: number, g: number) => g * (1 - Math.sqrt(f1 / g) - (f1 / g) * Math.sin(10 * Math.PI * f1))
  return zdt('zdt3', (x) => second(x, 1), second)
}

/** Deb et al. 2002, "Scalable multi-objective optimization test problems", DTLZ2: the front is a part of the unit sphere. */
function dtlz2(): ObjectivesTask {
  const reference = [1.5, 1.5, 1.5]
  return {
    name: 'dtlz2',
    space: box(SIZE, 0, 1),
    objectives: minimized('f1', 'f2', 'f3'),
    evaluate: (config) => {
      const [f1, f2, f3] = onSphere(config, 3) as [number, number, number]
      return { f1, f2, f3 }
    },
    reference,
    // The cube up to the reference without an eighth of the unit ball.
    best: 1.5 ** 3 - Math.PI / 6,
  }
}

/** Binh and Korn 1997, "MOBES: a multiobjective evolution strategy for constrained optimization problems". */
function bnh(): ObjectivesTask {
  const objectives = (x: number, y: number) => [4 * x ** 2 + 4 * y ** 2, (x - 5) ** 2 + (y - 5) ** 2] as const
  const reference = [140, 50]
  // The front lies where y is x up to 3 and 3 from there on.
  const front = evenly(FINE).map((share) => objectives(5 * share, Math.min(3, 5 * share)))
  return {
    name: 'bnh',
    space: searchSpace(float('x', 0, 5), float('y', 0, 3)),
    objectives: minimized('f1', 'f2'),
    constraints: [
      { name: 'c1', max: 25 },
      { name: 'c2', min: 7.7 },
    ],
    evaluate: (config) => {
      const [x, y] = [numberAt(config, 'x'), numberAt(config, 'y')]
      const [f1, f2] = objectives(x, y)
      return { f1, f2, c1: (x - 5) ** 2 + y ** 2, c2: (x - 8) ** 2 + (y + 3) ** 2 }
    },
    reference,
    best: hypervolume(front, reference),
  }
}

/**
 * Jain and Deb 2014, "An evolutionary many-objective optimization algorithm using reference-point based nondominated sorting
 * approach, part II", C2-DTLZ2, with two objectives and circles of radius 0.3 around the ends and the middle of the front.
 */
function c2dtlz2(): ObjectivesTask {
  const half = Math.SQRT1_2
  const centers = [[1, 0] as const, [0, 1] as const, [half, half] as const]
  const outside = ([f1, f2]: readonly number[]) =>
    Math.min(...centers.map(([x, y]) => (f1! - x) ** 2 + (f2! - y) ** 2 - 0.3 ** 2))
  const reference = [1.5, 1.5]
  const circle = evenly(FINE).map((share) => [Math.cos((share * Math.PI) / 2), Math.sin((share * Math.PI) / 2)])
  return {
    name: 'c2-dtlz2',
    space: box(SIZE, 0, 1),
    objectives: minimized('f1', 'f2'),
    constraints: [{ name: 'c', max: 0 }],
    evaluate: (config) => {
      const f = onSphere(config, 2)
      return { f1: f[0]!, f2: f[1]!, c: outside(f) }
    },
    reference,
    best: hypervolume(
      circle.filter((f) => outside(f) <= 0),
      reference,
    ),
  }
}

/** The objectives of DTLZ2: spherical coordinates of the first parameters, and how far the others are from the middle. */
function onSphere(config: Config, count: number): number[] {
  const x = vectorAt(config, SIZE)
  const radius = 1 + x.slice(count - 1).reduce((sum, one) => sum + (one - 0.5) ** 2, 0)
  const angles = x.slice(0, count - 1).map((one) => (one * Math.PI) / 2)
  return Array.from({ length: count }, (_, i) => {
    const cosines = angles.slice(0, count - 1 - i).reduce((product, angle) => product * Math.cos(angle), radius)
    return i === 0 ? cosines : cosines * Math.sin(angles[count - 1 - i]!)
  })
}

function evenly(count: number): number[] {
  return Array.from({ length: count + 1 }, (_, i) => i / count)
}
