import { expect, test } from 'vitest'
import { LEAST_COMPARED, selectTrials, type TrialPoint } from './trial-points.ts'

let number = 0
function some(count: number, rest: Partial<TrialPoint>): TrialPoint[] {
  return Array.from({ length: count }, () => {
    number += 1
    return { number, config: {}, state: 'completed', value: 1, ...rest }
  })
}
const numbers = (trials: readonly { readonly number: number }[]) => trials.map((trial) => trial.number)

test('full trainings are compared where there are enough, wherever they ended', () => {
  const full = [...some(20, { resource: 9 }), ...some(10, { resource: 5 })]
  const { trials, level, leftOut } = selectTrials({
    goal: 'minimize',
    trials: [...full, ...some(50, { state: 'pruned', resource: 3 })],
  })
  expect(full).toHaveLength(LEAST_COMPARED)
  expect(level).toBe('full')
  expect(numbers(trials)).toEqual(numbers(full))
  expect(leftOut).toEqual({ failed: 0, unfinished: 0, otherResource: 50 })
})

test('otherwise the highest level with enough trials, or the one with most', () => {
  const few = some(LEAST_COMPARED - 1, {})
  const third = some(LEAST_COMPARED, { state: 'pruned', resource: 3 })
  const first = some(LEAST_COMPARED + 40, { state: 'pruned', resource: 1 })
  expect(selectTrials({ goal: 'minimize', trials: [...few, ...first, ...third] }).level).toBe(3)
  expect(selectTrials({ goal: 'minimize', trials: [...few, ...third.slice(1)] }).level).toBe('full')
  expect(selectTrials({ goal: 'minimize', trials: [...few.slice(1), ...third.slice(1)] }).level).toBe(3)
  expect(selectTrials({ goal: 'minimize', trials: [] })).toMatchObject({ level: 'full', trials: [] })
})

test('what has no finite value or no known resource is left out and counted', () => {
  const trials = [
    ...some(1, { state: 'failed', value: 3 }),
    ...some(1, { value: null }),
    ...some(1, { value: Number.NaN }),
    ...some(1, { value: Number.POSITIVE_INFINITY }),
    ...some(1, { state: 'running' }),
    ...some(1, { state: 'queued', value: null }),
    ...some(1, { state: 'cancelled' }),
    ...some(1, { state: 'paused' }),
    ...some(1, { state: 'pruned', resource: null }),
    ...some(2, {}),
  ]
  const { trials: chosen, leftOut } = selectTrials({ goal: 'minimize', trials })
  expect(numbers(chosen)).toEqual(numbers(trials.slice(-2)))
  expect(leftOut).toEqual({ failed: 4, unfinished: 4, otherResource: 1 })
})

test('losses are lower where the objective is better', () => {
  const trials = some(2, { value: 5 })
  expect(selectTrials({ goal: 'minimize', trials }).trials[0]!.loss).toBe(5)
  expect(selectTrials({ goal: 'maximize', trials }).trials[0]!.loss).toBe(-5)
})
