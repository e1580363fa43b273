import type { TrialRecord } from '@sweep/store/trial-record'
import { expect, test } from 'vitest'
import { configBoard } from './config-board.ts'

const trial = (number: number, x: number, value: number | null, state: TrialRecord['state'] = 'completed') =>
  ({ number, config: { x }, value, state }) as unknown as TrialRecord

const metric = (goal: 'minimize' | 'maximize') => ({ name: 'loss', goal, summary: 'best' }) as const

const TRIALS = [
  trial(1, 1, 0.5),
  trial(2, 1, 0.7),
  trial(3, 2, 0.1),
  trial(4, 2, 0.2, 'pruned'),
  trial(5, 3, 0.4),
  trial(6, 3, 0.6),
  trial(7, 4, null, 'failed'),
  trial(8, 4, Number.NaN),
  trial(9, 5, null, 'running'),
]

test('configs stand by their mean, those with all their runs before those with some, those with none last', () => {
  const rows = configBoard(TRIALS, { metric: metric('minimize'), replicates: { seeds: 2 } })
  expect(rows.map(({ rank, trials, runs, pending }) => [rank, trials, runs, pending])).toEqual([
    [1, [5, 6], 2, 0],
    [2, [1, 2], 2, 0],
    // One run is ahead of all others, and the pruner stopped the second.
    [3, [3, 4], 1, 0],
    [null, [7, 8], 0, 0],
    [null, [9], 0, 1],
  ])
  expect(rows[2]).toMatchObject({ mean: 0.1, low: null, values: [0.1, null] })
})

test('the largest mean is the best where the metric is to be large; ties go to the lower trial', () => {
  const order = (trials: readonly TrialRecord[]) =>
    configBoard(trials, { metric: metric('maximize'), replicates: { seeds: 2 } }).map((row) => row.trials[0])
  expect(order(TRIALS)).toEqual([1, 5, 3, 7, 9])
  expect(order([trial(1, 1, 3), trial(2, 1, 3), trial(3, 2, 3), trial(4, 2, 3)])).toEqual([1, 3])
})

test('a config with a run that breaks a constraint comes behind those that keep to it', () => {
  const heavy = (number: number, x: number, value: number, memory: number) => ({
    ...trial(number, x, value),
    sideValues: { memory: { reports: 1, finite: 1, value: memory } },
  })
  const trials = [heavy(1, 1, 0.1, 9), heavy(2, 1, 0.1, 8), heavy(3, 2, 0.5, 8), trial(4, 3, null, 'running')]
  const constraints = [{ name: 'memory', max: 8 }]
  const rows = configBoard(trials, { metric: metric('minimize'), constraints, replicates: { seeds: 2 } })
  expect(rows.map((row) => row.trials[0])).toEqual([3, 1, 4])
})
