import { expect, test } from 'vitest'
import { readBaselines } from './baselines.ts'
import { runObjectives, shareOf } from './run-objectives.ts'
import { objectivesTasks } from './tasks.ts'

const tasks = new Map(objectivesTasks().map((task) => [task.name, task]))
const box = (first: number, rest: number) =>
  Object.fromEntries([first, rest, rest, rest, rest, rest].map((x, i) => [`x${i}`, x]))

test('ZDT as the paper states it, on its front and off it', () => {
  expect(tasks.get('zdt1')!.evaluate(box(0.25, 0))).toEqual({ f1: 0.25, f2: 0.5 })
  expect(tasks.get('zdt2')!.evaluate(box(0.5, 0))).toEqual({ f1: 0.5, f2: 0.75 })
  expect(tasks.get('zdt1')!.evaluate(box(0, 1))).toEqual({ f1: 0, f2: 10 })
  // The area between the front and the reference: 1.1 * 6 less what lies under 1 - sqrt(x) and, of 0.1, under 0.
  expect(tasks.get('zdt1')!.best).toBeCloseTo(1.1 * 6 - 1 / 3, 3)
  expect(tasks.get('zdt2')!.best).toBeCloseTo(1.1 * 6 - 2 / 3, 3)
})

test('the front of DTLZ2 is the unit sphere', () => {
  const values = tasks.get('dtlz2')!.evaluate({ ...box(0.3, 0.5), x1: 0.8 })
  expect(Object.values(values).reduce((sum, f) => sum + f * f, 0)).toBeCloseTo(1, 12)
})

test('C2-DTLZ2 is feasible around the ends and the middle of its front alone', () => {
  const slack = (x: number) => tasks.get('c2-dtlz2')!.evaluate(box(x, 0.5))['c']!
  expect([0, 0.5, 1].map(slack).every((c) => c < 0)).toBe(true)
  expect([0.25, 0.75].map(slack).every((c) => c > 0)).toBe(true)
})

test('BNH has the values of the paper', () => {
  expect(tasks.get('bnh')!.evaluate({ x: 1, y: 2 })).toEqual({ f1: 20, f2: 25, c1: 20, c2: 74 })
})

test('a share counts feasible trials alone, and the whole front is all of it', () => {
  const bnh = tasks.get('bnh')!
  expect(shareOf(bnh, [{ f1: 0, f2: 0, c1: 26, c2: 9 }])).toBe(0)
  const front = Array.from({ length: 2001 }, (_, i) => i / 400).map((x) => bnh.evaluate({ x, y: Math.min(3, x) }))
  expect(shareOf(bnh, front)).toBeCloseTo(1, 2)
})

test('every task has baselines, and a run beats nothing at all', () => {
  for (const { byTask } of readBaselines()) expect([...byTask.keys()]).toEqual([...tasks.keys()])
  const shares = runObjectives(tasks.get('network')!, { method: 'random', seed: 0, workers: 4 })
  expect(shares[50]).toBeGreaterThan(0.5)
  expect(shares[200]).toBeGreaterThanOrEqual(shares[100])
})
