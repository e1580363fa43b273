import { ExperimentList, ExperimentView } from '@sweep/spec/wire/tracking/experiments'
import { ProjectList, ProjectView } from '@sweep/spec/wire/tracking/projects'
import { RunDetail, RunList, RunView } from '@sweep/spec/wire/tracking/runs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestSweep, type TestApi, testApi } from '../testing/test-api.ts'
import { type Method, trackingCalls } from '../testing/tracking-calls.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

const { call, ok, refused, newRun } = trackingCalls(() => api)

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
