import { configHash } from '@sweep/spec/config-hash'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { replay } from '../replay.ts'
import { rngFor } from '../rng.ts'
import type { SamplerRun } from '../sampler.ts'
import { createSearch } from '../search.ts'
import { documentOf } from '../testing/documents.ts'
import { simulateSweep } from '../testing/simulated-sweep.ts'
import { spaceOf } from '../testing/spaces.ts'
import { replicated } from './replicated-sampler.ts'

const SEEDS = 3

/** Proposes {x: 0}, {x: 1}, … and keeps what it is told. */
function scripted(limit = Number.POSITIVE_INFINITY): { run: SamplerRun; told: FactBody[] } {
  const told: FactBody[] = []
  const at = (next: number): SamplerRun => ({
    name: 'scripted',
    places: limit - next,
    tell: (fact) => {
      told.push(fact)
      return at(
        fact.kind === 'trial-created' && fact.source === 'sampler' ? Math.max(next, (fact.draw ?? 0) + 1) : next,
      )
    },
    ask: (count) => {
      const n = Math.min(count, limit - next)
      const suggestions = Array.from({ length: n }, (_, i) => ({
        config: { x: next + i },
        reason: 'why',
        draw: next + i,
      }))
      return { suggestions, exhausted: next + n >= limit }
    },
  })
  return { run: at(0), told }
}

const xs = (run: SamplerRun, count: number) => run.ask(count).suggestions.map(({ config }) => config['x'])

/** Creates what is asked for, as a controller does. */
function issue(run: SamplerRun, count: number, first: number): SamplerRun {
  return run
    .ask(count)
    .suggestions.reduce(
      (next, { config, reason, draw }, index) => next.tell(createdFact(first + index, config, 'sampler', reason, draw)),
      run,
    )
}

function createdFact(
  trial: number,
  config: Config,
  source: 'sampler' | 'user',
  reason = 'asked',
  draw?: number,
): FactBody {
  return { kind: 'trial-created', trial, config, source, basis: 1, reason, ...(draw === undefined ? {} : { draw }) }
}

const ended = (
  trial: number,
  value: number | null,
  state: 'completed' | 'pruned' | 'failed' | 'cancelled' = 'completed',
): FactBody => ({
  ...{ kind: 'trial-ended', trial, state, value, reason: 'test' },
})
const report = (trial: number): FactBody => ({ kind: 'report', trial, attempt: 1, step: 1, ordinal: 1, value: 1 })

test('each config is proposed once a seed, and a config under way is finished before the next one', () => {
  const run = replicated(scripted().run, SEEDS)
  expect(run.ask(7).suggestions).toEqual(
    [0, 0, 0, 1, 1, 1, 2].map((x, draw) => ({
      ...{ config: { x }, reason: `why; seed ${(draw % 3) + 1} of 3`, draw, replicate: draw % 3 },
    })),
  )
  const two = issue(run, 2, 1)
  expect(xs(two, 3)).toEqual([0, 1, 1])
  expect(two.ask(1).suggestions[0]).toMatchObject({ draw: 2, replicate: 2 })
  // As of every sampler: what fewer are asked for is the beginning of what more are.
  expect(two.ask(9).suggestions.slice(0, 4)).toEqual(two.ask(4).suggestions)
})

test('the sampler is told of one trial a config, and of the mean once all its trials have ended', () => {
  const { run, told } = scripted()
  let now = issue(replicated(run, SEEDS), 3, 1)
  for (const fact of [report(1), report(2), ended(2, 4), ended(1, 1)]) now = now.tell(fact)
  expect(told).toEqual([createdFact(1, { x: 0 }, 'sampler', 'why', 0), report(1)])
  now.tell(ended(3, 1))
  expect(told.at(-1)).toEqual({
    kind: 'trial-ended',
    trial: 1,
    state: 'completed',
    value: expect.closeTo(2, 12),
    spread: expect.closeTo(1, 12),
    reason: 'test',
  })
})

test('a config of which a trial was pruned gets no more, and counts as pruned', () => {
  const { run, told } = scripted()
  let now = issue(replicated(run, SEEDS), 1, 1)
  expect(xs(now, 3)).toEqual([0, 0, 1])
  now = now.tell(ended(1, 5, 'pruned'))
  expect(told.at(-1)).toMatchObject({ kind: 'trial-ended', trial: 1, state: 'pruned', value: 5 })
  expect(xs(now, 2)).toEqual([1, 1])
})

test('trials that failed are left out of the mean; only when all have failed does the config', () => {
  const { run, told } = scripted()
  let now = issue(replicated(run, SEEDS), 6, 1)
  for (const fact of [ended(1, null, 'failed'), ended(2, 3), ended(3, 5)]) now = now.tell(fact)
  expect(told.at(-1)).toMatchObject({ trial: 1, state: 'completed', value: 4 })
  for (const fact of [ended(4, null, 'failed'), ended(5, null, 'failed'), ended(6, null, 'failed')])
    now = now.tell(fact)
  expect(told.at(-1)).toMatchObject({ trial: 4, state: 'failed', value: null })
})

test('a trial that is asked for once more, or a repeat by a person, opens its config again', () => {
  const { run, told } = scripted()
  let now = issue(replicated(run, SEEDS), 3, 1)
  for (const fact of [ended(1, 1), ended(2, null, 'failed'), ended(3, 2)]) now = now.tell(fact)
  now = now.tell({ kind: 'trial-requeued', trial: 2, by: 'ann' })
  expect(told.at(-1)).toEqual({ kind: 'trial-requeued', trial: 1, by: 'ann' })
  now = now.tell(ended(2, 3))
  expect(told.at(-1)).toMatchObject({ kind: 'trial-ended', trial: 1, value: 2 })
  now = now.tell(createdFact(4, { x: 0 }, 'user'))
  expect(told.at(-1)).toMatchObject({ kind: 'trial-requeued', trial: 1 })
  now.tell(ended(4, 6))
  expect(told.at(-1)).toMatchObject({ kind: 'trial-ended', trial: 1, value: 3 })
})

test('a repeat by a person takes the place of one of the trials, and another config of theirs is passed on as it is', () => {
  const { run, told } = scripted()
  let now = issue(replicated(run, SEEDS), 1, 1)
  now = now.tell(createdFact(2, { x: 0 }, 'user'))
  expect(now.ask(2).suggestions).toMatchObject([
    { config: { x: 0 }, draw: 2, replicate: 2 },
    { config: { x: 1 }, draw: 3, replicate: 0 },
  ])
  now = now.tell(createdFact(3, { x: 77 }, 'user')).tell(ended(3, 1))
  expect(told.slice(-2)).toEqual([createdFact(3, { x: 77 }, 'user'), ended(3, 1)])
})

test('the end of the space is the end of its last config', () => {
  const run = replicated(scripted(2).run, SEEDS)
  expect(run.places).toBe(6)
  expect(run.ask(5)).toMatchObject({ exhausted: false, suggestions: { length: 5 } })
  expect(run.ask(6)).toMatchObject({ exhausted: true, suggestions: { length: 6 } })
  const last = issue(run, 5, 1)
  expect([last.places, xs(last, 4)]).toEqual([1, [1]])
  expect(last.ask(4).exhausted).toBe(true)
})

test('a state stays as it was when another one goes on from it', () => {
  const before = issue(replicated(scripted().run, SEEDS), 3, 1)
  const asked = before.ask(5)
  before.tell(ended(1, 1)).tell(ended(2, 1, 'pruned'))
  expect(before.ask(5)).toEqual(asked)
})

test('of values by several metrics each has its mean', () => {
  const { run, told } = scripted()
  let now = issue(replicated(run, 2), 2, 1)
  now = now.tell({ ...ended(1, 1), values: { loss: 1, size: 4 } } as FactBody)
  now.tell({ ...ended(2, 3), values: { loss: 3, size: 8 } } as FactBody)
  expect(told.at(-1)).toMatchObject({ value: 2, values: { loss: 2, size: 6 } })
})

test('a grid is run once a seed, and replays to the same, whatever the workers do', () => {
  const space = spaceOf({ name: 'a', type: 'int', min: 1, max: 4 }, { name: 'b', type: 'choice', values: ['x', 'y'] })
  const document = documentOf({ method: 'grid', space, replicates: { seeds: SEEDS } })
  for (let seed = 0; seed < 5; seed += 1) {
    const { facts, fold } = simulateSweep(document, 100, 5, { steps: 3 }, rngFor(seed, 0, 'workers'))
    const counts = new Map<string, number>()
    for (const { config } of fold.trials.values())
      counts.set(configHash(config), (counts.get(configHash(config)) ?? 0) + 1)
    expect([counts.size, new Set(counts.values())]).toEqual([8, new Set([SEEDS])])
    expect(replay(document, facts)).toMatchObject({ suggestions: 24, differences: [] })
  }
})

test('a config that was pruned has fewer trials, and the sweep goes on with others', () => {
  const document = documentOf({ replicates: { seeds: SEEDS }, earlyTerminate: { type: 'asha', minResource: 1 } })
  const { facts, fold } = simulateSweep(document, 60, 4, { steps: 30 }, rngFor(3, 0, 'workers'))
  const pruned = facts.flatMap((fact) => (fact.kind === 'trial-ended' && fact.state === 'pruned' ? [fact] : []))
  expect(pruned.length).toBeGreaterThan(3)
  for (const { trial, seq } of pruned) {
    const hash = configHash(fold.trials.get(trial)!.config)
    const later = facts.filter(
      (fact) => fact.kind === 'trial-created' && configHash(fact.config) === hash && fact.basis >= seq,
    )
    expect(later).toEqual([])
  }
  expect(new Set([...fold.trials.values()].map(({ config }) => configHash(config))).size).toBeGreaterThan(20)
})

test('without replicates a search is what it was', () => {
  expect(createSearch(documentOf({})).sampler.ask(2).suggestions[0]).not.toHaveProperty('replicate')
})
