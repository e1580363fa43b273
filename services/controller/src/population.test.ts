import { createSweepFold, foldFact } from '@sweep/search/fold'
import { replay } from '@sweep/search/replay'
import { Pbt, type SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactOf } from '@sweep/spec/facts'
import { SweepId } from '@sweep/spec/ids'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { sweepDefinition } from '@sweep/store/sweeps'
import { getTrial } from '@sweep/store/trials'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { bundleController } from './testing/controller-process.ts'
import { type Scene, Scenes } from './testing/scene.ts'
import { ended, factsOf, levelsOf, newSweep, until } from './testing/sweeps.ts'

/** Controllers with populations whose members take over from each other. */
const ID = SweepId.parse('p0pv1at10n')
const STEPS = 12
const MEMBERS = 4

let scenes: Scenes
let bundle: Awaited<ReturnType<typeof bundleController>>

beforeAll(async () => {
  ;[scenes, bundle] = await Promise.all([Scenes.prepare(), bundleController()])
})

afterAll(async () => {
  await Promise.all([scenes.remove(), bundle.remove()])
})

const document: Partial<SweepDocument> = {
  method: 'pbt',
  pbt: Pbt.parse({ population: MEMBERS, interval: 3, maxResource: STEPS }),
}

/**
 * Waits until a member is asked to stop, or else until every place of the population is taken that may be, and the others
 * have come as far: steps of no length would be over before a place is.
 */
async function placesTaken(database: Database, id: SweepId, trial: number): Promise<void> {
  const { document } = await sweepDefinition(database, id)
  const mayGoOn = async () => {
    const fold = createSweepFold(document)
    for (const fact of await factsOf(database, id)) foldFact(fold, fact)
    const own = fold.trials.get(trial)
    if (own?.attempt?.stop !== undefined) return true
    const isDecided = fold.pruner?.decide().length === 0
    const isFull = fold.sampler.places === 0 || fold.trials.size === document.budget.trials
    const live = [...fold.queued.values(), ...fold.running.values()].filter(({ attempt }) => !attempt?.stop)
    return isDecided && isFull && live.every(({ last }) => (last?.step ?? 0) >= (own?.last?.step ?? 0))
  }
  await until(mayGoOn, `the places of the population, for trial ${trial}`, 50_000)
}

/** Twelve steps, each of them done when every place is taken. The lower `x`, the better. */
function twelveSteps(database: Database, checkpoints = true) {
  return ({ sweepId, trial, config }: ClaimedAttempt) => ({
    values: Array.from({ length: STEPS }, (_, step) => Number(config['x']) + 1 / (step + 1)),
    afterReport: () => placesTaken(database, sweepId, trial),
    checkpoints,
  })
}

type Child = FactOf<'trial-created'> & { readonly parent: NonNullable<FactOf<'trial-created'>['parent']> }

function childrenOf(facts: readonly Fact[]): Child[] {
  return facts.filter((fact): fact is Fact & Child => fact.kind === 'trial-created' && fact.parent !== undefined)
}

function firstStep(facts: readonly Fact[], trial: number): number | undefined {
  return facts.flatMap((fact) => (fact.kind === 'report' && fact.trial === trial ? [fact.step] : []))[0]
}

async function expectReplays(database: Database, id: SweepId): Promise<void> {
  expect(await checkInvariants(database)).toEqual([])
  const { document } = await sweepDefinition(database, id)
  expect(replay(document, await factsOf(database, id)).differences).toEqual([])
}

test.concurrent('losers give their place to copies of the best, which go on from their checkpoints', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  const agent = await scene.agent({ slots: 8, run: twelveSteps(scene.database) })
  const id = await newSweep(scene.database, document)
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'completed', reason: 'every member of its population has ended' })
  expect(sweep.trials).toMatchObject({ completed: MEMBERS, failed: 0, cancelled: 0 })
  const facts = await factsOf(scene.database, id)
  const children = childrenOf(facts)
  expect(children.length).toBeGreaterThanOrEqual(1)
  expect(sweep.trials.pruned).toBe(children.length)
  for (const { trial, parent } of children) {
    expect((await getTrial(scene.database, id, trial))?.parent).toBe(parent.trial)
    const claimed = agent.claimed.find((attempt) => attempt.trial === trial)
    expect(parent.step).toBeGreaterThanOrEqual(2)
    expect(claimed?.restore?.step).toBe(parent.step)
    expect(firstStep(facts, trial)).toBe((parent.step ?? 0) + 1)
    expect(facts.find((fact) => fact.kind === 'attempt-queued' && fact.trial === trial)).toMatchObject({
      reason: `first attempt, from the checkpoint of step ${parent.step} of trial ${parent.trial}`,
    })
  }
  // Slots beyond the population stay free.
  expect(Math.max(...levelsOf(facts).map((level) => level.outstanding))).toBeLessThanOrEqual(MEMBERS + 1)
  await expectReplays(scene.database, id)
})

test.concurrent('a program without checkpoints starts its copies from nothing, and the facts say so', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: MEMBERS, run: twelveSteps(scene.database, false) })
  const id = await newSweep(scene.database, { ...document, budget: { trials: 6 } })
  const sweep = await ended(scene.database, id)
  expect(sweep.trials).toMatchObject({ failed: 0, cancelled: 0 })
  const facts = await factsOf(scene.database, id)
  const children = childrenOf(facts)
  expect(children.length).toBeGreaterThanOrEqual(1)
  for (const { trial, parent } of children) {
    expect(parent.step).toBeUndefined()
    expect(firstStep(facts, trial)).toBe(1)
    expect(facts.find((fact) => fact.kind === 'attempt-queued' && fact.trial === trial)).toMatchObject({
      reason: `first attempt, from the beginning, because trial ${parent.trial} had saved no checkpoint`,
    })
  }
  await expectReplays(scene.database, id)
})

test.concurrent('once the budget has no trial left nobody is pruned, and the members train to their end', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: MEMBERS, run: twelveSteps(scene.database) })
  const id = await newSweep(scene.database, { ...document, budget: { trials: MEMBERS } })
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ reason: `its budget of ${MEMBERS} trials is used up` })
  expect(sweep.trials).toMatchObject({ completed: MEMBERS, pruned: 0 })
})

async function stage(scene: Scene) {
  await scene.agent({ slots: MEMBERS, run: twelveSteps(scene.database) })
  return () => newSweep(scene.database, { ...document, seed: 11 }, ID)
}

test.concurrent.for([
  { point: 'before-stop' },
  { point: 'after-stop' },
  { point: 'before-create:2' },
  { point: 'after-create-before-enqueue:2' },
])('killed $point and started again: no place lost, none taken twice', async ({ point }, { onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  const sweep = await stage(scene)
  const first = scene.process(bundle.file, { SWEEP_CRASH_AT: point })
  await sweep()
  expect(await first.exited, first.output).toBe('SIGKILL')
  scene.process(bundle.file)
  const over = await ended(scene.database, ID)
  expect(over).toMatchObject({ state: 'completed', outstanding: 0 })
  expect(over.trials).toMatchObject({ completed: MEMBERS, failed: 0 })
  const facts = await factsOf(scene.database, ID)
  expect(childrenOf(facts).length).toBe(over.trials.pruned)
  expect(over.trials.pruned).toBeGreaterThanOrEqual(1)
  await expectReplays(scene.database, ID)
})
