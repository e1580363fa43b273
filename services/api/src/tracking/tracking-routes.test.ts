import { createHash } from 'node:crypto'
import type { Claim } from '@sweep/spec/wire/agent-protocol'
import { ErrorBody } from '@sweep/spec/wire/api'
import { RunArtifactList, RunArtifactView } from '@sweep/spec/wire/tracking/artifacts'
import { ExperimentList, ExperimentView } from '@sweep/spec/wire/tracking/experiments'
import { BatchTaken, MetricHistory, MetricSummaries } from '@sweep/spec/wire/tracking/metrics'
import { ProjectList, ProjectView } from '@sweep/spec/wire/tracking/projects'
import { RunDetail, RunList, RunView } from '@sweep/spec/wire/tracking/runs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createTestSweep,
  type Reply,
  ROOM,
  registerTestAgent,
  type TestApi,
  TestController,
  testApi,
} from '../testing/test-api.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT'

function call(method: Method, path: string, body?: unknown, token = api.tokens.operator): Promise<Reply> {
  return api.call(method, path, { token, ...(body === undefined ? {} : { body }) })
}

async function ok<T>(reply: Promise<Reply>, schema: { parse(body: unknown): T }, status = 200): Promise<T> {
  const { status: got, body, text } = await reply
  expect([got, got === status ? '' : text]).toEqual([status, ''])
  return schema.parse(body)
}

async function refused(reply: Promise<Reply>, status: number): Promise<ErrorBody> {
  const { status: got, body } = await reply
  expect(got).toBe(status)
  return ErrorBody.parse(body)
}

const newRun = (fields: object = {}) => ok(call('POST', '/runs', { experiment: 'tests', ...fields }), RunView, 201)

function upload(
  run: string,
  path: string,
  bytes: Buffer,
  { token = api.tokens.operator, more = '' }: { token?: string; more?: string } = {},
): Promise<Reply> {
  return api.call('PUT', `/runs/${run}/artifacts/file?path=${encodeURIComponent(path)}${more}`, {
    token,
    body: bytes,
    headers: { 'content-type': 'application/octet-stream' },
  })
}

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('projects and experiments', () => {
  test('a project has its settings, and gives its experiments what they begin with', async () => {
    const settings = { experiment: { hypothesis: 'deeper is better', tags: { a: '1' } }, archive: { afterDays: 30 } }
    const body = { name: 'vision "x"', owner: 'me', tags: { k: 'v' }, settings }
    const project = await ok(call('POST', '/projects', body), ProjectView, 201)
    expect(project).toMatchObject({ owner: 'me', team: null, experiments: 0, settings: { archive: { keepBest: 0 } } })
    expect((await refused(call('POST', '/projects', body), 409)).code).toBe('conflict')
    const again = await ok(call('POST', '/projects', { ...body, owner: 'you', ifExists: 'show' }), ProjectView)
    expect(again).toMatchObject({ id: project.id, owner: 'me' })
    const experiment = await ok(
      call('POST', '/experiments', { project: body.name, name: 'first', tags: { b: '2' } }),
      ExperimentView,
      201,
    )
    expect(experiment).toMatchObject({
      project: body.name,
      kind: 'runs',
      status: 'active',
      hypothesis: 'deeper is better',
      tags: { a: '1', b: '2' },
      createdBy: 'user:operator',
    })
    await refused(call('POST', '/experiments', { project: body.name, name: 'first' }), 409)
    const changed = await ok(
      call('PATCH', `/projects/${project.id}`, { owner: null, team: 'b', tags: { k: null, l: '' } }),
      ProjectView,
    )
    expect(changed).toMatchObject({ owner: null, team: 'b', tags: { l: '' }, experiments: 1 })
    const other = await ok(call('POST', '/projects', { name: 'other' }), ProjectView, 201)
    await refused(call('PATCH', `/projects/${other.id}`, { name: body.name }), 409)
    await refused(call('GET', '/projects/99999'), 404)
    await refused(call('POST', '/projects', { name: 'x', ownr: 'me' }), 400)
  })

  test('lists come page by page', async () => {
    for (const name of ['p1', 'p2', 'p3']) await ok(call('POST', '/projects', { name }), ProjectView, 201)
    const names: string[] = []
    let after: string | null = ''
    while (after !== null) {
      const page: ProjectList = await ok(
        call('GET', `/projects?limit=2${after === '' ? '' : `&after=${after}`}`),
        ProjectList,
      )
      names.push(...page.projects.map((project) => project.name))
      after = page.next
    }
    expect(names).toEqual([...names].sort())
    expect(names).toEqual(expect.arrayContaining(['p1', 'p2', 'p3']))
    for (const name of ['e1', 'e2', 'e3']) {
      await ok(call('POST', '/experiments', { project: 'p1', name }), ExperimentView, 201)
    }
    const first = await ok(call('GET', '/experiments?project=p1&limit=2'), ExperimentList)
    const rest = await ok(call('GET', `/experiments?project=p1&limit=2&after=${first.next}`), ExperimentList)
    expect(new Set([...first.experiments, ...rest.experiments].map(({ name }) => name))).toEqual(
      new Set(['e1', 'e2', 'e3']),
    )
    expect(rest.next).toBeNull()
    await refused(call('GET', '/experiments?after=nonsense'), 400)
  })

  test('an experiment changes, but a sweep keeps what it knows itself', async () => {
    const { id } = await ok(call('POST', '/experiments', { name: 'changing' }), ExperimentView, 201)
    const change = { status: 'completed', metric: { name: 'loss', goal: 'minimize' }, description: 'd' }
    expect(await ok(call('PATCH', `/experiments/${id}`, change), ExperimentView)).toMatchObject(change)
    const sweep = await createTestSweep(api)
    expect(await ok(call('GET', `/experiments/${sweep}`), ExperimentView)).toMatchObject({
      kind: 'sweep',
      status: 'active',
      metric: { name: 'loss', goal: 'minimize' },
    })
    for (const wrong of [{ status: 'completed' }, { name: 'x' }, { metric: null }]) {
      await refused(call('PATCH', `/experiments/${sweep}`, wrong), 409)
    }
    const archived = { status: 'archived', hypothesis: 'h' }
    expect(await ok(call('PATCH', `/experiments/${sweep}`, archived), ExperimentView)).toMatchObject(archived)
    expect(await ok(call('PATCH', `/experiments/${sweep}`, { status: 'active' }), ExperimentView)).toMatchObject({
      status: 'active',
    })
  })
})

describe('runs', () => {
  test('are made, changed, ended, deleted and restored', async () => {
    const run = await newRun({ name: 'n', params: { model: { depth: 2 } } })
    const changed = await ok(call('PATCH', `/runs/${run.id}`, { notes: 'hm', group: 'g' }), RunDetail)
    expect(changed).toMatchObject({
      notes: 'hm',
      group: 'g',
      name: 'n',
      params: { 'model.depth': 2 },
      nestedParams: { model: { depth: 2 } },
      metricNames: [],
    })
    expect(await ok(call('POST', `/runs/${run.id}/end`, undefined), RunView)).toMatchObject({ status: 'completed' })
    await refused(call('POST', `/runs/${run.id}/end`, { status: 'failed' }), 409)
    const deleted = await ok(call('DELETE', `/runs/${run.id}`), RunView)
    expect(deleted.deletedAt).not.toBeNull()
    await refused(call('POST', `/runs/${run.id}/params`, { params: { a: 1 } }), 409)
    const list = (more = '') => ok(call('GET', `/runs?experiment=${run.experimentId}${more}`), RunList)
    expect((await list()).runs.map(({ id }) => id)).not.toContain(run.id)
    expect((await list('&deleted=only')).runs.map(({ id }) => id)).toContain(run.id)
    await ok(call('POST', `/runs/${run.id}/restore`), RunView)
    expect((await list('&status=completed')).runs.map(({ id }) => id)).toContain(run.id)
    await refused(call('GET', '/runs?experiment=zzzzzzzzzz'), 404)
    await refused(call('GET', '/runs/zzzzzzzzzz'), 404)
  })

  test('are made once for one id', async () => {
    const body = { id: 'aaaaaaaaaa', experiment: 'tests' }
    await ok(call('POST', '/runs', body), RunView, 201)
    await ok(call('POST', '/runs', body), RunView, 200)
    await refused(call('POST', '/runs', { ...body, id: 'aaaaaaaaaa-1' }), 400)
    await refused(call('POST', '/runs', { experimentId: 'zzzzzzzzzz', experiment: 'tests' }), 400)
  })

  test('take params again with the same value, and with another when asked to', async () => {
    const { id } = await newRun()
    const log = (params: object, overwrite?: boolean) => call('POST', `/runs/${id}/params`, { params, overwrite })
    await ok(log({ a: { b: 1 } }), { parse: (body) => expect(body).toEqual({ added: ['a.b'], changed: [] }) })
    await ok(log({ 'a.b': 1 }), { parse: (body) => expect(body).toEqual({ added: [], changed: [] }) })
    expect(await refused(log({ 'a.b': 2 }), 409)).toMatchObject({ code: 'conflict', details: { names: ['a.b'] } })
    await ok(log({ 'a.b': 2 }, true), { parse: (body) => expect(body).toEqual({ added: [], changed: ['a.b'] }) })
    for (const wrong of [{ ['x'.repeat(251)]: 1 }, { '': 1 }, { a: { '': 1, ['é'.repeat(126)]: 1 } }]) {
      await refused(log(wrong), 400)
    }
    await refused(log({ 'a.__proto__.b': 1 }), 400)
    const sent = (method: Method, path: string, body: string) =>
      api.call(method, path, {
        token: api.tokens.operator,
        body,
        headers: { 'content-type': 'application/json' },
      })
    for (const levels of [51, 3000, 100_000]) {
      const deep = `{"deep": ${'['.repeat(levels)}${']'.repeat(levels)}}`
      await refused(sent('POST', `/runs/${id}/params`, `{"params": ${deep}}`), 400)
      await refused(sent('PATCH', `/runs/${id}`, `{"environment": ${deep}}`), 400)
      await refused(sent('POST', '/sweeps', `{"source": "", "workdir": "", "overrides": ${deep}}`), 400)
    }
  })
})

describe('metrics', () => {
  const names = [
    `"quoted" 'single'`,
    '😀/loss',
    'a b%2Fc?d#e&f',
    'eval/task/acc',
    '../x'.replace('../', '..%/'),
    'é'.repeat(125),
  ]

  test.each(names)('may be called %j', async (name) => {
    const { id } = await newRun()
    const points = [{ step: 1, at: 5, values: { [name]: 1 } }]
    await ok(call('POST', `/runs/${id}/metrics/batch`, { points }), BatchTaken)
    const history = await ok(call('GET', `/runs/${id}/metrics/${encodeURIComponent(name)}`), MetricHistory)
    expect(history).toMatchObject({ key: name, total: 1, steps: [1], times: [5], values: [1], bucketSteps: null })
    const { metrics } = await ok(call('GET', `/runs/${id}/metrics`), MetricSummaries)
    expect(metrics).toMatchObject([{ key: name, last: 1, points: 1 }])
  })

  test.each(['', 'x'.repeat(10_000), 'é'.repeat(126), 'a\0b', 'a/../b', '..', '\ud800'])(
    'may not be called %j',
    async (name) => {
      const { id } = await newRun()
      const error = await refused(
        call('POST', `/runs/${id}/metrics/batch`, { points: [{ values: { [name]: 1 } }] }),
        400,
      )
      expect(error.message.length).toBeLessThan(600)
    },
  )

  test('keep NaN, infinities and the largest numbers', async () => {
    const { id } = await newRun()
    const values = ['NaN', 'Infinity', '-Infinity', 1e308, -1e308, 5e-324, 0]
    const points = values.map((x, step) => ({ step, values: { x } }))
    await ok(call('POST', `/runs/${id}/metrics/batch`, { points }), BatchTaken)
    const raw = await call('GET', `/runs/${id}/metrics/x`)
    expect((raw.body as { values: unknown }).values).toEqual(values)
    const { metrics } = (await call('GET', `/runs/${id}/metrics`)).body as { metrics: unknown[] }
    expect(metrics).toMatchObject([{ last: 0, min: '-Infinity', minStep: 2, max: 'Infinity', maxStep: 1 }])
    for (const wrong of ['nan', 'inf', null, true, '1']) {
      await refused(call('POST', `/runs/${id}/metrics/batch`, { points: [{ values: { x: wrong } }] }), 400)
    }
  })

  test('come once, between two steps, in as many buckets as asked for', async () => {
    const { id } = await newRun()
    const send = (seq: number, from: number) => {
      const points = Array.from({ length: 1000 }, (_, n) => ({ step: from + n, values: { x: (from + n) % 100 } }))
      return call('POST', `/runs/${id}/metrics/batch`, { writer: { id: 'w', seq }, points })
    }
    expect(await ok(send(1, 0), BatchTaken)).toEqual({ taken: true, seq: 1, dropped: 0 })
    expect(await ok(send(1, 0), BatchTaken)).toEqual({ taken: false, seq: 1, dropped: 0 })
    expect(await refused(send(3, 2000), 409)).toMatchObject({ details: { seq: 1 } })
    await ok(send(2, 1000), BatchTaken)
    const history = (query: string) => ok(call('GET', `/runs/${id}/metrics/x?${query}`), MetricHistory)
    expect(await history('from=10&to=12')).toMatchObject({ total: 3, steps: [10, 11, 12], values: [10, 11, 12] })
    expect(await history('from=5000')).toMatchObject({ total: 0, steps: [] })
    const buckets = await history('points=500')
    expect(buckets).toMatchObject({ total: 2000, bucketSteps: 4 })
    expect(buckets.steps).toHaveLength(500)
    expect([buckets.min?.[0], buckets.max?.[0], buckets.values[0], buckets.counts?.[0]]).toEqual([0, 3, 3, 4])
    // The same buckets wherever one begins.
    const part = await history('from=1000&points=250')
    expect(part.min).toEqual(buckets.min?.slice(250))
    expect((await history('points=100000')).bucketSteps).toBeNull()
    await refused(call('GET', `/runs/${id}/metrics/y`), 404)
    await refused(call('GET', `/runs/${id}/metrics/x?points=1`), 400)
  })

  test('of 10,001 values in one batch are refused', async () => {
    const { id } = await newRun()
    const points = Array.from({ length: 5001 }, (_, step) => ({ step, values: { a: 1, b: 2 } }))
    await refused(call('POST', `/runs/${id}/metrics/batch`, { points }), 400)
    await ok(call('POST', `/runs/${id}/metrics/batch`, { points: points.slice(1) }), BatchTaken)
  })
})

describe('artifacts', () => {
  test('have versions, aliases and their bytes', async () => {
    const { id } = await newRun()
    const path = `models/best "1" 😀.bin`
    const [one, two] = [Buffer.from('one'), Buffer.from('two!')]
    const first = await ok(upload(id, path, one, { more: `&type=model&sha256=${hashOf(one)}` }), RunArtifactView, 201)
    expect(first).toMatchObject({ version: 1, type: 'model', sizeBytes: 3, sha256: hashOf(one), aliases: ['latest'] })
    await ok(upload(id, path, one), RunArtifactView, 200)
    const query = `path=${encodeURIComponent(path)}`
    const patch = (more: string, body: object) => call('PATCH', `/runs/${id}/artifacts/file?${query}${more}`, body)
    await ok(patch('', { aliases: ['best'], metadata: { acc: 0.9 } }), RunArtifactView)
    // The same once more, as after an answer that was lost, changes nothing of what was said since.
    expect(await ok(upload(id, path, one), RunArtifactView, 200)).toMatchObject({
      version: 1,
      type: 'model',
      metadata: { acc: 0.9 },
      aliases: ['best', 'latest'],
    })
    const second = await ok(upload(id, path, two), RunArtifactView, 201)
    expect(second).toMatchObject({ version: 2, aliases: ['latest'], metadata: {} })
    const versions = await ok(call('GET', `/runs/${id}/artifacts?${query}`), RunArtifactList)
    expect(versions.artifacts).toMatchObject([
      { version: 2, aliases: ['latest'] },
      { version: 1, aliases: ['best'], metadata: { acc: 0.9 } },
    ])
    const bytes = async (version: string) => {
      const reply = await call('GET', `/runs/${id}/artifacts/file?${query}&version=${version}`)
      expect(reply.headers['content-disposition']).toMatch(/^attachment; filename\*=UTF-8''best%20%221%22%20/)
      return reply.text
    }
    expect([await bytes('best'), await bytes('latest'), await bytes('2'), await bytes('1')]).toEqual([
      'one',
      'two!',
      'two!',
      'one',
    ])
    expect(await ok(patch('&version=2', { aliases: ['best'] }), RunArtifactView)).toMatchObject({
      aliases: ['best', 'latest'],
    })
    expect(await bytes('best')).toBe('two!')
    await refused(patch('&version=7', {}), 404)
    await refused(patch('', { aliases: ['latest'] }), 400)
    expect((await call('DELETE', `/runs/${id}/artifacts/file?${query}`)).status).toBe(204)
    await refused(call('GET', `/runs/${id}/artifacts/file?${query}`), 404)
  })

  test('are refused with a lying checksum, and nothing is kept', async () => {
    const { id } = await newRun()
    const lie = hashOf(Buffer.from('other'))
    const error = await refused(upload(id, 'x', Buffer.from('bytes'), { more: `&sha256=${lie}` }), 400)
    expect(error.code).toBe('checksum-mismatch')
    expect((await ok(call('GET', `/runs/${id}/artifacts`), RunArtifactList)).artifacts).toEqual([])
    await refused(call('POST', `/runs/${id}/artifacts`, { path: 'x', sha256: lie }), 404)
  })

  test.each([
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a//b',
    '.',
    'a/./b',
    'x/',
    '..\\x',
    'a\\..\\b',
    'a\0b',
    'x'.repeat(1025),
  ])('may not lie at %j', async (path) => {
    const { id } = await newRun()
    await refused(upload(id, path, Buffer.from('x')), 400)
    await refused(call('GET', `/runs/${id}/artifacts/file?path=${encodeURIComponent(path)}`), 400)
  })

  test('are listed by path, and noted where the store has the bytes already', async () => {
    const { id } = await newRun()
    const { id: other } = await newRun()
    const bytes = Buffer.from('shared')
    for (const path of ['b', 'a/2', 'a/1']) await upload(id, path, bytes)
    const first = await ok(call('GET', `/runs/${id}/artifacts?limit=2`), RunArtifactList)
    expect(first.artifacts.map(({ path }) => path)).toEqual(['a/1', 'a/2'])
    const rest = await ok(call('GET', `/runs/${id}/artifacts?limit=2&after=${first.next}`), RunArtifactList)
    expect(rest.artifacts.map(({ path }) => path)).toEqual(['b'])
    const inside = await ok(call('GET', `/runs/${id}/artifacts?prefix=a/`), RunArtifactList)
    expect(inside.artifacts).toHaveLength(2)
    const note = { path: 'copy', sha256: hashOf(bytes), aliases: ['best'] }
    await ok(call('POST', `/runs/${other}/artifacts`, note), RunArtifactView, 201)
    const use = { runId: id, path: 'b' }
    await ok(call('POST', `/runs/${other}/artifacts/uses`, use), { parse: (body) => body })
    await ok(call('POST', `/runs/${other}/artifacts/uses`, use), {
      parse: (body) => expect(body).toMatchObject({ uses: [{ runId: id, path: 'b', version: 1 }], usedBy: [] }),
    })
    await ok(call('GET', `/runs/${id}/lineage`), {
      parse: (body) => expect(body).toMatchObject({ uses: [], usedBy: [{ runId: other }] }),
    })
    await refused(call('POST', `/runs/${other}/artifacts/uses`, { runId: id, path: 'nothing' }), 404)
  })
})

describe("a trial's run", () => {
  test('takes what its own program logs, and what its program logs only', async () => {
    const sweep = await createTestSweep(api)
    await new TestController(api).issue(sweep, 2)
    const agent = await registerTestAgent(api)
    const claim: Claim = { room: { ...ROOM, slots: 1 }, max: 1, waitMs: 10_000 }
    const claimed = await call('POST', `/agents/${agent.id}/claim`, claim, agent.token)
    const [assignment] = (claimed.body as { assignments: { token: string; trial: number }[] }).assignments
    const { token, trial } = assignment ?? { token: '', trial: 0 }
    const own = `${sweep}-${trial}`
    const foreign = `${sweep}-${3 - trial}`
    const { id: outside } = await newRun()

    expect(await ok(call('GET', `/runs/${own}`, undefined, token), RunDetail)).toMatchObject({
      status: 'running',
      experimentId: sweep,
      trial: { sweepId: sweep, number: trial, state: 'running' },
      params: { optimizer: 'sgd' },
      source: { type: 'local', entryPoint: 'python3 train.py' },
    })
    const bytes = Buffer.from('weights')
    const writes = (run: string): Promise<Reply>[] => [
      call('POST', `/runs/${run}/params`, { params: { extra: 1 } }, token),
      call('POST', `/runs/${run}/tags`, { set: { k: 'v' } }, token),
      call('POST', `/runs/${run}/metrics/batch`, { points: [{ values: { mine: 1 } }] }, token),
      call('PATCH', `/runs/${run}`, { notes: 'n' }, token),
      upload(run, 'weights.bin', bytes, { token }),
    ]
    for (const reply of await Promise.all(writes(own))) expect(reply.status).toBeLessThan(300)
    for (const run of [foreign, outside]) {
      for (const reply of await Promise.all(writes(run))) expect(reply.status).toBe(403)
      expect((await call('GET', `/runs/${run}`, undefined, token)).status).toBe(403)
    }
    // What is somebody's to decide who has more rights, or the trial's own.
    for (const reply of [
      call('DELETE', `/runs/${own}`, undefined, token),
      call('POST', '/runs', {}, token),
      call('GET', `/runs?experiment=${sweep}`, undefined, token),
      call('POST', `/runs/${own}/artifacts`, { path: 'x', sha256: hashOf(bytes) }, token),
    ]) {
      expect((await reply).status).toBe(403)
    }
    await refused(call('POST', `/runs/${own}/end`, {}, token), 409)
    await refused(call('PATCH', `/runs/${own}`, { status: 'running' }, token), 409)
    await refused(call('POST', `/runs/${own}/params`, { params: { optimizer: 'adam' } }, token), 409)
    await refused(call('POST', `/runs/${own}/end`, {}), 409)
    await refused(call('DELETE', `/runs/${own}`), 409)
    const { metrics } = await ok(call('GET', `/runs/${own}/metrics`), MetricSummaries)
    expect(metrics).toMatchObject([{ key: 'mine', last: 1 }])
    const list = await ok(call('GET', `/runs?experiment=${sweep}&status=running`), RunList)
    expect(list.runs.map(({ id }) => id)).toEqual([own])
    const trialFiles = await call('GET', `/sweeps/${sweep}/trials/${trial}/artifacts`)
    expect(trialFiles.body).toMatchObject({ artifacts: [{ path: 'weights.bin', attempt: 1 }] })
  })

  test('has runs below it that its program makes, logs to and ends, and no others', async () => {
    await new TestController(api).issue(await createTestSweep(api), 2)
    const agent = await registerTestAgent(api)
    const claim: Claim = { room: { ...ROOM, slots: 1 }, max: 1, waitMs: 10_000 }
    const claimed = await call('POST', `/agents/${agent.id}/claim`, claim, agent.token)
    const [assignment] = (claimed.body as { assignments: { token: string; sweepId: string; trial: number }[] })
      .assignments
    // Of whichever sweep of this file has one to give.
    const { token, sweepId: sweep, trial } = assignment ?? { token: '', sweepId: '', trial: 0 }
    const parentRunId = `${sweep}-${trial}`
    const child = await ok(call('POST', '/runs', { parentRunId, name: 'fold 1' }, token), RunView, 201)
    expect(child).toMatchObject({ experimentId: sweep, parentRunId, trial: null, createdBy: `trial:${parentRunId}-1` })
    const grandchild = await ok(call('POST', '/runs', { parentRunId: child.id }, token), RunView, 201)
    for (const { id } of [child, grandchild]) {
      await ok(call('POST', `/runs/${id}/metrics/batch`, { points: [{ values: { x: 1 } }] }, token), BatchTaken)
      await ok(call('GET', `/runs/${id}`, undefined, token), RunDetail)
      await ok(call('POST', `/runs/${id}/end`, {}, token), RunView)
      await refused(call('DELETE', `/runs/${id}`, undefined, token), 403)
    }
    const { id: outside, experimentId } = await newRun()
    for (const body of [
      {},
      { parentRunId: outside },
      { parentRunId: `${sweep}-${3 - trial}` },
      { parentRunId: 'zzzzzzzzzz' },
      { parentRunId, experimentId },
      { parentRunId, experiment: 'tests' },
    ]) {
      await refused(call('POST', '/runs', body, token), 403)
    }
    // Nor does it get another's run by taking it for a child of its own.
    await refused(call('PATCH', `/runs/${outside}`, { parentRunId }, token), 403)
    await refused(call('PATCH', `/runs/${child.id}`, { parentRunId: outside }, token), 403)
    await refused(call('POST', `/runs/${outside}/tags`, { set: { a: 'b' } }, token), 403)
    const list = await ok(call('GET', `/runs?experiment=${sweep}&parent=${parentRunId}`), RunList)
    expect(list.runs.map(({ id }) => id)).toEqual([child.id])
  })

  test.each([
    ['GET', '/projects', 200, 200],
    ['POST', '/projects', 403, 400],
    ['GET', '/experiments', 200, 200],
    ['POST', '/experiments', 403, 400],
    ['POST', '/runs', 403, 201],
    ['GET', '/runs/zzzzzzzzzz', 404, 404],
    ['PATCH', '/runs/zzzzzzzzzz', 403, 404],
    ['POST', '/runs/zzzzzzzzzz/tags', 403, 404],
    ['POST', '/runs/zzzzzzzzzz/restore', 403, 404],
    ['GET', '/runs/zzzzzzzzzz/metrics', 404, 404],
    ['GET', '/runs/zzzzzzzzzz/artifacts', 404, 404],
  ] as const)('and others: %s %s is for viewers %i, for operators %i', async (method, path, viewer, operator) => {
    const body = method === 'GET' ? undefined : {}
    expect((await call(method, path, body, api.tokens.viewer)).status).toBe(viewer)
    expect((await call(method, path, body, api.tokens.operator)).status).toBe(operator)
    expect((await api.call(method, path, body === undefined ? {} : { body })).status).toBe(401)
  })
})
