import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { MlflowCaller } from '../testing/test-mlflow.ts'

let api: TestApi
let user: MlflowCaller
beforeAll(async () => {
  api = await testApi()
  user = new MlflowCaller(api, api.tokens.operator)
})
afterAll(() => api.close())

const run = async (id: string) => (await user.ok(user.get('runs/get', { run_id: id, run_uuid: id }))).run
const history = async (id: string, key: string) =>
  (await user.ok(user.get('metrics/get-history', { run_id: id, metric_key: key }))).metrics
const at = 1_700_000_000_000

describe('experiments', () => {
  test('are made once per name, found by name and by id, and shown with their tags', async () => {
    const name = `vision "x" 🦊 ${'long '.repeat(20)}`
    const missing = await user.get('experiments/get-by-name', { experiment_name: name })
    expect(missing).toMatchObject({ status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } })
    const body = { name, artifact_location: '', tags: [{ key: 'team', value: 'vision' }] }
    const { experiment_id: id } = await user.ok(user.post('experiments/create', body))
    const again = await user.post('experiments/create', body)
    expect(again).toMatchObject({ status: 400, body: { error_code: 'RESOURCE_ALREADY_EXISTS' } })
    const { experiment } = await user.ok(user.get('experiments/get-by-name', { experiment_name: name }))
    expect(experiment).toMatchObject({
      ...{ experiment_id: id, name, lifecycle_stage: 'active', artifact_location: `mlflow-artifacts:/${id}` },
      ...{ tags: [{ key: 'team', value: 'vision' }], creation_time: expect.any(Number) },
    })
    expect(await user.ok(user.get('experiments/get', { experiment_id: id }))).toEqual({ experiment })
    await user.ok(user.post('experiments/set-experiment-tag', { experiment_id: id, key: 'a', value: 'b' }))
    await user.ok(user.post('experiments/update', { experiment_id: id, new_name: `${name}2` }))
    const renamed = (await user.ok(user.get('experiments/get', { experiment_id: id }))).experiment
    expect(renamed).toMatchObject({ name: `${name}2`, tags: expect.arrayContaining([{ key: 'a', value: 'b' }]) })
  })

  test('are deleted by archiving, and take no runs until they are restored', async () => {
    const id = await user.newExperiment()
    await user.ok(user.post('experiments/delete', { experiment_id: id }))
    const { experiment } = await user.ok(user.get('experiments/get', { experiment_id: id }))
    expect(experiment.lifecycle_stage).toBe('deleted')
    const refused = await user.post('runs/create', { experiment_id: id, start_time: at })
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    await user.ok(user.post('experiments/restore', { experiment_id: id }))
    await user.ok(user.post('runs/create', { experiment_id: id, start_time: at }))
  })

  test('number 0 is made by the first who logs without naming one, and not by a reader', async () => {
    const own = await testApi()
    try {
      const reader = new MlflowCaller(own, own.tokens.viewer)
      expect((await reader.get('experiments/get', { experiment_id: '0' })).status).toBe(404)
      const writer = new MlflowCaller(own, own.tokens.operator)
      const { run } = await writer.ok(writer.post('runs/create', { experiment_id: '0', start_time: `${at}` }))
      const { experiment } = await reader.ok(reader.get('experiments/get', { experiment_id: '0' }))
      expect(experiment).toMatchObject({ experiment_id: run.info.experiment_id, name: 'Default' })
    } finally {
      await own.close()
    }
  })

  test('are searched by name and tags, page by page, deleted ones only when asked for', async () => {
    const prefix = 'searched'
    const ids: string[] = []
    for (const n of [1, 2, 3]) {
      const tags = [{ key: 'n', value: `${n}` }]
      ids.push((await user.ok(user.post('experiments/create', { name: `${prefix} ${n}%_`, tags }))).experiment_id)
    }
    const search = (body: object) => user.ok(user.post('experiments/search', { max_results: 1000, ...body }))
    const idsOf = (found: { experiments: { experiment_id: string }[] }) =>
      found.experiments.map((one) => one.experiment_id)
    expect(idsOf(await search({ filter: `name LIKE '${prefix}%'` }))).toEqual([...ids].reverse())
    expect(idsOf(await search({ filter: `name ILIKE '${prefix.toUpperCase()} _%' and tags.n != '2'` }))).toEqual([
      ids[2],
      ids[0],
    ])
    const first = await search({ filter: `name LIKE '${prefix}%'`, max_results: 2 })
    expect(idsOf(first)).toEqual([ids[2], ids[1]])
    const second = await search({
      filter: `name LIKE '${prefix}%'`,
      max_results: '2',
      page_token: first.next_page_token,
    })
    expect(second).toMatchObject({ experiments: [{ experiment_id: ids[0] }] })
    expect(second.next_page_token).toBeUndefined()
    await user.ok(user.post('experiments/delete', { experiment_id: ids[0] }))
    expect(idsOf(await search({ filter: `name LIKE '${prefix}%'`, view_type: 'DELETED_ONLY' }))).toEqual([ids[0]])
    expect(idsOf(await search({ filter: `name LIKE '${prefix}%'`, view_type: 3 }))).toHaveLength(3)
    const listed = await user.ok(user.get('experiments/search', { max_results: '1000', view_type: 'ACTIVE_ONLY' }))
    expect(idsOf(listed)).not.toContain(ids[0])
    for (const wrong of [
      { filter: 'metrics.x > 1' },
      { order_by: ['name ASC'] },
      { max_results: 0 },
      { filter: "name = 'x" },
    ]) {
      const reply = await user.post('experiments/search', wrong)
      expect(reply).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    }
  })
})

describe('runs', () => {
  test('are made with name, tags and time, and end with the status they are given', async () => {
    const id = await user.newRun({
      run_name: 'first',
      tags: [
        { key: 'mlflow.user', value: 'ann' },
        { key: 'k', value: '' },
      ],
    })
    expect(await run(id)).toMatchObject({
      info: {
        ...{ run_id: id, run_uuid: id, run_name: 'first', status: 'RUNNING', start_time: 1_700_000_000_123 },
        ...{
          lifecycle_stage: 'active',
          user_id: 'ann',
          artifact_uri: expect.stringMatching(/^mlflow-artifacts:\/.*\/artifacts$/),
        },
      },
      data: {
        metrics: [],
        params: [],
        tags: expect.arrayContaining([
          { key: 'mlflow.runName', value: 'first' },
          { key: 'k', value: '' },
        ]),
      },
      inputs: { dataset_inputs: [] },
    })
    const update = { run_id: id, run_uuid: id, status: 'FINISHED', end_time: `${at + 999_000}`, run_name: 'renamed' }
    const { run_info: info } = await user.ok(user.post('runs/update', update))
    expect(info).toMatchObject({ status: 'FINISHED', end_time: at + 999_000, run_name: 'renamed' })
    expect((await user.ok(user.post('runs/update', { ...update, status: 'FAILED' }))).run_info.status).toBe('FAILED')
    expect((await user.ok(user.post('runs/update', { run_id: id, status: 'RUNNING' }))).run_info).toMatchObject({
      status: 'RUNNING',
    })
  })

  test('have parents by the tag, and are found by it', async () => {
    const parent = await user.newRun()
    const child = await user.newRun({ tags: [{ key: 'mlflow.parentRunId', value: parent }] })
    const ours = await api.call('GET', `/runs/${child}`, { token: api.tokens.viewer })
    expect(ours.body).toMatchObject({ parentRunId: parent })
    const filter = `tags.mlflow.parentRunId = '${parent}'`
    const found = await user.ok(user.post('runs/search', { experiment_ids: ['0'], filter }))
    expect(found.runs.map((one: { info: { run_id: string } }) => one.info.run_id)).toEqual([child])
    const orphan = await user.post('runs/create', {
      experiment_id: '0',
      tags: [{ key: 'mlflow.parentRunId', value: 'a'.repeat(32) }],
    })
    expect(orphan).toMatchObject({ status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } })
  })

  test('have params that are texts and never change', async () => {
    const id = await user.newRun()
    const log = (key: string, value: unknown) => user.post('runs/log-parameter', { run_id: id, key, value })
    await user.ok(log('lr', '1e-05'))
    await user.ok(log('lr', '1e-05'))
    await user.ok(log('deep.nested "🦊"', ''))
    expect(await log('lr', '0.1')).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    expect((await run(id)).data.params).toEqual(
      expect.arrayContaining([
        { key: 'lr', value: '1e-05' },
        { key: 'deep.nested "🦊"', value: '' },
      ]),
    )
    for (const [key, value] of [
      ['x'.repeat(251), 'v'],
      ['', 'v'],
      ['v', 'v'.repeat(65_537)],
      ['n', 1],
      ['__proto__', 'v'],
    ] as const) {
      expect((await log(key, value)).status).toBeGreaterThanOrEqual(400)
    }
    expect((await run(id)).data.params).toHaveLength(2)
  })

  test('have tags that are set and taken away', async () => {
    const id = await user.newRun()
    await user.ok(user.post('runs/set-tag', { run_id: id, key: 'a', value: 'x'.repeat(8000) }))
    await user.ok(user.post('runs/set-tag', { run_id: id, key: 'mlflow.runName', value: 'named' }))
    await user.ok(user.post('runs/delete-tag', { run_id: id, key: 'a' }))
    const { info, data } = await run(id)
    expect([info.run_name, data.tags.map((tag: { key: string }) => tag.key)]).toEqual(['named', ['mlflow.runName']])
    expect((await user.post('runs/set-tag', { run_id: id, key: 'a', value: 'x'.repeat(8001) })).status).toBe(400)
  })

  test('that are deleted are hidden until they are restored, and take nothing meanwhile', async () => {
    const experiment = await user.newExperiment()
    const id = await user.newRun({ experiment_id: experiment })
    await user.ok(user.post('runs/delete', { run_id: id }))
    expect((await run(id)).info.lifecycle_stage).toBe('deleted')
    const found = async (view: unknown) =>
      (await user.ok(user.post('runs/search', { experiment_ids: [experiment], run_view_type: view }))).runs.length
    expect(await Promise.all(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL', 1, 2].map(found))).toEqual([0, 1, 1, 0, 1])
    const refused = await user.post('runs/log-metric', { run_id: id, key: 'm', value: 1, timestamp: at, step: 0 })
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    await user.ok(user.post('runs/restore', { run_id: id }))
    await user.ok(user.post('runs/log-metric', { run_id: id, key: 'm', value: 1, timestamp: at, step: 0 }))
  })

  test('keep the data sets and models that autologging notes of them, once', async () => {
    const id = await user.newRun()
    const dataset = {
      dataset: { name: 'iris', digest: 'abc', source_type: 'local', source: '{}' },
      tags: [{ key: 'mlflow.data.context', value: 'train' }],
    }
    for (let n = 0; n < 2; n += 1) await user.ok(user.post('runs/log-inputs', { run_id: id, datasets: [dataset] }))
    await user.ok(user.post('runs/outputs', { run_id: id, models: [{ model_id: 'm-1', step: 3 }] }))
    await user.ok(user.post('runs/log-model', { run_id: id, model_json: '{"artifact_path":"model"}' }))
    const found = await run(id)
    expect(found).toMatchObject({
      inputs: { dataset_inputs: [dataset] },
      outputs: { model_outputs: [{ model_id: 'm-1', step: 3 }] },
    })
    expect(found.data.tags).toContainEqual({ key: 'mlflow.log-model.history', value: '[{"artifact_path":"model"}]' })
    expect((await user.post('runs/log-model', { run_id: id, model_json: '{' })).status).toBe(400)
  })
})

describe('metrics', () => {
  test('come with steps and times, as numbers or texts, and NaN and infinities as texts', async () => {
    const id = await user.newRun()
    const log = (key: string, value: unknown, step: unknown, timestamp: unknown) =>
      user.ok(user.post('runs/log-metric', { run_id: id, key, value, step, timestamp }))
    await log('loss', 0.5, 0, at)
    await log('loss', 'NaN', '1', `${at + 1}`)
    await log('loss', 'Infinity', 2, at + 2)
    await log('loss', '-Infinity', 3, at + 3)
    await log('loss', 1e308, -4, at + 4)
    await log('loss', '1.5e-3', 5, at + 5)
    expect(await history(id, 'loss')).toEqual([
      { key: 'loss', value: 1e308, step: -4, timestamp: at + 4 },
      { key: 'loss', value: 0.5, step: 0, timestamp: at },
      { key: 'loss', value: 'NaN', step: 1, timestamp: at + 1 },
      { key: 'loss', value: 'Infinity', step: 2, timestamp: at + 2 },
      { key: 'loss', value: '-Infinity', step: 3, timestamp: at + 3 },
      { key: 'loss', value: 0.0015, step: 5, timestamp: at + 5 },
    ])
    expect((await run(id)).data.metrics).toEqual([{ key: 'loss', value: 0.0015, step: 5, timestamp: at + 5 }])
    expect(await history(id, 'nobody knows')).toEqual([])
  })

  test('of a request that comes again are there once, and the same value later is another', async () => {
    const id = await user.newRun()
    const batch = { run_id: id, metrics: [1, 2, 2].map((value) => ({ key: 'm', value, step: value, timestamp: at })) }
    // A client that heard nothing repeats itself, and the first may still be under way.
    await Promise.all(Array.from({ length: 8 }, () => user.ok(user.post('runs/log-batch', batch))))
    await user.ok(user.post('runs/log-batch', batch))
    await user.ok(user.post('runs/log-metric', { run_id: id, key: 'm', value: 2, step: 2, timestamp: at + 1 }))
    expect((await history(id, 'm')).map((one: { value: number }) => one.value)).toEqual([1, 2, 2])
  })

  test('of 32 writers at once are all there', async () => {
    const id = await user.newRun()
    const writer = async (n: number) => {
      for (let step = 0; step < 20; step += 1) {
        await user.ok(user.post('runs/log-metric', { run_id: id, key: `m${n % 4}`, value: n, step, timestamp: at + n }))
      }
    }
    await Promise.all(Array.from({ length: 32 }, (_, n) => writer(n)))
    const counts = await Promise.all([0, 1, 2, 3].map(async (n) => (await history(id, `m${n}`)).length))
    expect(counts).toEqual([160, 160, 160, 160])
  })

  test('have histories page by page', async () => {
    const id = await user.newRun()
    const metrics = Array.from({ length: 25 }, (_, step) => ({ key: 'm', value: step, step, timestamp: at + step }))
    await user.ok(user.post('runs/log-batch', { run_id: id, metrics }))
    const steps: number[] = []
    for (let token = ''; ; ) {
      const page = await user.ok(
        user.get('metrics/get-history', { run_id: id, metric_key: 'm', max_results: '10', page_token: token }),
      )
      steps.push(...page.metrics.map((one: { step: number }) => one.step))
      if (page.next_page_token === undefined) break
      token = page.next_page_token
    }
    expect(steps).toEqual(metrics.map(({ step }) => step))
  })

  test('are refused whole where one of a batch is wrong, or the batch is larger than MLflow allows', async () => {
    const id = await user.newRun()
    const metric = { key: 'm', value: 1, step: 1, timestamp: at }
    const many = (count: number, item: object) => Array.from({ length: count }, () => item)
    const param = (n: number) => ({ key: `p${n}`, value: 'v' })
    const params = (count: number) => Array.from({ length: count }, (_, n) => param(n))
    const wrong = [
      { metrics: many(1001, metric) },
      { params: params(101) },
      { tags: many(101, { key: 'k', value: 'v' }) },
      { metrics: many(950, metric), params: params(51) },
      { metrics: [metric, { ...metric, value: 'many' }] },
      { metrics: [metric, { ...metric, value: null }] },
      { metrics: [{ ...metric, step: 1.5 }] },
      { metrics: [{ ...metric, timestamp: '9223372036854775807' }] },
      { metrics: [{ ...metric, key: '../up' }] },
      { metrics: [{ ...metric, key: 'k'.repeat(10_000) }] },
      { metrics: 'none' },
      { params: [param(1), { key: 'p1', value: 'another' }] },
    ]
    for (const body of wrong) {
      const reply = await user.post('runs/log-batch', { run_id: id, ...body })
      expect([reply.status, reply.body.error_code, body]).toEqual([400, 'INVALID_PARAMETER_VALUE', body])
    }
    expect((await run(id)).data).toMatchObject({ metrics: [], params: [] })
    const all = { metrics: many(850, metric), params: params(100), tags: many(50, { key: 'k', value: 'v' }) }
    await user.ok(user.post('runs/log-batch', { run_id: id, ...all }))
    await user.ok(user.post('runs/log-batch', { run_id: id }))
    expect((await run(id)).data.params).toHaveLength(100)
  })
})

describe('searches', () => {
  test("take MLflow's filters and orders, page by page, over several experiments", async () => {
    const [a, b] = [await user.newExperiment(), await user.newExperiment()]
    const ids: string[] = []
    for (const [n, experiment] of [a, a, b, b].entries()) {
      const id = await user.newRun({ experiment_id: experiment, run_name: `run ${n}`, start_time: at + n })
      const params = [
        { key: 'lr', value: `${n / 10}` },
        { key: 'optimizer', value: n % 2 === 0 ? 'adam' : 'sgd' },
      ]
      const metrics = [{ key: 'val/loss', value: n === 3 ? 'NaN' : 1 - n / 10, step: n, timestamp: at + n }]
      await user.ok(user.post('runs/log-batch', { run_id: id, params, metrics, tags: [{ key: 'x y', value: `${n}` }] }))
      ids.push(id)
    }
    const search = async (body: object) => {
      const found = await user.ok(user.post('runs/search', { experiment_ids: [a, b], max_results: 1000, ...body }))
      return found.runs.map((one: { info: { run_id: string } }) => ids.indexOf(one.info.run_id))
    }
    expect(await search({ filter: '' })).toEqual([3, 2, 1, 0])
    expect(await search({ filter: 'metrics.`val/loss` < 0.95 and params.optimizer = "adam"' })).toEqual([2])
    expect(await search({ filter: 'metrics."val/loss" < 0.95', order_by: ['metrics.`val/loss` ASC'] })).toEqual([2, 1])
    expect(await search({ order_by: ['params.lr DESC'] })).toEqual([3, 2, 1, 0])
    expect(await search({ filter: "params.lr = '0.1'" })).toEqual([1])
    expect(
      await search({ filter: `attributes.start_time >= ${at + 2}`, order_by: ['attributes.start_time ASC'] }),
    ).toEqual([2, 3])
    expect(
      await search({ filter: "attributes.status = 'RUNNING' and run_name LIKE 'run %' and tags.`x y` != '0'" }),
    ).toEqual([3, 2, 1])
    expect(await search({ filter: `attributes.run_id IN ('${ids[0]}', '${ids[3]}')` })).toEqual([3, 0])
    expect(await search({ experiment_ids: [b] })).toEqual([3, 2])
    expect(await search({ experiment_ids: [] })).toEqual([])
    const first = await user.ok(user.post('runs/search', { experiment_ids: [a, b], max_results: '3' }))
    const second = await user.ok(
      user.post('runs/search', { experiment_ids: [a, b], max_results: 3, page_token: first.next_page_token }),
    )
    expect([first.runs.length, second.runs.length, second.next_page_token]).toEqual([3, 1, undefined])
    expect(first.runs[0].data.metrics).toEqual([{ key: 'val/loss', value: 'NaN', step: 3, timestamp: at + 3 }])
    expect(first.runs[0].data.params).toContainEqual({ key: 'lr', value: '0.3' })
  })

  test('with an injection or nonsense in them are refused, and change nothing', async () => {
    const experiment = await user.newExperiment()
    await user.newRun({ experiment_id: experiment })
    const filters = [
      "params.x = 'y'; drop table runs",
      "tags.x = '' or 1 = 1",
      '('.repeat(200),
      'x',
      'metrics.a <> b',
      "params.x = 'a' --",
    ]
    for (const filter of filters) {
      const reply = await user.post('runs/search', { experiment_ids: [experiment], filter })
      expect([reply.status, reply.body.error_code, filter]).toEqual([400, 'INVALID_PARAMETER_VALUE', filter])
    }
    for (const body of [
      { order_by: ['nothing'] },
      { max_results: 50_001 },
      { page_token: 'x' },
      { run_view_type: 'SOME' },
    ]) {
      expect((await user.post('runs/search', { experiment_ids: [experiment], ...body })).status).toBe(400)
    }
    const quoted = "tags.x = ''' or true; drop table runs; --'"
    expect((await user.post('runs/search', { experiment_ids: [experiment], filter: quoted })).status).toBeLessThan(500)
    expect((await user.ok(user.post('runs/search', { experiment_ids: [experiment] }))).runs).toHaveLength(1)
    const unknown = await user.post('runs/search', { experiment_ids: ['zzzzzzzzzz'] })
    expect(unknown).toMatchObject({ status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } })
  })
})
