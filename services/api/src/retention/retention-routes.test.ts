import { createClient } from '@sweep/client/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApi, testApi, until } from '../testing/test-api.ts'

const LONG_AGO = '2026-01-01T00:00:00.000Z'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

test('what a policy would do is shown beforehand, changes nothing, and is done when somebody asks for it', async () => {
  const { projects, tracking, runs } = createClient({ url: api.api.url, token: api.tokens.operator })
  const settings = {
    experiment: { metric: { name: 'loss', goal: 'minimize' as const } },
    archive: { afterDays: 30, keepBest: 1 },
    points: { wholeDays: 30, buckets: 10, keepBest: 1 },
  }
  const project = await tracking.createProject({ name: 'p', settings })
  const experiment = await tracking.createExperiment({ project: 'p', name: 'e' })
  const unjudged = await tracking.createExperiment({ project: 'p', name: 'unjudged' })
  await tracking.changeExperiment(unjudged.id, { metric: null })
  await tracking.changeProject(project.id, { settings: { ...settings, experiment: {} } })
  const made: string[] = []
  for (const [experimentId, loss] of [
    [experiment.id, 2],
    [experiment.id, 1],
    [unjudged.id, 3],
  ] as const) {
    const { id } = await tracking.createRun({ experimentId, name: `run ${loss}` })
    const points = Array.from({ length: 100 }, (_, step) => ({ step, at: step, values: { loss: loss + step } }))
    await tracking.logMetrics(id, { points })
    await tracking.endRun(id, { endedAt: LONG_AGO })
    made.push(id)
  }
  const [worse, best, alone] = made as [string, string, string]

  const before = await tracking.metricHistory(worse, 'loss', { points: 10 })
  const plan = await projects.retention(project.id)
  const step = { runId: worse, name: 'run 2', experiment: 'e', since: LONG_AGO, points: 100 }
  expect(plan).toMatchObject({
    due: { archivedRuns: 1, thinnedRuns: 1, purgedRuns: 0 },
    steps: [
      { action: 'archive', ...step },
      { action: 'thin', ...step },
    ],
    unjudged: [{ experimentId: unjudged.id, experiment: 'unjudged' }],
    isAsked: false,
    rounds: [],
  })
  expect(await projects.retention(project.id)).toEqual(plan)
  expect((await tracking.getRun(worse)).archivedAt).toBeNull()
  expect((await projects.retention(project.id, { limit: 1 })).steps).toHaveLength(1)

  expect(await projects.applyRetention(project.id)).toMatchObject({ isAsked: true })
  const done = await until(async () => {
    const view = await projects.retention(project.id)
    return view.isAsked ? undefined : view
  })
  expect(done).toMatchObject({
    due: { archivedRuns: 0, thinnedRuns: 0 },
    steps: [],
    rounds: [{ archivedRuns: 1, thinnedRuns: 1, pointsBefore: 100 }],
  })
  const after = await tracking.metricHistory(worse, 'loss', { points: 10 })
  const { counts: _, total: __, ...shown } = after
  expect({ ...before, thinnedSteps: before.bucketSteps }).toMatchObject(shown)
  const whole = await tracking.metricHistory(best, 'loss')
  expect(whole).toMatchObject({ total: 100, thinnedSteps: null })

  // Archived runs are in lists that ask for them.
  const listed = async (archived?: 'only' | 'include') =>
    (await runs.search({ project: 'p', ...(archived === undefined ? {} : { archived }) })).runs.map(({ id }) => id)
  expect(await listed()).toEqual([alone, best])
  expect(await listed('only')).toEqual([worse])
  expect(await listed('include')).toEqual([alone, best, worse])
  await tracking.restoreRun(worse)
  expect(await listed()).toEqual([alone, best, worse])
  expect((await projects.retention(project.id)).due.archivedRuns).toBe(0)
  await tracking.archiveRun(alone)
  expect(await listed('only')).toEqual([alone])
})

test('viewers may look and not ask, and a run that is not over can not be archived', async () => {
  const { tracking } = createClient({ url: api.api.url, token: api.tokens.operator })
  const { id } = await tracking.createProject({ name: 'q' })
  const token = api.tokens.viewer
  expect(await api.call('GET', `/projects/${id}/retention`, { token })).toMatchObject({ status: 200 })
  expect(await api.call('POST', `/projects/${id}/retention`, { token })).toMatchObject({ status: 403 })
  expect(await api.call('GET', '/projects/77777/retention', { token })).toMatchObject({ status: 404 })
  const settings = { archive: { afterDays: 0 } }
  const wrong = await api.call('PATCH', `/projects/${id}`, { token: api.tokens.operator, body: { settings } })
  expect(wrong).toMatchObject({ status: 400, body: { message: expect.stringContaining('settings.archive.afterDays') } })
  const run = await tracking.createRun({ project: 'q' })
  await expect(tracking.archiveRun(run.id)).rejects.toMatchObject({ code: 'conflict' })
})
