import { createHash } from 'node:crypto'
import { type Client, createClient } from '@sweep/client/client'
import { RunArtifactList } from '@sweep/spec/wire/tracking/artifacts'
import { ExperimentList, ExperimentView } from '@sweep/spec/wire/tracking/experiments'
import { MetricHistory, MetricSummaries } from '@sweep/spec/wire/tracking/metrics'
import { ProjectList, ProjectView } from '@sweep/spec/wire/tracking/projects'
import { RunDetail, RunList } from '@sweep/spec/wire/tracking/runs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'

let api: TestApi
let tracking: Client['tracking']
beforeAll(async () => {
  api = await testApi()
  tracking = createClient({ url: api.api.url, token: api.tokens.operator }).tracking
})
afterAll(() => api.close())

async function* bytesOf(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part)
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts).toString()
}

test('a client makes and finds projects, experiments and runs', async () => {
  const project = await tracking.createProject({ name: 'p', tags: { a: '' } })
  expect(ProjectView.parse(await tracking.changeProject(project.id, { team: 't' }))).toMatchObject({ team: 't' })
  expect(ProjectList.parse(await tracking.listProjects({ name: 'p' })).projects).toHaveLength(1)
  expect(await tracking.getProject(project.id)).toMatchObject({ name: 'p' })
  const experiment = await tracking.createExperiment({ project: 'p', name: 'e' })
  ExperimentView.parse(await tracking.changeExperiment(experiment.id, { status: 'completed' }))
  const found = ExperimentList.parse(await tracking.listExperiments({ statuses: ['completed', 'archived'] }))
  expect(found.experiments).toEqual([await tracking.getExperiment(experiment.id)])
  const run = await tracking.createRun({ experimentId: experiment.id, name: 'r' })
  const child = await tracking.createRun({ experimentId: experiment.id, parentRunId: run.id })
  const list = RunList.parse(await tracking.listRuns(experiment.id, { statuses: ['running'], parentRunId: run.id }))
  expect(list.runs.map(({ id }) => id)).toEqual([child.id])
  expect(await tracking.logParams(run.id, { params: { a: { b: 1 } } })).toEqual({ added: ['a.b'], changed: [] })
  expect(await tracking.changeTags(run.id, { set: { k: 'v' } })).toEqual({ tags: { k: 'v' } })
  expect(RunDetail.parse(await tracking.changeRun(run.id, { notes: 'n' }))).toMatchObject({ notes: 'n' })
  expect(await tracking.endRun(run.id)).toMatchObject({ status: 'completed' })
  expect((await tracking.deleteRun(run.id)).deletedAt).not.toBeNull()
  expect((await tracking.restoreRun(run.id)).deletedAt).toBeNull()
  expect(RunDetail.parse(await tracking.getRun(run.id))).toMatchObject({ nestedParams: { a: { b: 1 } } })
  await expect(tracking.getRun('zzzzzzzzzz')).rejects.toMatchObject({ code: 'not-found' })
})

test('NaN and infinities travel as the numbers they are', async () => {
  const { id } = await tracking.createRun({})
  const key = '50% of "x"/é'
  const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308]
  const points = numbers.map((value, step) => ({ step, at: step, values: { [key]: value } }))
  const writer = { id: 'me', seq: 1 }
  expect(await tracking.logMetrics(id, { writer, points })).toEqual({ taken: true, seq: 1, dropped: 0 })
  expect(await tracking.logMetrics(id, { writer, points })).toEqual({ taken: false, seq: 1, dropped: 0 })
  const history = await tracking.metricHistory(id, key)
  MetricHistory.parse(history)
  expect(history).toMatchObject({ values: numbers, steps: [0, 1, 2, 3] })
  expect(await tracking.metricHistory(id, key, { points: 2 })).toMatchObject({
    min: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    max: [Number.POSITIVE_INFINITY, 1e308],
    counts: [2, 2],
    bucketSteps: 2,
  })
  const summaries = await tracking.runMetrics(id)
  MetricSummaries.parse(summaries)
  expect(summaries.metrics).toMatchObject([{ key, last: 1e308, min: Number.NEGATIVE_INFINITY }])
})

test('files go up and down as streams', async () => {
  const { id } = await tracking.createRun({})
  const sha256 = createHash('sha256').update('onetwo').digest('hex')
  const stored = await tracking.uploadArtifact(id, 'a/b.txt', bytesOf('one', 'two'), { sha256, type: 'text' })
  expect(stored).toMatchObject({ version: 1, sha256, type: 'text' })
  await tracking.changeArtifact(id, 'a/b.txt', { aliases: ['best'] })
  await tracking.uploadArtifact(id, 'a/b.txt', bytesOf('three'))
  expect(await textOf(await tracking.getRunArtifact(id, 'a/b.txt'))).toBe('three')
  expect(await textOf(await tracking.getRunArtifact(id, 'a/b.txt', 'best'))).toBe('onetwo')
  expect(RunArtifactList.parse(await tracking.artifactVersions(id, 'a/b.txt')).artifacts).toHaveLength(2)
  const other = await tracking.createRun({})
  await tracking.noteArtifact(other.id, { path: 'c', sha256 })
  expect(await tracking.useArtifact(other.id, { runId: id, path: 'a/b.txt' })).toMatchObject({ uses: [{ version: 2 }] })
  expect((await tracking.lineage(id)).usedBy).toHaveLength(1)
  const lie = createHash('sha256').update('lie').digest('hex')
  await expect(tracking.uploadArtifact(id, 'x', bytesOf('truth'), { sha256: lie })).rejects.toMatchObject({
    code: 'checksum-mismatch',
  })
  await tracking.deleteArtifact(id, 'a/b.txt')
  expect((await tracking.listRunArtifacts(id)).artifacts).toEqual([])
})
