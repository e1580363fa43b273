import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { explainTrial } from './explain.ts'

function why(parent: { trial: number; step?: number }): string | undefined {
  const body: FactBody = {
    kind: 'trial-created',
    trial: 9,
    config: { lr: 0.12 },
    source: 'sampler',
    basis: 40,
    draw: 8,
    reason: 'a copy of trial 3, rank 1 of 7 with 0.31: lr 0.1 → 0.12',
    parent,
  }
  return explainTrial(9, [{ seq: 41, at: 0, body }])[0]?.text
}

test('of a copy it is said where it goes on from, and that it starts from nothing without a checkpoint', () => {
  const copy = 'trial 9 suggested by the sampler: a copy of trial 3, rank 1 of 7 with 0.31: lr 0.1 → 0.12; lr=0.12'
  expect(why({ trial: 3, step: 20 })).toBe(
    `${copy}; it goes on from the checkpoint of step 20 of trial 3 (knowing facts up to 40)`,
  )
  expect(why({ trial: 3 })).toBe(
    `${copy}; it starts from nothing, as trial 3 had saved no checkpoint to go on from (knowing facts up to 40)`,
  )
})

test('the end of a trial tells its value of every objective and constraint', () => {
  const body: FactBody = {
    kind: 'trial-ended',
    trial: 2,
    state: 'completed',
    value: 0.25,
    values: { loss: 0.25, latency: Number.NaN, memory: 7 },
    reason: 'done',
  }
  expect(explainTrial(2, [{ seq: 9, at: 0, body }])[0]?.text).toBe(
    'completed with loss=0.25 latency=NaN memory=7: done',
  )
})
