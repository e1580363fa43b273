import { Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { replay } from '../replay.ts'
import { rngFor } from '../rng.ts'
import type { RngAt } from '../sampler.ts'
import { documentOf } from '../testing/documents.ts'
import { created, curves, report, stopAsked, trialEnded } from '../testing/histories.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { simulateSweep } from '../testing/simulated-sweep.ts'
import { allSpaces, spaceOf } from '../testing/spaces.ts'
import { pbtSampler } from './pbt-sampler.ts'

// The contract tells no prunes, so a population as large as what it asks for.
samplerContract(pbtSampler(Pbt.parse({ population: 12 })), allSpaces)

const sampler = pbtSampler(Pbt.parse({ population: 4 }))
const space = spaceOf({ name: 'x', type: 'float', min: 0, max: 100 })
const rngAt: RngAt = (draw) => rngFor(5, draw)
const four = [1, 2, 3, 4].map((trial) => created(trial, { x: 10 * trial }, trial - 1))
const trained = [...four, ...curves({ 1: [1], 2: [2], 3: [3], 4: [4] })]

function after(facts: readonly FactBody[], goal: 'minimize' | 'maximize' = 'minimize') {
  return facts.reduce((state, fact) => sampler.tell(state, fact), sampler.init(space, { goal }))
}

function ask(facts: readonly FactBody[], count: number, goal?: 'minimize' | 'maximize') {
  const state = after(facts, goal)
  return { places: sampler.places?.(state), ...sampler.ask(state, count, rngAt) }
}

test('the population is filled with trials from nothing, those that people enqueued included, and then there is no place', () => {
  const empty = ask([], 9)
  expect(empty).toMatchObject({ places: 4, exhausted: false })
  expect(empty.suggestions.map(({ parent }) => parent)).toEqual([undefined, undefined, undefined, undefined])
  expect(ask([created(1, { x: 1 })], 9).suggestions).toHaveLength(3)
  expect(ask(trained, 9)).toEqual({ places: 0, suggestions: [], exhausted: false })
})

test('a place that was lost goes to a copy of the best, with a config near its own', () => {
  const { places, suggestions } = ask([...trained, stopAsked(4)], 3)
  expect(places).toBe(1)
  expect(suggestions).toHaveLength(1)
  const [{ config, parent, reason, draw } = { config: {}, parent: 0, reason: '', draw: 0 }] = suggestions
  expect([parent, draw]).toEqual([1, 4])
  expect([8, 12]).toContain(config['x'])
  expect(reason).toBe(`a copy of trial 1, rank 1 of 3 with 1: x 10 → ${config['x']}`)
  expect(ask([...trained, stopAsked(2)], 3, 'maximize').suggestions[0]).toMatchObject({
    parent: 4,
    reason: expect.stringMatching(/^a copy of trial 4, rank 1 of 3 with 4: /),
  })
})

test('each of the best is copied now and then, and no other', () => {
  const five = [...trained, created(5, { x: 50 }, 4), ...curves({ 5: [5] }), stopAsked(5)]
  const state = [created(6, { x: 60 }, 5), ...five, report(1, 2, 9)].reduce(
    (s, fact) => sampler.tell(s, fact),
    pbtSampler(Pbt.parse({ population: 6, quantile: 0.5 })).init(space, { goal: 'minimize' }),
  )
  const parents = Array.from({ length: 40 }, (_, seed) => {
    return sampler.ask(state, 1, (draw) => rngFor(seed, draw)).suggestions[0]?.parent
  })
  // Trial 1 was the best until its newest value.
  expect(new Set(parents)).toEqual(new Set([2, 3]))
})

test('the copy takes the place, and a person’s prune leaves none', () => {
  const child = { ...created(5, { x: 12 }, 4), parent: { trial: 1 } } as FactBody
  expect(ask([...trained, stopAsked(4), child], 3).places).toBe(0)
  expect(ask([...trained, stopAsked(4), child, report(5, 2, 5), stopAsked(5)], 3).places).toBe(1)
  expect(ask([...trained, { ...stopAsked(4), by: 'ada' } as FactBody], 3).places).toBe(0)
})

test('nobody is copied who does not train any more', () => {
  const [copy] = ask([...trained, stopAsked(4), trialEnded(1)], 1).suggestions
  expect(copy?.parent).toBe(2)
  const ends = [1, 2, 3].map((trial) => trialEnded(trial))
  expect(ask([...trained, stopAsked(4), ...ends], 3)).toEqual({ places: 0, suggestions: [], exhausted: false })
})

test('near a parent whose neighbours were all tried a config is drawn from the whole space, until none is left', () => {
  const small = spaceOf({ name: 'x', type: 'int', min: 1, max: 6 })
  const asked = (...tried: number[]) => {
    const facts = [
      ...tried.map((x, index) => created(index + 1, { x }, index)),
      ...curves({ 1: [1], 2: [2] }),
      stopAsked(2),
    ]
    const state = facts.reduce((s, fact) => sampler.tell(s, fact), sampler.init(small, { goal: 'minimize' }))
    return sampler.ask(state, 1, rngAt)
  }
  // Trial 1 has 3; of 2, 4 and, drawn anew, the others only 6 is left.
  const { suggestions } = asked(3, 2, 4, 1, 5)
  expect(suggestions).toMatchObject([{ config: { x: 6 }, parent: 1 }])
  expect(asked(3, 2, 4, 1, 5, 6)).toEqual({ suggestions: [], exhausted: true })
})

test('a sweep replays to the same copies and prunes, through lost attempts and late facts', () => {
  const document = documentOf({ method: 'pbt', pbt: { population: 5, interval: 4 } })
  for (let seed = 0; seed < 5; seed += 1) {
    const { facts, fold } = simulateSweep(document, 40, 5, { steps: 30 }, rngFor(seed, 0, 'workers'))
    const result = replay(document, facts)
    expect(result.differences).toEqual([])
    expect(result.suggestions).toBe(fold.trials.size)
    expect(result.decisions).toBeGreaterThan(2)
    const copies = facts.filter((fact) => fact.kind === 'trial-created' && fact.parent)
    expect(copies.length).toBe(result.suggestions - 5)
    expect(fold.counts.completed).toBeGreaterThan(2)
    // A parent that was not the one proposed shows.
    const other = facts.map((fact) => (fact === copies[0] ? ({ ...fact, parent: { trial: 99 } } as typeof fact) : fact))
    expect(replay(document, other).differences.length).toBeGreaterThan(0)
  }
})
