import type { Metric } from '@sweep/spec/document/sweep-document'
import type { TrialState } from '@sweep/spec/trial'
import type { SideValues } from '@sweep/store/side-values'
import type { TrialStanding } from '@sweep/store/standings'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { comparePlaces, isOnFront, orderByObjectives } from './objective-order.ts'

const metric = (name: string, goal: Metric['goal']): Metric => ({ name, goal, summary: 'last' })
const AIMS = { metric: metric('loss', 'minimize'), objectives: [metric('loss', 'minimize'), metric('acc', 'maximize')] }

function trial(
  number: number,
  [loss, acc]: readonly (number | null)[],
  { state = 'completed', isInfeasible = false }: { state?: TrialState; isInfeasible?: boolean } = {},
): TrialStanding {
  const value = loss ?? null
  const sideValues: SideValues = acc === null || acc === undefined ? {} : { acc: { reports: 1, finite: 1, value: acc } }
  return { number, state, value, loss: state === 'failed' ? null : value, sideValues, isInfeasible }
}

const numbers = (trials: readonly TrialStanding[]) => orderByObjectives(trials, AIMS).map(({ number }) => number)
const frontOf = (trials: readonly TrialStanding[]) =>
  orderByObjectives(trials, AIMS)
    .filter(isOnFront)
    .map(({ number }) => number)

test('by front, then by the first objective, then by number', () => {
  const trials = [
    trial(1, [0.3, 0.5]),
    trial(2, [0.1, 0.4]),
    trial(3, [0.2, 0.3]),
    trial(4, [0.4, 0.2]),
    trial(5, [0.1, 0.4]),
  ]
  expect(numbers(trials)).toEqual([2, 5, 1, 3, 4])
  expect(frontOf(trials)).toEqual([2, 5, 1])
})

test('infeasible trials come after all feasible ones, those without a value last', () => {
  const trials = [
    trial(1, [0.01, 0.9], { isInfeasible: true }),
    trial(2, [0.02, 0.8], { isInfeasible: true }),
    trial(3, [null, null], { state: 'queued' }),
    trial(4, [0.9, 0.1]),
    trial(5, [0.02, 0.99], { state: 'failed' }),
    trial(6, [0.005, 0.1], { state: 'running', isInfeasible: true }),
  ]
  expect(numbers(trials)).toEqual([4, 6, 1, 2, 3, 5])
  expect(frontOf(trials)).toEqual([4])
})

test('who runs, was called off or lacks a value of an objective is on no front, and keeps nobody off it', () => {
  const trials = [
    trial(1, [0.001, 0.9], { state: 'running' }),
    trial(2, [0.002, 0.9], { state: 'cancelled' }),
    trial(3, [0.003, Number.NaN], { state: 'pruned' }),
    trial(4, [0.004, null], { state: 'pruned' }),
    trial(5, [0.5, 0.5]),
    trial(6, [0.6, 0.6], { state: 'pruned' }),
  ]
  expect(frontOf(trials)).toEqual([5, 6])
  expect(numbers(trials)).toEqual([5, 6, 1, 2, 3, 4])
})

test('a trial is on the front when no comparable one is better by one objective and as good by the other', () => {
  const value = fc.constantFrom(1, 2, 3, 4, Number.NaN)
  const some = fc.array(fc.tuple(value, value, fc.boolean()), { maxLength: 12 })
  fc.assert(
    fc.property(some, (rows) => {
      const trials = rows.map(([loss, acc, isInfeasible], i) => trial(i + 1, [loss, acc], { isInfeasible }))
      // A loss that is not finite is stored as none.
      const stored = trials.map((one) => ({ ...one, loss: Number.isFinite(one.loss) ? one.loss : null }))
      const usable = rows.filter(([loss, acc, bad]) => !bad && Number.isFinite(loss) && Number.isFinite(acc))
      const beaten = ([loss, acc]: readonly [number, number, boolean]) =>
        usable.some(([l, a]) => l <= loss && a >= acc && (l < loss || a > acc))
      const expected = rows.flatMap((row, i) => (usable.includes(row) && !beaten(row) ? [i + 1] : []))
      const places = orderByObjectives(stored, AIMS)
      expect(new Set(places.filter(isOnFront).map(({ number }) => number))).toEqual(new Set(expected))
      expect(places.toSorted(comparePlaces)).toEqual(places)
      expect(new Set(places.map(({ number }) => number)).size).toBe(rows.length)
    }),
  )
})
