import { createHash, randomBytes } from 'node:crypto'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestSweep, type TestApi, TestController, testApi } from '../testing/test-api.ts'
import { allOf, failureOf, type Message, plain, SERVICE, struct, TestGrpc } from '../testing/test-grpc.ts'

let api: TestApi
let grpc: TestGrpc
/** Names of the methods that the tests have called. */
const called = new Set<string>()

beforeAll(async () => {
  api = await testApi({ grpcPort: 0 })
  grpc = new TestGrpc(api)
})
afterAll(async () => {
  grpc.close()
  await api.close()
})

function ask(name: string, request: Message = {}): Promise<Message> {
  called.add(name)
  return grpc.ask(name, request)
}

async function http(path: string): Promise<Record<string, unknown>> {
  const reply = await api.call('GET', path, { token: api.tokens.viewer })
  expect([reply.status, reply.status === 200 ? '' : reply.text]).toEqual([200, ''])
  return reply.body as Record<string, unknown>
}

const newRun = async (fields: Message = {}) => String((await ask('CreateRun', { experiment: 'grpc', ...fields }))['id'])
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

async function upload(runId: string, path: string, bytes: Buffer, more: Message = {}): Promise<Message> {
  called.add('UploadArtifact')
  const { call, reply } = grpc.send('UploadArtifact')
  call.write({ header: { runId, path, ...more } })
  for (let begin = 0; begin < bytes.length; begin += 65_536)
    call.write({ chunk: bytes.subarray(begin, begin + 65_536) })
  call.end()
  return reply
}

async function download(runId: string, path: string, version?: string): Promise<{ header: Message; bytes: Buffer }> {
  called.add('DownloadArtifact')
  const request = { runId, path, ...(version === undefined ? {} : { version }) }
  const [first, ...rest] = await allOf(grpc.read('DownloadArtifact', request))
  return { header: first?.['header'] as Message, bytes: Buffer.concat(rest.map(({ chunk }) => chunk as Buffer)) }
}

describe('projects and experiments', () => {
  test('are made, listed page by page, changed and cleared as over HTTP', async () => {
    const settings = {
      experiment: { hypothesis: 'deeper is better', tags: { a: '1' }, metric: { name: 'loss', goal: 'GOAL_MINIMIZE' } },
      metrics: { 'val "ü" 🙂': { unit: '%', scale: 'SCALE_LOG', digits: 0, hidden: false } },
      archive: { afterDays: 30 },
    }
    const made = await ask('CreateProject', { name: 'vision "x" 🙂', owner: 'me', tags: { k: '' }, settings })
    expect(made).toMatchObject({ name: 'vision "x" 🙂', owner: 'me', tags: { k: '' }, settings })
    expect(made).not.toHaveProperty('team')
    const { id } = made
    expect(await http(`/projects/${id}`)).toMatchObject({
      owner: 'me',
      team: null,
      tags: { k: '' },
      settings: { archive: { afterDays: 30, keepBest: 0 }, metrics: { 'val "ü" 🙂': { scale: 'log', digits: 0 } } },
    })
    const again = await ask('CreateProject', { name: 'vision "x" 🙂', ifExists: 'IF_EXISTS_SHOW' })
    expect(again['id']).toBe(id)
    const change = { projectId: id, team: 'b', tags: { l: '2' }, removeTags: ['k'], clear: ['owner'] }
    expect(await ask('ChangeProject', change)).toMatchObject({ team: 'b', tags: { l: '2' } })
    expect(await ask('GetProject', { projectId: id })).not.toHaveProperty('owner')

    await ask('CreateProject', { name: 'another' })
    const names: unknown[] = []
    for (let after: unknown; ; ) {
      const page = await ask('ListProjects', { limit: 1, ...(after === undefined ? {} : { after }) })
      names.push(...(page['projects'] as Message[]).map(({ name }) => name))
      after = page['next']
      if (after === undefined) break
    }
    expect(names).toEqual(((await http('/projects'))['projects'] as Message[]).map(({ name }) => name))
    expect(names.length).toBeGreaterThan(1)

    const experiment = await ask('CreateExperiment', { project: 'vision "x" 🙂', name: 'first', tags: { b: '2' } })
    expect(experiment).toMatchObject({
      kind: 'EXPERIMENT_KIND_RUNS',
      status: 'EXPERIMENT_STATUS_ACTIVE',
      hypothesis: 'deeper is better',
      tags: { a: '1', b: '2' },
      metric: { name: 'loss', goal: 'GOAL_MINIMIZE' },
      createdBy: 'user:operator',
    })
    const experimentId = experiment['id']
    const changed = await ask('ChangeExperiment', {
      experimentId,
      status: 'EXPERIMENT_STATUS_COMPLETED',
      description: 'd',
      removeTags: ['a'],
      clear: ['metric'],
    })
    expect(changed).toMatchObject({ status: 'EXPERIMENT_STATUS_COMPLETED', description: 'd', tags: { b: '2' } })
    expect(await ask('GetExperiment', { experimentId })).toEqual(changed)
    expect(changed).not.toHaveProperty('metric')
    const listed = await ask('ListExperiments', {
      project: 'vision "x" 🙂',
      kind: 'EXPERIMENT_KIND_RUNS',
      status: ['EXPERIMENT_STATUS_COMPLETED', 'EXPERIMENT_STATUS_ARCHIVED'],
    })
    expect(listed['experiments']).toEqual([changed])
  })

  test('a summary says how much better the best run is', async () => {
    const { id: experimentId } = await ask('CreateExperiment', {
      name: 'summed',
      metric: { name: 'acc', goal: 'GOAL_MAXIMIZE' },
    })
    const runs: string[] = []
    for (const [index, value] of [0.5, 0.7, 0.9].entries()) {
      const id = await newRun({ experiment: undefined, experimentId, params: struct({ seed: index }) })
      await ask('LogMetrics', { runId: id, points: [{ step: 1, values: { acc: value } }] })
      runs.push(id)
    }
    const summary = await ask('GetExperimentSummary', { experimentId, baseline: runs[0] })
    expect(summary).toMatchObject({
      metric: { name: 'acc', goal: 'GOAL_MAXIMIZE' },
      by: 'JUDGED_BY_VALUE_BEST',
      counted: 3,
      isAll: true,
      best: { run: runs[2], value: 0.9 },
      worst: { run: runs[0], value: 0.5 },
      median: 0.7,
      improvement: { baseline: { run: runs[0] }, relative: 0.8 },
    })
    const body = await http(`/experiments/${experimentId}/summary?baseline=${runs[0]}`)
    expect(summary['std']).toBe(body['std'])
  })
})

describe('runs', () => {
  test('have params of every kind, and come back as over HTTP', async () => {
    const params = {
      lr: 1e-4,
      'a "quoted" 🙂 name': [1, 'two', null, { three: [] }],
      model: { depth: 3, layers: { first: true } },
      nothing: null,
      empty: {},
      text: '',
      zero: 0,
    }
    const id = await newRun({
      name: 'r 🙂',
      group: 'g',
      params: struct(params),
      tags: { team: 'vision' },
      notes: 'n',
      source: { repo: 'https://host/x.git', dirty: false },
      environment: struct({ python: '3.11', gpus: [{ name: 'A100' }] }),
      startedAt: { seconds: 1_790_000_000, nanos: 123_000_000 },
    })
    const run = await ask('GetRun', { runId: id })
    const body = await http(`/runs/${id}`)
    expect(plain(run['params'])).toEqual(body['params'])
    expect(plain(run['nestedParams'])).toEqual(body['nestedParams'])
    expect(plain(run['environment'])).toEqual({ python: '3.11', gpus: [{ name: 'A100' }] })
    expect(body['startedAt']).toBe('2026-09-21T14:13:20.123Z')
    expect(run).toMatchObject({
      name: 'r 🙂',
      group: 'g',
      status: 'RUN_STATUS_RUNNING',
      tags: { team: 'vision' },
      notes: 'n',
      source: { repo: 'https://host/x.git', dirty: false },
      startedAt: { seconds: 1_790_000_000, nanos: 123_000_000 },
    })
    expect(run).not.toHaveProperty('trial')
    expect(run).not.toHaveProperty('endedAt')
  })

  test('are changed, ended, deleted and restored', async () => {
    const above = await newRun()
    const id = await newRun({ parentRunId: above, group: 'g', status: 'RUN_STATUS_PENDING' })
    const changed = await ask('ChangeRun', {
      runId: id,
      name: 'n',
      status: 'RUN_STATUS_RUNNING',
      environment: struct({ a: 1 }),
      resources: { gpuHours: 1.5, cost: 0 },
      clear: ['group', 'parent_run_id'],
    })
    expect(changed).toMatchObject({ name: 'n', resources: { gpuHours: 1.5, cost: 0 } })
    expect(changed).not.toHaveProperty('group')
    expect(changed).not.toHaveProperty('parentRunId')
    const ended = await ask('EndRun', {
      runId: id,
      status: 'RUN_STATUS_FAILED',
      message: 'why',
      endedAt: { seconds: 2_000_000_000 },
    })
    expect(ended).toMatchObject({ status: 'RUN_STATUS_FAILED', endedAt: { seconds: 2_000_000_000 } })
    expect(await http(`/runs/${id}`)).toMatchObject({ status: 'failed', message: 'why' })
    expect(await ask('DeleteRun', { runId: id })).toHaveProperty('deletedAt')
    expect(await ask('RestoreRun', { runId: id })).not.toHaveProperty('deletedAt')
    expect(await ask('ArchiveRun', { runId: id })).toHaveProperty('archivedAt')
    expect(await ask('RestoreRun', { runId: id })).not.toHaveProperty('archivedAt')
    expect(await ask('EndRun', { runId: above })).toMatchObject({ status: 'RUN_STATUS_COMPLETED' })
  })

  test('take params and tags, and refuse another value unless told to overwrite', async () => {
    const id = await newRun({ params: struct({ lr: 1 }) })
    expect(await ask('LogParams', { runId: id, params: struct({ lr: 1, model: { depth: 2 } }) })).toEqual({
      added: ['model.depth'],
      changed: [],
    })
    const { error, details } = await failureOf(ask('LogParams', { runId: id, params: struct({ lr: 2 }) }))
    expect(error.code).toBe(status.FAILED_PRECONDITION)
    expect(details['ErrorInfo']).toMatchObject({ reason: 'CONFLICT', domain: 'sweep', metadata: { code: 'conflict' } })
    expect(await ask('LogParams', { runId: id, params: struct({ lr: 2 }), overwrite: true })).toMatchObject({
      changed: ['lr'],
    })
    expect(await ask('ChangeTags', { runId: id, set: { 'k "🙂"': 'v', b: '' } })).toEqual({
      tags: { 'k "🙂"': 'v', b: '' },
    })
    expect(await ask('ChangeTags', { runId: id, remove: ['k "🙂"'] })).toEqual({ tags: { b: '' } })
  })

  test('are found by filter, order and columns, page by page', async () => {
    const { id: experimentId } = await ask('CreateExperiment', { name: 'searched' })
    const ids: string[] = []
    for (const loss of [0.3, 0.1, 0.2]) {
      const id = await newRun({ experiment: undefined, experimentId, params: struct({ optimizer: 'adam "x"' }) })
      await ask('LogMetrics', { runId: id, points: [{ step: 1, values: { loss } }] })
      ids.push(id)
    }
    const request = {
      experimentId,
      filter: `metrics.loss < 0.25 and params.optimizer = 'adam "x"'`,
      order: 'metrics.loss asc',
      columns: 'metrics.loss',
      status: ['RUN_STATUS_RUNNING', 'RUN_STATUS_FAILED'],
      deleted: 'DELETED_RUNS_INCLUDE',
      limit: 1,
    }
    const first = await ask('SearchRuns', request)
    expect(first['runs']).toMatchObject([{ id: ids[1], metrics: { loss: { last: 0.1, lastStep: 1, min: 0.1 } } }])
    const second = await ask('SearchRuns', { ...request, after: first['next'] })
    expect((second['runs'] as Message[]).map(({ id }) => id)).toEqual([ids[2]])
    expect(second).not.toHaveProperty('next')
    const { error, details } = await failureOf(ask('SearchRuns', { filter: "metrics.loss < 'x'; drop table runs" }))
    expect(error.code).toBe(status.INVALID_ARGUMENT)
    expect(details['ErrorInfo']).toMatchObject({ reason: 'INVALID_REQUEST' })
  })

  test('stand side by side, and in aggregates and charts', async () => {
    const one = await newRun({ name: 'one', params: struct({ lr: 1, same: null }) })
    const two = await newRun({ name: 'two', params: struct({ lr: 2, same: null }) })
    for (const [id, values] of [
      [one, { loss: 1, only: Number.NaN }],
      [two, { loss: 3 }],
    ] as const) {
      await ask('LogMetrics', { runId: id, points: [{ step: 0, values }] })
    }
    const compared = await ask('CompareRuns', { runIds: [one, two], metric: 'loss', goal: 'GOAL_MINIMIZE' })
    expect(compared['runs']).toMatchObject([
      { id: one, name: 'one', status: 'RUN_STATUS_RUNNING' },
      { id: two, name: 'two' },
    ])
    expect(compared['params']).toEqual([
      { name: 'lr', differs: true, values: [{ value: { numberValue: 1 } }, { value: { numberValue: 2 } }] },
      {
        name: 'same',
        differs: false,
        values: [{ value: { nullValue: 'NULL_VALUE' } }, { value: { nullValue: 'NULL_VALUE' } }],
      },
    ])
    expect(compared['metrics']).toMatchObject([
      { name: 'loss', goal: 'GOAL_MINIMIZE', best: [0], values: [{ value: { last: 1 } }, { value: { last: 3 } }] },
      { name: 'only', best: [], values: [{ value: { last: Number.NaN } }, {}] },
    ])
    expect(await ask('AggregateRuns', { runIds: [one, two], metric: 'loss', buckets: 2 })).toMatchObject({
      runs: 2,
      buckets: [{ runs: 2, min: 1, max: 3, avg: 2, last: 2 }],
    })
    const chart = await ask('GetRunChart', {
      kind: 'KIND_SCATTER',
      filter: `id in ("${one}", "${two}")`,
      x: 'params.lr',
      y: 'metrics.loss',
    })
    const points = (plain(chart) as { points: Message[] }).points
    expect(new Set(points.map(({ x, y }) => `${x} ${y}`))).toEqual(new Set(['1 1', '2 3']))
    expect((await failureOf(ask('GetRunChart', { kind: 'KIND_SCATTER' }))).error.code).toBe(status.INVALID_ARGUMENT)
  })

  test('of trials name their trial, and their health can be asked for', async () => {
    const sweepId = await createTestSweep(api)
    await new TestController(api).issue(sweepId, 1)
    expect(await ask('GetRun', { runId: `${sweepId}-1` })).toMatchObject({
      trial: { sweepId, number: 1, state: 'TRIAL_STATE_QUEUED' },
      status: 'RUN_STATUS_PENDING',
    })
    expect(await ask('GetRunHealth', { runId: `${sweepId}-1` })).toEqual({ findings: [], more: false })
  })
})

describe('metrics', () => {
  test('of every odd name and value are the same by HTTP and by gRPC', async () => {
    const id = await newRun()
    const names = ['loss', 'eval/f1 "🙂"', 'a/b/c', "it's; drop table runs --", '%2e%2e', '..x', 'ü'.repeat(100), '?&#']
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -0, 5e-324]
    const points = values.map((value, step) => ({
      step,
      at: 1_790_000_000_000.5 + step,
      values: Object.fromEntries(names.map((name) => [name, value])),
    }))
    expect(await ask('LogMetrics', { runId: id, writer: { id: 'w', seq: 1 }, points })).toMatchObject({
      taken: true,
      seq: 1,
    })
    expect(await ask('LogMetrics', { runId: id, writer: { id: 'w', seq: 1 }, points })).toMatchObject({ seq: 1 })
    for (const key of names) {
      const history = await ask('GetMetricHistory', { runId: id, key })
      const body = await http(`/runs/${id}/metrics/${encodeURIComponent(key)}`)
      expect(history['values']).toEqual((body['values'] as unknown[]).map(Number))
      // Node's JSON has no minus zero.
      expect((history['values'] as number[]).map((value) => value + 0)).toEqual(values.map((value) => value + 0))
      expect([history['steps'], history['times']]).toEqual([body['steps'], body['times']])
    }
    const summaries = (await ask('ListMetrics', { runId: id }))['metrics'] as Message[]
    expect(summaries.map(({ key }) => key).sort()).toEqual([...names].sort())
    expect(summaries.find(({ key }) => key === 'eval/f1 "🙂"')).toMatchObject({
      context: 'METRIC_CONTEXT_EVAL',
      points: 6,
      min: Number.NEGATIVE_INFINITY,
      max: Number.POSITIVE_INFINITY,
    })
  })

  test('a gap in the batches of a writer is told with the number that is known', async () => {
    const id = await newRun()
    const { error, details } = await failureOf(ask('LogMetrics', { runId: id, writer: { id: 'w', seq: 5 } }))
    expect(error.code).toBe(status.FAILED_PRECONDITION)
    expect(details['ErrorInfo']).toMatchObject({ metadata: { seq: '0', code: 'conflict' } })
  })

  test('of long histories come in buckets', async () => {
    const id = await newRun()
    const points = Array.from({ length: 1000 }, (_, step) => ({
      step,
      values: { loss: step < 512 ? Number.NaN : step },
    }))
    await ask('LogMetrics', { runId: id, points })
    const history = await ask('GetMetricHistory', { runId: id, key: 'loss', fromStep: 256, toStep: 767, points: 2 })
    expect(history).toMatchObject({
      total: 512,
      bucketSteps: 256,
      min: [Number.NaN, 512],
      max: [Number.NaN, 767],
      counts: [256, 256],
    })
  })

  test('are logged with a context, without a step, and to the limit of a batch', async () => {
    const id = await newRun()
    await ask('LogMetrics', {
      runId: id,
      points: [{ context: 'METRIC_CONTEXT_EVAL', values: { loss: 1 } }, { values: { 'eval/loss': 2 } }],
    })
    expect(await ask('GetMetricHistory', { runId: id, key: 'eval/loss' })).toMatchObject({
      steps: [1, 2],
      values: [1, 2],
    })
    const points = Array.from({ length: 10_001 }, (_, step) => ({ step, values: { loss: 1 } }))
    const { error, details } = await failureOf(ask('LogMetrics', { runId: id, points }))
    expect(error.code).toBe(status.INVALID_ARGUMENT)
    expect(details['BadRequest']).toMatchObject({
      fieldViolations: [{ field: 'points', description: expect.stringContaining('10000') }],
    })
  })
})

describe('files', () => {
  test('go up and down in chunks, get versions, aliases and lineage', async () => {
    const id = await newRun()
    const bytes = randomBytes(300_000)
    const first = await upload(id, 'models/a "🙂".bin', bytes, { type: 'model', sha256: sha256(bytes) })
    expect(first).toMatchObject({
      version: 1,
      type: 'model',
      sizeBytes: 300_000,
      sha256: sha256(bytes),
      aliases: ['latest'],
    })
    await upload(id, 'models/a "🙂".bin', Buffer.from('second'))
    const changed = await ask('ChangeArtifact', {
      runId: id,
      path: 'models/a "🙂".bin',
      version: '1',
      metadata: struct({ epoch: 3 }),
      aliases: ['best'],
    })
    expect(changed).toMatchObject({ version: 1, aliases: ['best'] })
    expect(plain(changed['metadata'])).toEqual({ epoch: 3 })
    expect(await download(id, 'models/a "🙂".bin', 'best')).toEqual({
      header: { sha256: sha256(bytes), sizeBytes: 300_000 },
      bytes,
    })
    expect((await download(id, 'models/a "🙂".bin')).bytes.toString()).toBe('second')
    const versions = await ask('ListArtifacts', { runId: id, path: 'models/a "🙂".bin' })
    expect((versions['artifacts'] as Message[]).map(({ version }) => version)).toEqual([2, 1])

    const other = await newRun()
    const used = await ask('UseArtifact', { runId: other, ofRunId: id, path: 'models/a "🙂".bin', version: 1 })
    expect(used).toMatchObject({ uses: [{ runId: id, version: 1 }] })
    expect(await ask('GetLineage', { runId: id })).toMatchObject({ usedBy: [{ runId: other, version: 1 }] })
    expect(await ask('NoteArtifact', { runId: other, path: 'copy', sha256: sha256(bytes) })).toMatchObject({
      version: 1,
    })
    expect(await ask('DeleteArtifact', { runId: other, path: 'copy' })).toEqual({})
    expect(await ask('ListArtifacts', { runId: other, prefix: 'c' })).toEqual({ artifacts: [] })
  })

  test('of a wrong hash, of a wrong path and without a header are refused, and nothing is stored', async () => {
    const id = await newRun()
    const lie = await failureOf(upload(id, 'x', Buffer.from('abc'), { sha256: sha256(Buffer.from('abd')) }))
    expect(lie.details['ErrorInfo']).toMatchObject({ reason: 'CHECKSUM_MISMATCH' })
    const path = await failureOf(upload(id, '../../etc/passwd', Buffer.from('abc')))
    expect(path.error.code).toBe(status.INVALID_ARGUMENT)
    const { call, reply } = grpc.send('UploadArtifact')
    call.write({ chunk: Buffer.from('abc') })
    expect((await failureOf(reply)).error.details).toContain('the first message must be the header')
    expect((await failureOf(upload('0123456789', 'x', Buffer.from('abc')))).error.code).toBe(status.NOT_FOUND)
    expect((await failureOf(download(id, 'nothing'))).error.code).toBe(status.NOT_FOUND)
    expect(await ask('ListArtifacts', { runId: id })).toEqual({ artifacts: [] })
  })
})

test('no method was left out, but for the streams of metrics, which have tests of their own', () => {
  const missing = Object.keys(SERVICE).filter((name) => !called.has(name))
  expect(missing).toEqual(['LogMetricStream', 'ReadMetrics'])
})
