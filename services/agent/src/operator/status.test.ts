import type { SweepView } from '@sweep/spec/wire/api'
import { expect, test } from 'vitest'
import { shortened } from './conditions.ts'
import { completion, type Outcome, statusOf } from './status.ts'
import { resourceOf, viewOf } from './testing/resources.ts'

const NOW = '2026-01-02T04:00:00Z'
const LATER = '2026-01-02T05:00:00Z'
const SYNCED = { status: 'True', reason: 'Synced', message: '' } as const
const trials = (counts: Partial<SweepView['trials']>) => ({ ...viewOf().trials, ...counts })

function seen(sweep: SweepView, more: Partial<Outcome> = {}): Outcome {
  return { sweep, conditions: { Synced: SYNCED, Complete: completion(sweep) }, isObserved: true, ...more }
}

test('a status tells what the sweep is, and no text in it is empty', () => {
  const sweep = viewOf({
    trials: trials({ queued: 1, running: 2, completed: 3, pruned: 4, failed: 5, cancelled: 6 }),
    budget: { trials: 30 },
    best: { trial: 2, value: 0.123456789, config: { lr: 0.1 } },
  })
  const status = statusOf(resourceOf('Sweep', {}), seen(sweep), NOW)
  expect(status).toEqual({
    observedGeneration: 1,
    phase: 'Running',
    sweepId: sweep.id,
    startTime: '2026-01-02T03:04:05.678Z',
    progress: '18/30',
    trials: sweep.trials,
    best: { trial: 2, metric: 'loss', value: 0.123456789, text: '0.123457', config: { lr: 0.1 } },
    conditions: [
      { type: 'Synced', status: 'True', reason: 'Synced', observedGeneration: 1, lastTransitionTime: NOW },
      { type: 'Complete', status: 'False', reason: 'Running', observedGeneration: 1, lastTransitionTime: NOW },
    ],
  })
})

test('a status that was written and read again changes only with the sweep', () => {
  const first = statusOf(resourceOf('Sweep', {}), seen(viewOf()), NOW)
  const resource = resourceOf('Sweep', {}, { status: JSON.parse(JSON.stringify(first)) })
  expect(statusOf(resource, seen(viewOf()), LATER)).toEqual(first)
  const over = viewOf({ state: 'completed', reason: 'its budget is used up', endedAt: '2026-01-02T04:30:00.000Z' })
  expect(statusOf(resource, seen(over), LATER)).toMatchObject({
    ...{ phase: 'Completed', message: 'its budget is used up', completionTime: '2026-01-02T04:30:00.000Z' },
    conditions: [
      { type: 'Synced', lastTransitionTime: NOW },
      { type: 'Complete', status: 'True', message: 'its budget is used up', lastTransitionTime: LATER },
    ],
  })
})

test('a server that is away takes nothing from what was known', () => {
  const first = statusOf(
    resourceOf('Sweep', {}),
    seen(viewOf({ trials: trials({ running: 2 }) }), { warnings: ['w'] }),
    NOW,
  )
  const resource = resourceOf('Sweep', {}, { status: first, generation: 2 })
  const Synced = { status: 'False', reason: 'ServerAway', message: 'no answer' } as const
  const away = statusOf(resource, { message: 'no answer', conditions: { Synced }, isObserved: false }, LATER)
  expect(away).toMatchObject({ ...first, message: 'no answer', conditions: [Synced, { type: 'Complete' }] })
  expect(away['observedGeneration']).toBe(1)
})

test.each<[Partial<SweepView>, string]>([
  [{ state: 'completed', trials: trials({ failed: 3 }) }, 'Failed'],
  [{ state: 'completed', trials: trials({ failed: 3, pruned: 1 }) }, 'Completed'],
  [{ state: 'completed' }, 'Completed'],
  [{ state: 'stopped' }, 'Stopped'],
  [{ state: 'cancelled', trials: trials({ failed: 1 }) }, 'Cancelled'],
])('%j is complete, as %s', (changes, phase) => {
  expect(completion(viewOf(changes))).toMatchObject({ status: 'True', reason: phase })
})

test.each([Number.NaN, Number.POSITIVE_INFINITY])(
  'a best value of %d is told as text, for JSON has no such number',
  (value) => {
    const sweep = viewOf({ best: { trial: 1, value, config: {} } })
    const status = statusOf(resourceOf('Sweep', {}), seen(sweep), NOW)
    expect(status['best']).toEqual({ trial: 1, metric: 'loss', text: String(value), config: {} })
  },
)

test('messages of any length fit, and no character is cut in half', () => {
  const message = '🎉'.repeat(10_000)
  const sweep = viewOf({ state: 'stopped', reason: message })
  const status = statusOf(resourceOf('Sweep', {}), seen(sweep), NOW)
  expect(String(status['message'])).toMatch(/^(🎉)+…$/u)
  expect(shortened('🎉🎉', 3)).toBe('🎉…')
  expect(shortened('🎉🎉', 2)).toBe('…')
})

test('a status that somebody else wrote is written anew', () => {
  const resource = resourceOf('Sweep', {}, { status: { conditions: 'none', sweepId: 'x'.repeat(99), phase: 3 } })
  expect(resource.status.conditions).toEqual([])
  expect(statusOf(resource, seen(viewOf()), NOW)).toMatchObject({ phase: 'Running', sweepId: viewOf().id })
})
