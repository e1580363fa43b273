import type { Fact } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { replay } from './replay.ts'
import { rngFor } from './rng.ts'
import { documentOf } from './testing/documents.ts'
import { simulateSweep } from './testing/simulated-sweep.ts'
import { spaceOf } from './testing/spaces.ts'

const grid = spaceOf({ name: 'a', type: 'int', min: 1, max: 9 }, { name: 'b', type: 'choice', values: ['x', 'y', 'z'] })

const objectives = [
  { name: 'loss', goal: 'minimize' },
  { name: 'size', goal: 'maximize' },
  { name: 'latency', goal: 'minimize' },
]

const documents = {
  'random and asha': documentOf({ earlyTerminate: { type: 'asha', brackets: 2 } }),
  'random and median': documentOf({ earlyTerminate: { type: 'median' }, metric: { name: 'l', goal: 'maximize' } }),
  'tpe and asha': documentOf({ method: 'tpe', earlyTerminate: { type: 'asha' } }),
  'sobol and median': documentOf({ method: 'sobol', earlyTerminate: { type: 'median' } }),
  'lhs and asha': documentOf({ method: 'lhs', earlyTerminate: { type: 'asha' } }),
  'random and promoting asha': documentOf({ earlyTerminate: { type: 'asha', mode: 'promote', brackets: 2 } }),
  'tpe and sync-hyperband': documentOf({
    method: 'tpe',
    earlyTerminate: { type: 'sync-hyperband', maxResource: 27 },
  }),
  'random, three seeds each and asha': documentOf({ replicates: { seeds: 3 }, earlyTerminate: { type: 'asha' } }),
  'gp, two seeds each and promoting asha': documentOf({
    ...{ method: 'gp', replicates: { seeds: 2 } },
    earlyTerminate: { type: 'asha', mode: 'promote' },
  }),
  'nsga2, two objectives and asha': documentOf({
    method: 'nsga2',
    objectives: objectives.slice(0, 2),
    constraints: [{ name: 'loss', max: 1 }],
    earlyTerminate: { type: 'asha' },
  }),
  'tpe, three objectives and promoting asha': documentOf({
    method: 'tpe',
    objectives,
    earlyTerminate: { type: 'asha', mode: 'promote' },
  }),
  'grid and hyperband': documentOf({ method: 'grid', space: grid, earlyTerminate: { type: 'hyperband', minIter: 1 } }),
}

for (const [name, document] of Object.entries(documents)) {
  test(`${name}: a sweep replays to the same suggestions and decisions, through lost attempts and late facts`, () => {
    let decisions = 0
    for (let seed = 0; seed < 5; seed += 1) {
      const { facts } = simulateSweep(document, 40, 5, { steps: 30 }, rngFor(seed, 0, 'workers'))
      const result = replay(document, facts)
      expect(result.differences).toEqual([])
      expect(result.suggestions).toBe(document.method === 'grid' ? 27 : 40)
      decisions += result.decisions
    }
    expect(decisions).toBeGreaterThan(10)
  })
}

const document = documents['random and asha']
const { facts } = simulateSweep(document, 20, 4, { steps: 30 }, rngFor(1, 1, 'workers'))

function altered(change: (fact: Fact) => Fact): readonly Fact[] {
  return facts.map(change)
}

test('a config that was not proposed is found, and only that one', () => {
  const result = replay(
    document,
    altered((fact) => (fact.kind === 'trial-created' && fact.trial === 7 ? { ...fact, config: { lr: 1 } } : fact)),
  )
  const seq = facts.find((fact) => fact.kind === 'trial-created' && fact.trial === 7)!.seq
  expect(result.differences.map((difference) => difference.seq)).toEqual([seq])
  expect(result.differences[0]!.got).toMatchObject({ config: { lr: 1 } })
})

test('another seed, a changed value or a changed verdict show up as differences', () => {
  expect(replay({ ...document, seed: 18 }, facts).differences.length).toBe(20)
  const better = altered((fact) => (fact.kind === 'report' ? { ...fact, value: fact.value - fact.trial } : fact))
  expect(replay(document, better).differences.length).toBeGreaterThan(0)
  const asked = facts.find((fact) => fact.kind === 'stop-asked')!
  const threshold = altered((fact) =>
    fact === asked && fact.kind === 'stop-asked' ? { ...fact, verdict: { ...fact.verdict, threshold: 0.123 } } : fact,
  )
  expect(replay(document, threshold).differences.map(({ seq }) => seq)).toEqual([asked.seq])
})

test('a prune that nobody decided differs, one asked by a person is not looked at', () => {
  const prune = (by: string): Fact => ({
    kind: 'stop-asked',
    trial: 1,
    attempt: 1,
    stop: 'pruned',
    basis: 1,
    by,
    verdict: { reason: 'invented' },
    seq: facts.length + 1,
    at: new Date(0),
  })
  // Its basis lies before everything else, so the state is folded afresh.
  expect(replay(document, [...facts, prune('pruner')]).differences).toEqual([
    { seq: facts.length + 1, expected: null, got: { reason: 'invented' } },
  ])
  expect(replay(document, [...facts, prune('ada')]).differences).toEqual([])
})
