import { replay } from '@sweep/search/replay'
import type { EarlyTerminate, SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact } from '@sweep/spec/facts'
import { SweepId } from '@sweep/spec/ids'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { changeSweep, controlSweep } from '@sweep/store/sweep-control'
import { getSweep, sweepDefinition } from '@sweep/store/sweeps'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { bundleController } from './testing/controller-process.ts'
import { type Scene, Scenes } from './testing/scene.ts'
import { configsOf, decided, ended, factsOf, levelsOf, newSweep, until } from './testing/sweeps.ts'

/** Controllers with pruners that pause trials and resume them. */
const ID = SweepId.parse('pr0m0te000')
const STEPS = 9

let scenes: Scenes
let bundle: Awaited<ReturnType<typeof bundleController>>

beforeAll(async () => {
  ;[scenes, bundle] = await Promise.all([Scenes.prepare(), bundleController()])
})

afterAll(async () => {
  await Promise.all([scenes.remove(), bundle.remove()])
})

const promote: EarlyTerminate = {
  type: 'asha',
  mode: 'promote',
  minResource: 1,
  maxResource: STEPS,
  reductionFactor: 3,
  brackets: 1,
  grace: 0,
  resource: 'step',
}
const syncHyperband: EarlyTerminate = {
  type: 'sync-hyperband',
  minResource: 1,
  maxResource: STEPS,
  reductionFactor: 3,
  resource: 'step',
}

/** Nine steps whose values tell the trials apart; a trial waits after each of them for what is decided about it. */
function nineSteps(database: Database, checkpoints = true) {
  return ({ sweepId, trial }: ClaimedAttempt) => ({
    values: Array.from({ length: STEPS }, (_, step) => ((trial * 7) % 13) + 1 / (step + 1)),
    afterReport: () => decided(database, sweepId, trial),
    checkpoints,
  })
}

async function expectReplays(database: Database, id: SweepId): Promise<void> {
  expect(await checkInvariants(database)).toEqual([])
  const { document } = await sweepDefinition(database, id)
  expect(replay(document, await factsOf(database, id)).differences).toEqual([])
}

/** The steps that each trial reported, in their order. */
function stepsOf(facts: readonly Fact[]): number[][] {
  const steps = new Map<number, number[]>()
  for (const fact of facts) {
    if (fact.kind === 'report') steps.set(fact.trial, [...(steps.get(fact.trial) ?? []), fact.step])
  }
  return [...steps.values()]
}

function causesOf(facts: readonly Fact[]): string[] {
  return facts.flatMap((fact) => (fact.kind === 'attempt-ended' ? [fact.cause] : []))
}

test.concurrent('trials are paused at rungs and resumed from their checkpoints; no step is done twice', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 3, run: nineSteps(scene.database) })
  const id = await newSweep(scene.database, { budget: { trials: 12 }, earlyTerminate: promote })
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'completed', reason: 'its budget of 12 trials is used up' })
  expect(sweep.trials).toMatchObject({ paused: 0, running: 0, queued: 0, failed: 0, cancelled: 0 })
  expect(sweep.trials.completed).toBeGreaterThanOrEqual(1)
  expect(sweep.trials.pruned).toBeGreaterThanOrEqual(8)
  const facts = await factsOf(scene.database, id)
  const resumes = facts.filter((fact) => fact.kind === 'trial-resumed')
  expect(resumes.length).toBeGreaterThanOrEqual(2)
  for (const steps of stepsOf(facts)) expect(steps).toEqual(steps.map((_, index) => index + 1))
  const again = facts.filter((fact) => fact.kind === 'attempt-queued' && fact.attempt > 1)
  const reasons = new Set(again.map((fact) => ('reason' in fact ? fact.reason : '')))
  expect([...reasons].sort()).toEqual([
    'resumed from its checkpoint of step 1',
    'resumed from its checkpoint of step 3',
  ])
  await expectReplays(scene.database, id)
})

test.concurrent('a program without checkpoints starts again from nothing when it is resumed, and the sweep ends the same', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 3, run: nineSteps(scene.database, false) })
  const id = await newSweep(scene.database, { budget: { trials: 9 }, earlyTerminate: promote })
  const sweep = await ended(scene.database, id)
  expect(sweep.trials).toMatchObject({ paused: 0, failed: 0, cancelled: 0 })
  expect(sweep.trials.completed).toBeGreaterThanOrEqual(1)
  const facts = await factsOf(scene.database, id)
  const again = facts.filter((fact) => fact.kind === 'attempt-queued' && fact.attempt > 1)
  expect(again.length).toBeGreaterThanOrEqual(2)
  for (const fact of again) {
    expect(fact).toMatchObject({ reason: 'resumed from the beginning, because it saved no checkpoint' })
  }
  expect(stepsOf(facts).some((steps) => steps.filter((step) => step === 1).length > 1)).toBe(true)
  await expectReplays(scene.database, id)
})

test.concurrent('hyperband in step: every rung is decided when its bracket is there, and the losers are pruned', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 4, run: nineSteps(scene.database) })
  // The brackets for R = 9 and eta = 3: 9, 3 and 1 trials at step 1; 5 and 1 at step 3; 3 at step 9.
  const id = await newSweep(scene.database, { budget: { trials: 17 }, earlyTerminate: syncHyperband })
  const sweep = await ended(scene.database, id)
  expect(sweep.trials).toMatchObject({ completed: 5, pruned: 12, paused: 0, failed: 0, cancelled: 0 })
  const facts = await factsOf(scene.database, id)
  for (const steps of stepsOf(facts)) expect(steps).toEqual(steps.map((_, index) => index + 1))
  expect(causesOf(facts).filter((cause) => cause === 'paused').length).toBeGreaterThanOrEqual(8)
  await expectReplays(scene.database, id)
})

test.concurrent('a bracket that stays open because the budget ends is decided with the trials it has', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 2, run: nineSteps(scene.database) })
  const id = await newSweep(scene.database, { budget: { trials: 4 }, earlyTerminate: syncHyperband })
  expect((await ended(scene.database, id)).trials).toMatchObject({ completed: 1, pruned: 3 })
  const facts = await factsOf(scene.database, id)
  expect(facts.filter((fact) => fact.kind === 'no-more-trials')).toHaveLength(1)
  await expectReplays(scene.database, id)
})

test.concurrent('a free slot goes to a paused trial before a new one, and never beyond the parallelism', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 4, run: nineSteps(scene.database) })
  const id = await newSweep(scene.database, { budget: { trials: 12 }, parallelism: 2, earlyTerminate: promote })
  await ended(scene.database, id)
  const facts = await factsOf(scene.database, id)
  expect(Math.max(...levelsOf(facts).map((level) => level.outstanding))).toBeLessThanOrEqual(2)
  const firstResume = facts.findIndex((fact) => fact.kind === 'trial-resumed')
  const lastCreated = facts.findLastIndex((fact) => fact.kind === 'trial-created')
  expect(firstResume).toBeGreaterThan(0)
  expect(firstResume).toBeLessThan(lastCreated)
})

test.concurrent('a pause of the sweep holds resumes back too, and its stop ends what is paused', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  await scene.agent({ slots: 2, run: nineSteps(scene.database) })
  const id = await newSweep(scene.database, { budget: { trials: 40 }, earlyTerminate: promote })
  const paused = async () => (await getSweep(scene.database, id))?.trials.paused ?? 0
  await until(async () => (await paused()) >= 2, 'two paused trials')
  await controlSweep(scene.database, id, 'pause', 'test')
  const isQuiet = async () => (await getSweep(scene.database, id))?.running === 0
  await until(isQuiet, 'nothing to run')
  const facts = await factsOf(scene.database, id)
  const control = facts.findIndex((fact) => fact.kind === 'control')
  expect(facts.slice(control).some((fact) => fact.kind === 'trial-resumed')).toBe(false)
  await controlSweep(scene.database, id, 'stop', 'test')
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ state: 'stopped', trials: { paused: 0 } })
  expect(sweep.trials.cancelled).toBeGreaterThanOrEqual(2)
  await expectReplays(scene.database, id)
})

test.concurrent('a budget that is raised while trials are paused is used', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  await scene.controller()
  let raise = () => {}
  const raised = new Promise<void>((resolve) => {
    raise = resolve
  })
  const run = (attempt: ClaimedAttempt) => {
    const script = nineSteps(scene.database)(attempt)
    // Trial 2, the best, is let past the first rung, and not to its end before the budget is raised.
    let reports = attempt.attempt - 1
    const afterReport = async () => {
      reports += 1
      await script.afterReport()
      if (attempt.trial === 2 && reports > 1) await raised
    }
    return { ...script, afterReport }
  }
  await scene.agent({ slots: 2, run })
  const id = await newSweep(scene.database, { budget: { trials: 3 }, earlyTerminate: promote })
  const noted = async () => (await factsOf(scene.database, id)).some((fact) => fact.kind === 'no-more-trials')
  await until(noted, 'the note that no more trials come')
  await changeSweep(scene.database, id, { budget: { trials: 6 } }, 'test')
  raise()
  const sweep = await ended(scene.database, id)
  expect(sweep).toMatchObject({ createdTrials: 6, trials: { paused: 0 } })
  await expectReplays(scene.database, id)
})

async function stage(scene: Scene, earlyTerminate: EarlyTerminate) {
  const document: Partial<SweepDocument> = { seed: 11, budget: { trials: 10 }, earlyTerminate }
  await scene.agent({ slots: 2, run: nineSteps(scene.database) })
  return () => newSweep(scene.database, document, ID)
}

test.concurrent.for([
  { point: 'before-resume', earlyTerminate: promote },
  { point: 'after-resume-before-enqueue', earlyTerminate: promote },
  { point: 'before-stop:4', earlyTerminate: promote },
  { point: 'after-stop:4', earlyTerminate: promote },
  { point: 'before-resume', earlyTerminate: syncHyperband },
  { point: 'after-resume-before-enqueue', earlyTerminate: syncHyperband },
])(
  'killed $point with $earlyTerminate.type and started again: nothing lost, nothing twice',
  async ({ point, earlyTerminate }, { onTestFinished }) => {
    const scene = await scenes.open(onTestFinished)
    const sweep = await stage(scene, earlyTerminate)
    const first = scene.process(bundle.file, { SWEEP_CRASH_AT: point })
    await sweep()
    expect(await first.exited, first.output).toBe('SIGKILL')
    scene.process(bundle.file)
    const over = await ended(scene.database, ID)
    expect(over).toMatchObject({
      state: 'completed',
      createdTrials: 10,
      outstanding: 0,
      trials: { paused: 0, failed: 0 },
    })
    const facts = await factsOf(scene.database, ID)
    expect(new Set(configsOf(facts).map((config) => JSON.stringify(config))).size).toBe(10)
    for (const steps of stepsOf(facts)) expect(steps).toEqual(steps.map((_, index) => index + 1))
    await expectReplays(scene.database, ID)
  },
)
