import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { stepBuckets } from '@sweep/analysis/step-buckets'
import { getContent, putContent } from '@sweep/objects/content'
import { openObjects } from '@sweep/objects/open-objects'
import { newId, type RunId, trialId } from '@sweep/spec/ids'
import { NoteArtifact } from '@sweep/spec/wire/tracking/artifacts'
import { MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import { ProjectSettings } from '@sweep/spec/wire/tracking/projects'
import { loadFacts } from '@sweep/store/facts'
import { compactAttempts } from '@sweep/store/metrics'
import { finishObject, reserveObject } from '@sweep/store/objects'
import { ingestReports } from '@sweep/store/reports'
import { retentionRounds } from '@sweep/store/retention/rounds'
import { endSweep } from '@sweep/store/sweep-control'
import { sampleRun } from '@sweep/store/testing/sample-run'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from '@sweep/store/testing/samples'
import { changeExperiment } from '@sweep/store/tracking/experiments'
import { logMetrics } from '@sweep/store/tracking/log-metrics'
import { changeProject, projectNamed } from '@sweep/store/tracking/projects'
import { noteArtifact } from '@sweep/store/tracking/run-artifacts'
import { runMetrics } from '@sweep/store/tracking/run-metrics'
import { readRunSeries, thinnedSteps } from '@sweep/store/tracking/run-series'
import { deleteRun, endRun, findRun, getRun, restoreRun } from '@sweep/store/tracking/runs'
import { makeEvents } from '@sweep/store/webhooks/events'
import { createWebhook } from '@sweep/store/webhooks/webhooks'
import pino from 'pino'
import { rolldown } from 'rolldown'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkInvariants } from '../../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { ObjectJanitor } from '../objects/object-janitor.ts'
import { SETTINGS } from '../testing/test-api.ts'
import { eventMaker } from '../webhooks/event-maker.ts'
import { RetentionKeeper, type RetentionOptions } from './retention-keeper.ts'

const LONG_AGO = '2026-01-01T00:00:00.000Z'
const log = pino({ level: process.env['SWEEP_TEST_LOG'] ?? 'silent' })
const clock = { now: () => performance.timeOrigin + performance.now() }

let fixture: TestDatabase
beforeEach(async () => {
  fixture = await testDatabase()
})
afterEach(async () => {
  expect(await checkInvariants(fixture.database)).toEqual([])
  await fixture.drop()
})

function keeper(changes: Partial<RetentionOptions> = {}): RetentionKeeper {
  return new RetentionKeeper({ database: fixture.database, clock, log, id: newId(randomBytes), ...changes })
}

async function setPolicy(settings: Parameters<typeof ProjectSettings.parse>[0]): Promise<number> {
  const project = await projectNamed(fixture.database, 'default')
  await changeProject(fixture.database, project?.id ?? 0, { settings: ProjectSettings.parse(settings) })
  return project?.id ?? 0
}

/** A run with these losses, over since long ago unless it still runs. */
async function runOf(losses: readonly number[], ended = true): Promise<RunId> {
  const { id } = await sampleRun(fixture.database)
  for (let at = 0; at < losses.length; at += 5000) {
    const points = losses.slice(at, at + 5000).map((loss, n) => ({ step: at + n, at: at + n, values: { loss } }))
    await logMetrics(fixture.database, [{ ...MetricsBatch.parse({ points }), runId: id, now: 0 }])
  }
  if (ended) await endRun(fixture.database, id, { status: 'completed', endedAt: LONG_AGO })
  return id
}

async function seriesOf(id: RunId, name = 'loss') {
  const { key } = await getRun(fixture.database, id)
  return readRunSeries(fixture.database, key, name)
}

async function judgeByLoss(id: RunId): Promise<void> {
  const { experimentId } = await getRun(fixture.database, id)
  await changeExperiment(fixture.database, experimentId, { metric: { name: 'loss', goal: 'minimize' } })
}

const wave = (count: number, least: number) => Array.from({ length: count }, (_, n) => least + 1 + Math.sin(n / 7))

test('points of old runs become buckets, the best run and those that run stay whole, and charts show the same', async () => {
  const best = await runOf(wave(3000, 0))
  const odd = [...wave(2000, 1), Number.NaN, Number.POSITIVE_INFINITY, 1e308]
  const old = await runOf(odd)
  const running = await runOf(wave(3000, 2), false)
  await judgeByLoss(best)
  await compactAttempts(fixture.database)
  const [wholeBest, wholeOld, wholeRunning] = [await seriesOf(best), await seriesOf(old), await seriesOf(running)]
  const sums = await runMetrics(fixture.database, (await getRun(fixture.database, old)).key)
  const project = await setPolicy({ points: { wholeDays: 30, buckets: 100, keepBest: 1 } })

  await keeper().round({ onlyAsked: false })

  expect(await seriesOf(best)).toEqual(wholeBest)
  expect(await seriesOf(running)).toEqual(wholeRunning)
  const left = await seriesOf(old)
  expect(left.steps.length).toBeLessThanOrEqual(301)
  const { key, thinnedAt } = await getRun(fixture.database, old)
  expect(thinnedAt).not.toBeNull()
  const width = await thinnedSteps(fixture.database, key, 'loss')
  const [before, after] = [stepBuckets(wholeOld, 100), stepBuckets(left, 100, width ?? 0)]
  expect({ ...after, counts: [] }).toEqual({ ...before, counts: [] })
  // What the metric has come to is not counted anew.
  expect(await runMetrics(fixture.database, key)).toEqual(sums)
  const { rounds } = await retentionRounds(fixture.database, project)
  expect(rounds).toMatchObject([{ thinnedRuns: 1, pointsBefore: 2003, pointsAfter: left.steps.length }])
  expect(rounds[0]?.endedAt).not.toBeNull()

  await keeper().round({ onlyAsked: false })
  expect((await retentionRounds(fixture.database, project)).rounds).toHaveLength(1)
})

test('what is logged to a run that was taken up again is thinned out with the rest once it is over', async () => {
  const id = await runOf(wave(2000, 0))
  await setPolicy({ points: { wholeDays: 30, buckets: 50, keepBest: 0 } })
  await keeper().round({ onlyAsked: false })
  const width = await thinnedSteps(fixture.database, (await getRun(fixture.database, id)).key, 'loss')
  await fixture.database.query(`update runs set status = 'running', ended_at = null where id = $1`, [id])
  const points = wave(500, 0).map((loss, n) => ({ step: 2000 + n, at: n, values: { loss } }))
  await logMetrics(fixture.database, [{ ...MetricsBatch.parse({ points }), runId: id, now: 0 }])
  await endRun(fixture.database, id, { status: 'completed' })
  const later = { clock: { now: () => clock.now() + 40 * 86_400_000 } }
  // Its new points are to be packed, and until then it is left alone.
  await keeper(later).round({ onlyAsked: false })
  expect((await seriesOf(id)).steps.length).toBeGreaterThan(500)
  await compactAttempts(fixture.database)
  await keeper(later).round({ onlyAsked: false })
  const { key } = await getRun(fixture.database, id)
  expect(await thinnedSteps(fixture.database, key, 'loss')).toBeGreaterThanOrEqual(width ?? 0)
  const left = await seriesOf(id)
  expect(left.steps.length).toBeLessThanOrEqual(151)
  expect(left.steps.at(-1)).toBe(2499)
})

test('trials are thinned out once their sweep is over, the best stay whole, and its facts are as they were', async () => {
  const sweep = await ownedSweep(fixture.database)
  const agent = await sampleAgent(fixture.database)
  const losses = [wave(1500, 5), wave(1500, 0)]
  for (const [n, attempt] of (await issue(fixture.database, sweep, [1, 2])).entries()) {
    const epoch = await claim(fixture.database, attempt, agent)
    await ingestReports(fixture.database, agent, [
      report(attempt, epoch, { batches: [lossBatch(0, losses[n] ?? [])], ended: ending('succeeded') }),
    ])
  }
  const [worse, best] = [trialId(sweep.id, 1), trialId(sweep.id, 2)] as unknown as [RunId, RunId]
  await setPolicy({ points: { wholeDays: 1, buckets: 100, keepBest: 1 }, archive: { afterDays: 1, keepBest: 1 } })
  const later = { clock: { now: () => clock.now() + 3 * 86_400_000 } }

  // Points of trials are summed up first; until the sweep is over nothing else happens.
  await compactAttempts(fixture.database)
  await keeper(later).round({ onlyAsked: false })
  expect((await seriesOf(worse)).steps).toHaveLength(1500)

  await fixture.database.query(`update sweeps set state = 'stopping' where id = $1`, [sweep.id])
  expect(await endSweep(fixture.database, sweep.id, sweep.ownerEpoch, 'enough')).toEqual({ result: 'ended' })
  const facts = await loadFacts(fixture.database, sweep.id, 0, 10_000)
  await keeper(later).round({ onlyAsked: false })
  expect((await seriesOf(worse)).steps.length).toBeLessThanOrEqual(301)
  expect((await seriesOf(best)).steps).toHaveLength(1500)
  expect((await getRun(fixture.database, worse)).archivedAt).not.toBeNull()
  expect((await getRun(fixture.database, best)).archivedAt).toBeNull()
  expect(await loadFacts(fixture.database, sweep.id, 0, 10_000)).toEqual(facts)
})

test('old runs are archived but for the newest, and one that somebody has restored is not archived again', async () => {
  const runs = [await runOf([1]), await runOf([2]), await runOf([3])]
  await setPolicy({ archive: { afterDays: 30, keepRecent: 1 } })
  const archived = async () =>
    Promise.all(runs.map(async (id) => (await getRun(fixture.database, id)).archivedAt !== null))
  await keeper().round({ onlyAsked: false })
  expect(await archived()).toEqual([true, true, false])
  await restoreRun(fixture.database, runs[0] as RunId)
  await keeper().round({ onlyAsked: false })
  expect(await archived()).toEqual([false, true, false])
})

test('deleted runs go for good with their files, those of trials leave the trial, and nothing of others goes', async () => {
  const { database } = fixture
  const folder = await mkdtemp(join(tmpdir(), 'sweep-test-retention-'))
  const objects = await openObjects({ kind: 'folder', folder }, clock)
  const store = async (text: string) => {
    const sha256 = createHash('sha256').update(text).digest('hex')
    await reserveObject(database, sha256)
    await finishObject(database, sha256, await putContent(objects, sha256, Readable.from([Buffer.from(text)])))
    return sha256
  }
  const [gone, child, shared] = [await runOf([1, 2]), await runOf([3]), await store('shared')]
  const own = await store('own')
  await database.query('update runs set parent_key = (select key from runs where id = $1) where id = $2', [gone, child])
  await noteArtifact(database, gone, NoteArtifact.parse({ path: 'model', sha256: own, aliases: ['best'] }), null)
  await noteArtifact(database, gone, NoteArtifact.parse({ path: 'data', sha256: shared }), null)
  await noteArtifact(database, child, NoteArtifact.parse({ path: 'data', sha256: shared }), null)
  await deleteRun(database, gone)
  const project = await setPolicy({ deleted: { purgeAfterDays: 3 } })

  await keeper().round({ onlyAsked: false })
  expect(await findRun(database, gone)).toBeDefined()
  await keeper({ clock: { now: () => clock.now() + 4 * 86_400_000 } }).round({ onlyAsked: false })
  expect(await findRun(database, gone)).toBeUndefined()
  expect(await findRun(database, child)).toMatchObject({ parentRunId: null })
  expect((await seriesOf(child)).values).toEqual([3])
  expect((await retentionRounds(database, project)).rounds).toMatchObject([
    { purgedRuns: 1, purgedFiles: 2, purgedBytes: 9 },
  ])
  await database.query(`update objects set held_until = now() - interval '1 second'`)
  await new ObjectJanitor({ database, objects, settings: SETTINGS.objects, log }).clean()
  expect(await getContent(objects, own)).toBeUndefined()
  expect(await getContent(objects, shared)).toBeDefined()
  objects.close()
  await rm(folder, { recursive: true })
})

test('the run of a trial that was deleted is emptied, can not be restored, and its sweep is as it was', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const [attempt] = await issue(database, sweep, [1])
  if (attempt === undefined) throw new Error('no attempt')
  const epoch = await claim(database, attempt, agent)
  const ended = ending('succeeded')
  await ingestReports(database, agent, [report(attempt, epoch, { batches: [lossBatch(0, [3, 2])], ended })])
  const id = trialId(sweep.id, 1) as unknown as RunId
  await compactAttempts(database)
  await deleteRun(database, id)
  await setPolicy({ deleted: { purgeAfterDays: 3 } })
  const later = { clock: { now: () => clock.now() + 4 * 86_400_000 } }
  await keeper(later).round({ onlyAsked: false })
  expect((await seriesOf(id)).values).toEqual([3, 2])
  await database.query(`update sweeps set state = 'stopping' where id = $1`, [sweep.id])
  await endSweep(database, sweep.id, sweep.ownerEpoch, 'enough')
  const facts = await loadFacts(database, sweep.id, 0, 10_000)
  await keeper(later).round({ onlyAsked: false })
  expect((await seriesOf(id)).values).toEqual([])
  expect(await getRun(database, id)).toMatchObject({ trial: { number: 1, state: 'completed' } })
  expect(await loadFacts(database, sweep.id, 0, 10_000)).toEqual(facts)
  await expect(restoreRun(database, id)).rejects.toMatchObject({ code: 'conflict' })
})

test('webhooks are told once what was done, and what they were told of ended runs is forgotten', async () => {
  const { database } = fixture
  await runOf([1])
  const running = await runOf([1], false)
  await createWebhook(database, {
    ...{ id: newId(randomBytes), name: 'hook', url: 'https://example.com', secret: 'secret', format: 'json' },
    ...{ kinds: ['project.retention'], project: null, sweepId: null, createdBy: 'me' },
    thresholds: [{ metric: 'loss', below: 5 }],
  })
  const old = await runOf([1], false)
  await makeEvents(database, eventMaker)
  await endRun(database, old, { status: 'completed', endedAt: LONG_AGO })
  await makeEvents(database, eventMaker)
  const told = async () => (await database.query<{ run_id: string }>('select run_id from event_thresholds')).rows
  expect((await told()).map(({ run_id }) => run_id).sort()).toEqual([running, old].sort())
  await setPolicy({ archive: { afterDays: 30 } })
  await keeper().round({ onlyAsked: false })
  await keeper().round({ onlyAsked: false })
  await makeEvents(database, eventMaker)
  const { rows } = await database.query<{ body: unknown }>(`select body from events where kind = 'project.retention'`)
  expect(rows).toMatchObject([
    { body: { project: 'default', text: 'policy of project default: 2 runs archived', data: { archivedRuns: 2 } } },
  ])
  expect(await told()).toEqual([{ run_id: running }])
})

test('of two servers one does it, and the other goes on where the first has lost its turn', async () => {
  const { database } = fixture
  for (let n = 0; n < 3; n += 1) await runOf(wave(1000, n))
  const project = await setPolicy({ points: { wholeDays: 30, buckets: 50, keepBest: 0 } })
  await Promise.all([keeper(), keeper(), keeper()].map((one) => one.round({ onlyAsked: false })))
  const { rounds } = await retentionRounds(database, project)
  expect(rounds).toMatchObject([{ thinnedRuns: 3, pointsBefore: 3000 }])
})

test('a server that is killed in the middle leaves all runs whole, and the next one does the rest', async () => {
  const { database, url } = fixture
  const runs: RunId[] = []
  for (let n = 0; n < 60; n += 1) runs.push(await runOf(wave(4000, n)))
  const before = stepBuckets(await seriesOf(runs[59] as RunId), 100)
  const project = await setPolicy({ points: { wholeDays: 30, buckets: 100, keepBest: 0 } })
  const { file, remove } = await bundleKeeper()
  const child = spawn(process.execPath, [file], { env: { ...process.env, DATABASE_URL: url }, stdio: 'inherit' })
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
  const thinned = async () => (await retentionRounds(database, project)).rounds[0]?.thinnedRuns ?? 0
  while ((await thinned()) < 5) await new Promise((resolve) => setTimeout(resolve, 5))
  child.kill('SIGKILL')
  expect(await exited).toBe('SIGKILL')
  await remove()
  expect(await thinned()).toBeLessThan(60)
  // Its lease runs out first.
  const next = keeper()
  while ((await retentionRounds(database, project)).rounds[0]?.endedAt === null) {
    await next.round({ onlyAsked: false })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { rounds } = await retentionRounds(database, project)
  expect(rounds).toMatchObject([{ thinnedRuns: 60, pointsBefore: 240_000 }])
  const { rows } = await database.query<{ points: number }>('select sum(count)::int8 as points from metric_chunks')
  expect(rows).toEqual([{ points: rounds[0]?.pointsAfter }])
  const after = stepBuckets(await seriesOf(runs[59] as RunId), 100, before.width)
  expect({ ...after, counts: [] }).toEqual({ ...before, counts: [] })
})

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const BUILTINS = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

/** As `npm run build` does; inside the work tree, where node_modules is. */
async function bundleKeeper(): Promise<{ readonly file: string; remove(): Promise<void> }> {
  const folder = `${ROOT}node_modules/.cache/sweep-keeper-${process.pid}`
  await mkdir(folder, { recursive: true })
  const bundle = await rolldown({
    input: { keeper: `${ROOT}services/api/src/retention/testing/keeper-process.ts` },
    platform: 'node',
    external: (id) => BUILTINS.has(id) || (/^[@a-z]/.test(id) && !id.startsWith('@sweep/') && !id.startsWith(ROOT)),
  })
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs' })
  await bundle.close()
  return { file: `${folder}/keeper.mjs`, remove: () => rm(folder, { recursive: true, force: true }) }
}
