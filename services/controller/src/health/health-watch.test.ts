import { randomBytes } from 'node:crypto'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { RunId } from '@sweep/spec/ids'
import { MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import { listAttempts } from '@sweep/store/attempt-record'
import { loadFacts } from '@sweep/store/facts'
import { findingsOfRun, findingsOfSweep } from '@sweep/store/health/findings'
import { compactAttempts } from '@sweep/store/metrics'
import { ingestReports } from '@sweep/store/reports'
import { sampleRun } from '@sweep/store/testing/sample-run'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from '@sweep/store/testing/samples'
import { logMetrics } from '@sweep/store/tracking/log-metrics'
import { endRun } from '@sweep/store/tracking/runs'
import { getTrial } from '@sweep/store/trials'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../../test/support/invariants.ts'
import { crashPoints } from '../crash-point.ts'
import { ControllerMonitoring } from '../monitoring.ts'
import { type Scene, Scenes, SETTINGS } from '../testing/scene.ts'
import { HealthWatch } from './health-watch.ts'

let scenes: Scenes
let scene: Scene
const cleanups: (() => Promise<void>)[] = []

beforeAll(async () => {
  scenes = await Scenes.prepare()
  scene = await scenes.open((cleanup) => cleanups.push(cleanup))
})
afterEach(async () => {
  expect(await checkInvariants(scene.database)).toEqual([])
})
afterAll(async () => {
  for (const cleanup of cleanups) await cleanup()
  await scenes.remove()
})

/** A watch of a controller of its own; it gives its lease back when `work` is done. */
async function watching(work: (watch: HealthWatch) => Promise<void>): Promise<void> {
  const watch = watchOf('watcher')
  await work(watch)
  await watch.release()
}

let now = 0

function watchOf(controllerId: string): HealthWatch {
  return new HealthWatch({
    database: scene.database,
    queue: scene.queue,
    // Two minutes later with each look, so that what was found before is written down again.
    clock: { now: () => (now += 120_000) },
    log: pino({ level: process.env['SWEEP_TEST_LOG'] ?? 'silent' }),
    randomBytes,
    settings: SETTINGS,
    controllerId,
    crash: crashPoints(undefined),
    monitoring: new ControllerMonitoring(),
  })
}

/** A trial that runs, and a way to report values of its loss. */
async function runningTrial(document: Partial<SweepDocument> = {}) {
  const sweep = await ownedSweep(scene.database, document)
  const agentId = await sampleAgent(scene.database)
  const [attemptId] = await issue(scene.database, sweep, [1])
  if (attemptId === undefined) throw new Error('no attempt')
  const epoch = await claim(scene.database, attemptId, agentId)
  let at = 0
  const losses = async (...values: number[]) => {
    const batch = lossBatch(at, values)
    at = batch.to
    await ingestReports(scene.database, agentId, [report(attemptId, epoch, { batches: [batch] })])
  }
  const end = async (...[cause, rest]: Parameters<typeof ending>) => {
    await ingestReports(scene.database, agentId, [report(attemptId, epoch, { ended: ending(cause, rest) })])
  }
  return { id: sweep.id, losses, end }
}

async function log(runId: RunId, ...values: number[]): Promise<void> {
  const batch = MetricsBatch.parse({ points: values.map((loss) => ({ values: { 'train/loss': loss } })) })
  await logMetrics(scene.database, [{ ...batch, runId, now: 5000 }])
}

const rulesOf = async (sweepId: Awaited<ReturnType<typeof runningTrial>>['id'], cleared = false) =>
  (await findingsOfSweep(scene.database, sweepId, { cleared, limit: 100 })).map(({ rule }) => rule)

const CLIMBING = [2, 1.8, 1.6, 2, 4, 8, 16, 32, 64, 128]

test('what a running trial reports is judged as it comes, and cleared when it is so no more', async () => {
  const trial = await runningTrial()
  await watching(async (watch) => {
    await trial.losses(2, 1)
    await watch.round()
    expect(await rulesOf(trial.id)).toEqual([])
    await trial.losses(Number.NaN)
    await watch.round()
    const [finding] = await findingsOfSweep(scene.database, trial.id, { cleared: false, limit: 10 })
    expect(finding).toMatchObject({ rule: 'nan', metric: 'loss', trial: 1, step: 3, since: 3, clearedAt: null })
    expect(finding?.evidence).toEqual({ value: Number.NaN, lastFinite: 1 })
    await trial.losses(0.9)
    await watch.round()
    expect(await rulesOf(trial.id)).toEqual([])
    expect(await rulesOf(trial.id, true)).toEqual(['nan'])
    await trial.losses(Number.NaN)
    await watch.round()
    expect(await rulesOf(trial.id)).toEqual(['nan'])
  })
  // Warned of and no more: nobody asked for a stop.
  expect((await getTrial(scene.database, trial.id, 1))?.state).toBe('running')
})

test('a trial whose sweep says so is stopped once, with a cause and a reason of its own, and not tried again', async () => {
  const trial = await runningTrial({ health: { divergence: 'stop' }, retry: { max: 3, lostMax: 3 } })
  await watching(async (watch) => {
    await trial.losses(...CLIMBING)
    await watch.round()
    await trial.losses(256)
    await watch.round()
  })
  const facts = await loadFacts(scene.database, trial.id, 0, 1000)
  const stops = facts.filter((fact) => fact.kind === 'stop-asked')
  expect(stops).toMatchObject([
    {
      trial: 1,
      attempt: 1,
      stop: 'unhealthy',
      by: 'health',
      verdict: { reason: expect.stringMatching(/^divergence: /) },
    },
  ])
  await trial.end('unhealthy', { message: 'divergence: loss diverges', exitCode: 0 })
  expect(await getTrial(scene.database, trial.id, 1)).toMatchObject({
    state: 'pruned',
    cause: 'unhealthy',
    attempts: 1,
  })
  expect(await listAttempts(scene.database, trial.id, 1)).toMatchObject([{ cause: 'unhealthy' }])
})

test('a rule that is off finds and stops nothing', async () => {
  const trial = await runningTrial({ health: { nan: 'off', divergence: 'stop' } })
  await watching(async (watch) => {
    await trial.losses(Number.NaN)
    await watch.round()
  })
  expect(await rulesOf(trial.id)).toEqual([])
})

test('a trial that ended and was packed before anybody looked is judged all the same, once', async () => {
  const trial = await runningTrial()
  await trial.losses(...CLIMBING.slice(0, 5))
  await trial.losses(...CLIMBING.slice(5))
  await trial.end('succeeded')
  while ((await compactAttempts(scene.database)) > 0);
  await watching((watch) => watch.round())
  expect(await rulesOf(trial.id)).toEqual(['divergence'])
  expect((await scene.database.query('select from health_due')).rowCount).toBe(0)
})

test('points that are packed while a run is watched are none the less counted, and one time each', async () => {
  const trial = await runningTrial()
  await watching(async (watch) => {
    await trial.losses(...CLIMBING.slice(0, 4))
    await watch.round()
    await trial.losses(...CLIMBING.slice(4, 6))
    await trial.losses(...CLIMBING.slice(6))
    await trial.end('succeeded')
    while ((await compactAttempts(scene.database)) > 0);
    await watch.round()
  })
  const [finding] = await findingsOfSweep(scene.database, trial.id, { cleared: false, limit: 10 })
  expect(finding).toMatchObject({ rule: 'divergence', step: 10, evidence: { now: 64, best: 1.6, began: 1.8 } })
})

test('a controller that starts in the middle finds the same as one that has watched from the beginning', async () => {
  const trial = await runningTrial()
  await watching(async (watch) => {
    for (const loss of CLIMBING) {
      await trial.losses(loss)
      await watch.round()
    }
  })
  const [seen] = await findingsOfSweep(scene.database, trial.id, { cleared: false, limit: 10 })
  await scene.database.query('delete from run_findings')
  await watching((watch) => watch.round())
  const [again] = await findingsOfSweep(scene.database, trial.id, { cleared: false, limit: 10 })
  expect(again).toMatchObject({ rule: seen?.rule, since: seen?.since, step: 10, evidence: seen?.evidence })
})

test('runs outside of sweeps are watched while they run, and once more when they have ended', async () => {
  const run = await sampleRun(scene.database, { status: 'running' })
  await watching(async (watch) => {
    await log(run.id, ...CLIMBING.slice(0, 4))
    await watch.round()
    expect(await findingsOfRun(scene.database, run.id)).toEqual([])
    await log(run.id, ...CLIMBING.slice(4))
    await endRun(scene.database, run.id, { status: 'failed' })
    await watch.round()
    expect(await findingsOfRun(scene.database, run.id)).toMatchObject([
      { rule: 'divergence', metric: 'train/loss', trial: null, runId: run.id },
    ])
  })
})

test('one controller watches; another takes over when it has stopped', async () => {
  const trial = await runningTrial()
  const [first, second] = [watchOf('first'), watchOf('second')]
  await first.round()
  await trial.losses(Number.NaN)
  await second.round()
  expect(await rulesOf(trial.id)).toEqual([])
  await first.release()
  await second.round()
  expect(await rulesOf(trial.id)).toEqual(['nan'])
  await second.release()
})

test('a run that can not be judged keeps no other from it', async () => {
  const [broken, whole] = [await runningTrial(), await runningTrial()]
  await broken.losses(Number.NaN)
  await whole.losses(Number.NaN)
  await scene.database.query(
    `update metric_batches set points = '\\x01ff' where attempt_key = (select key from attempts where sweep_id = $1)`,
    [broken.id],
  )
  await watching((watch) => watch.round())
  expect(await rulesOf(whole.id)).toEqual(['nan'])
  expect(await rulesOf(broken.id)).toEqual([])
})
