import { createSweepFold, foldFact } from '@sweep/search/fold'
import { changeSweep, controlSweep } from '@sweep/store/sweep-control'
import { getSweep, sweepDefinition } from '@sweep/store/sweeps'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Scenes } from './testing/scene.ts'
import { configsOf, ended, factsOf, levelsOf, newSweep, until } from './testing/sweeps.ts'

let scenes: Scenes

beforeAll(async () => {
  scenes = await Scenes.prepare()
})

afterAll(() => scenes.remove())

test.concurrent('a sweep runs from its first trial to its end', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 2, run: ({ config }) => ({ values: [Number(config['x'])] }) })
  const id = await newSweep(scene.database, { budget: { trials: 12 } })
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'completed', reason: 'its budget of 12 trials is used up', createdTrials: 12 })
  expect(sweep.trials.completed).toBe(12)
})

test.concurrent('a grid ends when every config was tried, without an agent being there at the end', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  const worker = await scene.agent({ slots: 2, run: () => ({ values: [1] }) })
  const parameters = ['a', 'b'].map((name) => ({ name, path: [name], type: 'choice' as const, values: [1, 2, 3] }))
  const id = await newSweep(scene.database, { method: 'grid', space: { parameters } })
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'completed', reason: 'every config of its search space was tried' })
  expect(new Set(configsOf(await factsOf(scene.database, id)).map((config) => JSON.stringify(config))).size).toBe(9)
  expect(worker.claimed).toHaveLength(9)
})

test.concurrent('200 trials of two sweeps on two agents: no config twice, limits hold at every instant, the share is fair', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  const run = () => ({ values: [Math.random()], ms: 5 })
  await scene.agent({ slots: 2, run })
  await scene.agent({ slots: 2, run })
  const a = await newSweep(scene.database, { budget: { trials: 130 }, priority: 3, seed: 1 })
  const b = await newSweep(scene.database, { budget: { trials: 70 }, priority: 1, parallelism: 2, seed: 2 })
  await Promise.all([ended(scene.database, a), ended(scene.database, b)])
  const [ofA, ofB] = await Promise.all([factsOf(scene.database, a), factsOf(scene.database, b)])
  expect(new Set(configsOf(ofA).map((config) => JSON.stringify(config))).size).toBe(130)
  expect(new Set(configsOf(ofB).map((config) => JSON.stringify(config))).size).toBe(70)
  expect(Math.max(...levelsOf(ofB).map((level) => level.running))).toBeLessThanOrEqual(2)
  expect(Math.max(...levelsOf(ofB).map((level) => level.outstanding))).toBeLessThanOrEqual(2)
  expect(Math.max(...levelsOf(ofA).map((level) => level.running))).toBeLessThanOrEqual(4)
  // While both want slots A starts three for each of B.
  const lastOfA = ofA.findLast((fact) => fact.kind === 'attempt-started')?.at ?? new Date(0)
  const started = (facts: typeof ofA) =>
    facts.filter((fact) => fact.kind === 'attempt-started' && fact.at <= lastOfA).length
  expect(started(ofA) / started(ofB)).toBeGreaterThan(2)
  expect(started(ofA) / started(ofB)).toBeLessThan(4.5)
})

test.concurrent('the pruner stops the bad ones, and the stored facts give the same suggestions and decisions again', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({
    slots: 4,
    run: ({ trial }) => ({ values: Array.from({ length: 9 }, (_, step) => (trial % 3) + 1 / (step + 1)), ms: 10 }),
  })
  const id = await newSweep(scene.database, {
    budget: { trials: 18 },
    earlyTerminate: {
      type: 'asha',
      mode: 'stop',
      minResource: 1,
      reductionFactor: 3,
      brackets: 1,
      grace: 0,
      resource: 'step',
    },
  })
  const sweep = await ended(scene.database, id)
  expect(sweep.trials.pruned).toBeGreaterThan(3)

  const facts = await factsOf(scene.database, id)
  const { document } = await sweepDefinition(scene.database, id)
  for (const fact of facts) {
    if (fact.kind !== 'trial-created' && fact.kind !== 'stop-asked') continue
    const fold = createSweepFold(document)
    for (const before of facts) if (before.seq <= fact.basis) foldFact(fold, before)
    if (fact.kind === 'trial-created') {
      const again = fold.sampler.ask(8).suggestions.find((suggestion) => suggestion.draw === fact.draw)
      expect(again?.config).toEqual(fact.config)
    } else {
      expect(fold.pruner?.decide()).toContainEqual(
        expect.objectContaining({ trial: fact.trial, verdict: fact.verdict }),
      )
    }
  }
})

test.concurrent('pause holds back, resume goes on at once, cancel kills what runs', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 2, run: () => ({ values: Array.from({ length: 400 }, () => 1), ms: 20 }) })
  const id = await newSweep(scene.database, { budget: { trials: 50 } })
  const running = async (count: number) => (await getSweep(scene.database, id))?.running === count
  await until(() => running(2), 'two running trials')
  expect(await controlSweep(scene.database, id, 'pause', 'test')).toMatchObject({ result: 'done' })
  await controlSweep(scene.database, id, 'resume', 'test')
  await controlSweep(scene.database, id, 'cancel', 'test')
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'cancelled', running: 0, outstanding: 0 })
  expect(sweep.trials.cancelled).toBe(sweep.createdTrials)
})

test.concurrent('stop lets running trials finish and starts no more', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 2, run: () => ({ values: [1, 2, 3], ms: 30 }) })
  const id = await newSweep(scene.database, { budget: { trials: 50 } })
  await until(async () => (await getSweep(scene.database, id))?.running === 2, 'two running trials')
  await controlSweep(scene.database, id, 'stop', 'test')
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'stopped', reason: 'stopped on request' })
  expect(sweep.trials.completed).toBeGreaterThanOrEqual(2)
  expect(sweep.trials.completed + sweep.trials.cancelled).toBe(sweep.createdTrials)
})

test.concurrent('with one more failed trial than may, the sweep stops, says why, and what runs is finished', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({
    slots: 2,
    run: ({ trial }) => (trial % 2 === 0 ? { values: [], cause: 'user-error' } : { values: [1, 2], ms: 20 }),
  })
  const id = await newSweep(scene.database, {
    budget: { trials: 100 },
    maxFailedTrials: 2,
    retry: { max: 0, lostMax: 3 },
  })
  const sweep = await ended(scene.database, id)
  expect(sweep.state).toBe('stopped')
  expect(sweep.reason).toMatch(/^[34] trials have failed, and no more than 2 may \(max_failed_trials\)$/)
  expect(sweep.trials.failed).toBeGreaterThan(2)
  expect(sweep.createdTrials).toBeLessThan(20)
  expect(sweep.trials.completed + sweep.trials.cancelled + sweep.trials.failed).toBe(sweep.createdTrials)
  const stops = (await factsOf(scene.database, id)).filter((fact) => fact.kind === 'control')
  expect(stops).toMatchObject([{ action: 'stop', by: 'the sweep itself' }])
})

test.concurrent('a raised parallelism is used at once, and so is a raised budget', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 4, run: () => ({ values: [1], ms: 20 }) })
  const id = await newSweep(scene.database, { budget: { trials: 200 }, parallelism: 1 })
  await until(async () => ((await getSweep(scene.database, id))?.trials.completed ?? 0) >= 3, 'three completed trials')
  await changeSweep(scene.database, id, { parallelism: 4 }, 'test')
  await until(async () => (await getSweep(scene.database, id))?.running === 4, 'four running trials')
  await controlSweep(scene.database, id, 'stop', 'test')
  await ended(scene.database, id)
  const facts = await factsOf(scene.database, id)
  const change = facts.findIndex((fact) => fact.kind === 'control')
  expect(
    Math.max(
      ...levelsOf(facts)
        .slice(0, change)
        .map((level) => level.outstanding),
    ),
  ).toBe(1)
})

test.concurrent('a budget of wall time stops what runs', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 2, run: () => ({ values: Array.from({ length: 1000 }, () => 1), ms: 10 }) })
  const id = await newSweep(scene.database, { budget: { wallMs: 600 } })
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'completed', reason: 'its budget of 0.6 s of time is used up' })
  expect(sweep.trials.completed).toBeGreaterThan(0)
  const took = (sweep.endedAt?.getTime() ?? 0) - (sweep.startedAt?.getTime() ?? 0)
  expect(took).toBeGreaterThanOrEqual(600)
  expect(took).toBeLessThan(4000)
})

test.concurrent('a target that is reached ends the sweep', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 1, run: ({ trial }) => ({ values: [10 - trial] }) })
  const id = await newSweep(scene.database, { metric: { name: 'loss', goal: 'minimize', target: 5, summary: 'best' } })
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'completed', reason: 'a trial reached the target of 5' })
  expect(sweep.createdTrials).toBeGreaterThanOrEqual(5)
  expect(sweep.createdTrials).toBeLessThan(10)
})

test.concurrent('an agent that dies loses its attempts within its lease and two rounds; the trials run again elsewhere', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  const dies = await scene.agent({ slots: 2, run: () => ({ values: [1], ms: 60_000 }) })
  const id = await newSweep(scene.database, { budget: { trials: 4 }, retry: { max: 0, lostMax: 3 } })
  await until(async () => (await getSweep(scene.database, id))?.running === 2, 'two running trials')
  void dies.die()
  await scene.agent({ slots: 2, run: () => ({ values: [1] }) })
  const sweep = await ended(scene.database, id)
  expect(sweep.trials.completed).toBe(4)
  const facts = await factsOf(scene.database, id)
  expect(facts.filter((fact) => fact.kind === 'attempt-ended' && fact.cause === 'lost')).toHaveLength(2)
})

test.concurrent('tickets that are lost are made again', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  const id = await newSweep(scene.database, { budget: { trials: 2 } })
  await scene.agent({ slots: 2, run: () => ({ values: [1] }) }).then((first) => first.die())
  await until(async () => (await scene.queue.take('sweep-default-any', 9)).length > 0 || undefined, 'a ticket to lose')
  await scene.agent({ slots: 2, run: () => ({ values: [1] }) })
  expect((await ended(scene.database, id)).trials.completed).toBe(2)
})

test.concurrent('without an agent the sweep says what it waits for, and says it no more when one comes', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  const id = await newSweep(scene.database, { budget: { trials: 2 } })
  await until(async () => (await getSweep(scene.database, id))?.waiting === 'no agent is connected', 'the reason')
  await scene.agent({ slots: 2, run: () => ({ values: [1] }) })
  const sweep = await ended(scene.database, id)
  expect(sweep.waiting).toBeNull()
  expect((await factsOf(scene.database, id)).filter((fact) => fact.kind === 'waiting')).toHaveLength(1)
})

test.concurrent('two controllers never act on one sweep, and the second takes over when the first stops', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  const first = await scene.controller()
  await scene.agent({ slots: 2, run: () => ({ values: [1], ms: 10 }) })
  const id = await newSweep(scene.database, { budget: { trials: 60 } })
  await until(async () => ((await getSweep(scene.database, id))?.trials.completed ?? 0) >= 5, 'five completed trials')
  await scene.controller()
  await first.stop()
  expect((await ended(scene.database, id)).trials.completed).toBe(60)
  expect(new Set(configsOf(await factsOf(scene.database, id)).map((config) => JSON.stringify(config))).size).toBe(60)
})
