import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { MlflowCaller } from '../testing/test-mlflow.ts'

let api: TestApi
let user: MlflowCaller
let viewer: MlflowCaller
beforeAll(async () => {
  api = await testApi()
  user = new MlflowCaller(api, api.tokens.operator)
  viewer = new MlflowCaller(api, api.tokens.viewer)
})
afterAll(() => api.close())

describe('callers', () => {
  test('log in by token or by a password that is one, and readers only read', async () => {
    const id = await user.newRun()
    const send = (authorization: string | undefined) =>
      user.send.call(
        new MlflowCaller(api, undefined),
        'GET',
        `/api/2.0/mlflow/runs/get?run_id=${id}`,
        undefined,
        authorization === undefined ? {} : { authorization },
      )
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    expect((await send(basic(`anybody:${api.tokens.viewer}`))).status).toBe(200)
    expect((await send(`Bearer ${api.tokens.viewer}`)).status).toBe(200)
    for (const wrong of [
      undefined,
      basic('anybody:swp_user_wrong'),
      basic('nothing'),
      'Basic !',
      'Bearer swp_user_wrong',
      'Digest x',
    ]) {
      const { status, body } = await send(wrong)
      expect([status, body.error_code, wrong]).toEqual([401, 'UNAUTHENTICATED', wrong])
    }
    expect((await viewer.get('runs/get', { run_id: id })).status).toBe(200)
    expect((await viewer.post('runs/search', { experiment_ids: ['0'] })).status).toBe(200)
    const refused = await viewer.post('runs/set-tag', { run_id: id, key: 'k', value: 'v' })
    expect(refused).toMatchObject({
      status: 403,
      body: { error_code: 'PERMISSION_DENIED', message: expect.any(String) },
    })
    // Elsewhere a password is none: a browser would send it by itself.
    const ours = await api.call('GET', `/runs/${id}`, { headers: { authorization: basic(`x:${api.tokens.viewer}`) } })
    expect(ours.status).toBe(401)
  })

  test('of a server that lets its own machine read may do that by POST too, and write nothing', async () => {
    const own = await testApi({ anonymousRead: 'loopback' })
    try {
      const writer = new MlflowCaller(own, own.tokens.operator)
      const { run } = await writer.ok(writer.post('runs/create', { experiment_id: '0' }))
      const nobody = new MlflowCaller(own, undefined)
      expect((await nobody.ok(nobody.post('runs/search', { experiment_ids: ['0'] }))).runs).toHaveLength(1)
      expect((await nobody.post('runs/set-tag', { run_id: run.info.run_id, key: 'k', value: 'v' })).status).toBe(401)
      const page = await nobody.send(
        'POST',
        '/api/2.0/mlflow/runs/search',
        { experiment_ids: ['0'] },
        { origin: 'http://evil.example' },
      )
      expect(page).toMatchObject({ status: 403, body: { error_code: 'PERMISSION_DENIED' } })
    } finally {
      await own.close()
    }
  })

  test('of a server that lets its own machine log need no token for that, and for nothing else', async () => {
    const own = await testApi({ anonymousMlflow: 'loopback' })
    try {
      const nobody = new MlflowCaller(own, undefined)
      const { run } = await nobody.ok(nobody.post('runs/create', { experiment_id: '0' }))
      await nobody.ok(nobody.post('runs/set-tag', { run_id: run.info.run_id, key: 'k', value: 'v' }))
      await nobody.ok(nobody.get('runs/get', { run_id: run.info.run_id }))
      const refused: Record<string, string>[] = [
        { 'x-forwarded-for': '10.0.0.1' },
        { authorization: 'Bearer swp_wrong' },
      ]
      for (const headers of refused) {
        const reply = await nobody.send('POST', '/api/2.0/mlflow/runs/create', { experiment_id: '0' }, headers)
        expect(reply.status).toBe(401)
      }
      expect((await own.call('POST', '/runs', { body: {} })).status).toBe(401)
      expect((await own.call('GET', `/runs/${run.info.run_id}`)).status).toBe(401)
    } finally {
      await own.close()
    }
  })

  test('hear what is not there in a form they understand, and are asked for no token by the probe', async () => {
    const probe = await new MlflowCaller(api, undefined).send('GET', '/api/3.0/mlflow/server-info')
    expect(probe).toMatchObject({ status: 200, body: { workspaces_enabled: false } })
    for (const path of ['/api/2.0/mlflow/traces', '/api/3.0/mlflow/traces', '/ajax-api/2.0/mlflow/nothing']) {
      const { status, body } = await user.send('POST', path, {})
      expect([status, body.error_code]).toEqual([404, 'ENDPOINT_NOT_FOUND'])
    }
    const broken = await fetch(`${api.api.url}/api/2.0/mlflow/runs/create`, {
      ...{
        method: 'POST',
        body: '{"a":',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${api.tokens.operator}` },
      },
    })
    expect([broken.status, await broken.json()]).toEqual([
      400,
      expect.objectContaining({ error_code: 'INVALID_PARAMETER_VALUE' }),
    ])
    for (const id of ['a'.repeat(32), 'x/../y', "'; drop table runs; --", '🦊']) {
      const { status, body } = await user.get('runs/get', { run_id: id })
      expect([status, body.error_code]).toEqual([404, 'RESOURCE_DOES_NOT_EXIST'])
    }
    expect((await user.send('GET', '/api/2.0/mlflow/runs/get')).status).toBe(400)
  })

  test('who send nonsense hear that it is, wherever they send it', { timeout: 180_000 }, async () => {
    const experiment = await user.newExperiment()
    const id = await user.newRun({ experiment_id: experiment })
    const posts = [
      ...[
        'create',
        'update',
        'delete',
        'restore',
        'log-parameter',
        'log-metric',
        'log-batch',
        'set-tag',
        'delete-tag',
      ].map((call) => `runs/${call}`),
      ...[
        'runs/log-inputs',
        'runs/outputs',
        'runs/log-model',
        'runs/search',
        'experiments/search',
        'experiments/create',
      ],
      ...[
        'experiments/update',
        'experiments/delete',
        'experiments/set-experiment-tag',
        'logged-models',
        'logged-models/search',
      ],
    ]
    const long = 'x'.repeat(10_000)
    const values = [
      null,
      [],
      'text',
      7,
      {},
      { run_id: {} },
      { run_id: [id] },
      { run_id: long },
      { experiment_id: long },
    ]
    const fields = [
      'key',
      'value',
      'metrics',
      'params',
      'tags',
      'name',
      'filter',
      'start_time',
      'status',
      'page_token',
      'timestamp',
    ]
    const odd = [-1e300, long, { a: [] }, [[]], '\u0000', '\ud800', "'; --", true]
    const more = fields.flatMap((field) =>
      odd.map((value) => ({ run_id: id, experiment_id: experiment, [field]: value })),
    )
    const seen = new Set<number>()
    for (const path of posts) {
      for (const body of [...values, ...more]) {
        const reply = await user.post(path, body as object)
        expect([path, JSON.stringify(body).slice(0, 100), reply.status]).toEqual([
          path,
          expect.any(String),
          expect.toSatisfy((code: number) => code < 500),
        ])
        if (reply.status !== 200) expect(reply.body.error_code).toMatch(/^[A-Z_]+$/)
        seen.add(reply.status)
      }
    }
    expect([...seen].sort()).toEqual([200, 400])
    for (const call of [
      'runs/get',
      'experiments/get',
      'experiments/get-by-name',
      'metrics/get-history',
      'artifacts/list',
    ]) {
      for (const value of [long, '\0', '🦊', '../..']) {
        const query = { run_id: value, experiment_id: value, experiment_name: value, metric_key: value, path: value }
        expect((await user.get(call, query)).status).toBeLessThan(500)
      }
    }
    const models = [
      'logged-models/%00',
      'logged-models/%F0%9F',
      'logged-models/m-1/artifacts/directories?artifact_directory_path=%00',
    ]
    for (const path of models) expect((await user.send('GET', `/api/2.0/mlflow/${path}`)).status).toBeLessThan(500)
    const filter = "source_run_id = '\0'"
    expect((await user.post('logged-models/search', { experiment_ids: [experiment], filter })).status).toBe(400)
  })

  test("of MLflow's page find the same under its own address", async () => {
    const id = await user.newRun()
    const page = new MlflowCaller(api, api.tokens.viewer, '/ajax-api/2.0/mlflow')
    expect((await page.ok(page.get('runs/get', { run_id: id }))).run.info.run_id).toBe(id)
  })
})
