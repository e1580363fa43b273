import { createClient } from '@sweep/client/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { MlflowCaller, startTrial } from '../testing/test-mlflow.ts'

let api: TestApi
let user: MlflowCaller
beforeAll(async () => {
  api = await testApi()
  user = new MlflowCaller(api, api.tokens.operator)
})
afterAll(() => api.close())

const registry = (caller: MlflowCaller, method: string, call: string, body: object) =>
  caller.send(method, `${caller.prefix}/${call}`, body)

/** A file that a run has uploaded, as MLflow's clients do. */
async function upload(caller: MlflowCaller, runId: string, path: string, text: string): Promise<string> {
  const { run } = await caller.ok(caller.get('runs/get', { run_id: runId, run_uuid: runId }))
  const place = run.info.artifact_uri.replace('mlflow-artifacts:/', '')
  const response = await fetch(`${api.api.url}/api/2.0/mlflow-artifacts/artifacts/${place}/${path}`, {
    ...{
      method: 'PUT',
      body: text,
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'text/plain' },
    },
  })
  if (response.status !== 200) throw new Error(await response.text())
  return run.info.artifact_uri
}

async function newRun(acc = 0.9): Promise<{ id: string; root: string }> {
  const { run } = await user.ok(user.post('runs/create', { experiment_id: '0', start_time: 1 }))
  const id = run.info.run_id
  await user.ok(user.post('runs/log-metric', { run_id: id, key: 'acc', value: acc, timestamp: 1, step: 1 }))
  const text = `artifact_path: model\nflavors: {sklearn: {}, python_function: {}}\n# ${id}\n`
  return { id, root: await upload(user, id, 'model/MLmodel', text) }
}

async function newModel(name: string, versions = 0): Promise<{ id: string; root: string }[]> {
  await user.ok(user.post('registered-models/create', { name }))
  const runs: { id: string; root: string }[] = []
  for (let n = 0; n < versions; n += 1) {
    const run = await newRun()
    runs.push(run)
    await user.ok(user.post('model-versions/create', { name, source: `${run.root}/model`, run_id: run.id }))
  }
  return runs
}
const version = async (name: string, number: string) =>
  (await user.ok(user.get('model-versions/get', { name, version: number }))).model_version

describe('registered models', () => {
  test('are made once per name, changed, found and deleted', async () => {
    const name = 'made "once" 🦊'
    const body = { name, description: 'd', tags: [{ key: 'team', value: 'vision' }] }
    const { registered_model: made } = await user.ok(user.post('registered-models/create', body))
    expect(made).toMatchObject({ name, description: 'd', tags: body.tags, latest_versions: [], aliases: [] })
    expect(await user.post('registered-models/create', body)).toMatchObject({
      ...{ status: 400, body: { error_code: 'RESOURCE_ALREADY_EXISTS' } },
    })
    expect(await user.get('registered-models/get', { name: 'nobody' })).toMatchObject({
      ...{ status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } },
    })
    await user.ok(user.post('registered-models/set-tag', { name, key: 'k', value: 'v' }))
    await user.ok(registry(user, 'DELETE', 'registered-models/delete-tag', { name, key: 'team' }))
    await user.ok(registry(user, 'PATCH', 'registered-models/update', { name, description: 'other' }))
    await user.ok(user.post('registered-models/rename', { name, new_name: 'renamed' }))
    const { registered_model: now } = await user.ok(user.get('registered-models/get', { name: 'renamed' }))
    expect(now).toMatchObject({ name: 'renamed', description: 'other', tags: [{ key: 'k', value: 'v' }] })
    await user.ok(registry(user, 'DELETE', 'registered-models/delete', { name: 'renamed' }))
    expect((await user.get('registered-models/get', { name: 'renamed' })).status).toBe(404)
    for (const wrong of ['', 'a/b', 'a:b']) {
      expect(await user.post('registered-models/create', { name: wrong })).toMatchObject({
        ...{ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } },
      })
    }
  })

  test('are searched by name and tags, in pages', async () => {
    for (const name of ['s-one', 's-two', 's-three']) await newModel(name)
    await user.ok(user.post('registered-models/set-tag', { name: 's-two', key: 'a.b', value: 'x' }))
    const search = async (query: Record<string, string>) => {
      const reply = await user.ok(user.get('registered-models/search', query))
      return { names: reply.registered_models.map(({ name }: { name: string }) => name), token: reply.next_page_token }
    }
    const mine = { filter: "name LIKE 's-%'" }
    expect((await search(mine)).names).toEqual(['s-one', 's-three', 's-two'])
    expect((await search({ ...mine, order_by: 'name DESC' })).names).toEqual(['s-two', 's-three', 's-one'])
    expect((await search({ filter: "tags.`a.b` = 'x'" })).names).toEqual(['s-two'])
    // Which MLflow's clients add to every search, so that they see no prompts.
    const prompts = "name LIKE 's-o%' AND tags.`mlflow.prompt.is_prompt` != 'true'"
    expect((await search({ filter: prompts })).names).toEqual(['s-one'])
    const first = await search({ ...mine, max_results: '2' })
    expect(first.names).toEqual(['s-one', 's-three'])
    expect(await search({ ...mine, max_results: '2', page_token: first.token })).toEqual({
      names: ['s-two'],
      token: undefined,
    })
    for (const wrong of [
      { filter: 'name ~ 1' },
      { filter: "owner = 'x'" },
      { order_by: 'tags' },
      { max_results: '0' },
    ]) {
      expect(await user.get('registered-models/search', wrong as never)).toMatchObject({ status: 400 })
    }
  })
})

describe('versions', () => {
  test('are made of runs, logged models, other versions and places elsewhere', async () => {
    await newModel('sources')
    const run = await newRun()
    const create = (body: object) => user.post('model-versions/create', { name: 'sources', ...body })
    const { model_version: one } = await user.ok(
      create({ source: `${run.root}/model`, run_id: run.id, description: 'd' }),
    )
    expect(one).toMatchObject({
      ...{ name: 'sources', version: '1', current_stage: 'None', status: 'READY', run_id: run.id, description: 'd' },
      ...{ source: `${run.root}/model`, creation_timestamp: expect.any(Number), tags: [], aliases: [] },
    })
    // What is registered again is a new version to MLflow.
    expect((await user.ok(create({ source: `runs:/${run.id}/model`, run_id: run.id }))).model_version.version).toBe('2')
    const logged = await user.ok(user.post('logged-models', { experiment_id: '0', source_run_id: run.id, name: 'm' }))
    const id = logged.model.info.model_id
    await upload(user, run.id, `models/${id}/MLmodel`, 'flavors: {xgboost: {}}')
    const three = (await user.ok(create({ source: `models:/${id}`, run_id: run.id, model_id: id }))).model_version
    expect(three).toMatchObject({ version: '3', source: `models:/${id}` })
    const uri = async (number: string) =>
      (await user.ok(user.get('model-versions/get-download-uri', { name: 'sources', version: number }))).artifact_uri
    expect([await uri('1'), await uri('2'), await uri('3')]).toEqual([
      ...[`${run.root}/model`, `${run.root}/model`, `${run.root}/models/${id}`],
    ])
    // A copy has the files of the version, not those that the run has by now.
    await upload(user, run.id, 'model/MLmodel', 'flavors: {other: {}}')
    expect((await user.ok(create({ source: 'models:/sources/1' }))).model_version).toMatchObject({
      version: '4',
      run_id: run.id,
    })
    const client = createClient({ url: api.api.url, token: api.tokens.operator })
    expect(await client.models.files('sources', '4')).toEqual(await client.models.files('sources', '1'))
    expect(await client.models.version('sources', '4')).toMatchObject({ framework: 'sklearn' })
    expect(await client.models.version('sources', '3')).toMatchObject({ framework: 'xgboost' })
    const away = (await user.ok(create({ source: 's3://bucket/model' }))).model_version
    expect(away).toMatchObject({ version: '5', run_id: '', source: 's3://bucket/model' })
    expect(await uri('5')).toBe('s3://bucket/model')
    for (const source of [
      `${run.root}/nothing`,
      'runs:/0000000000/model',
      'models:/sources/99',
      'models:/m-0000000000',
    ]) {
      expect(await create({ source }), source).toMatchObject({ status: 404 })
    }
    expect(await create({ source: `${run.root}/../../x/model` })).toMatchObject({ status: 400 })
    expect(await create({ name: 'no-such', source: `${run.root}/model` })).toMatchObject({ status: 404 })
  })

  test('are tagged, named by aliases, searched and deleted', async () => {
    const [first] = await newModel('versions', 3)
    await user.ok(user.post('model-versions/set-tag', { name: 'versions', version: '2', key: 'k', value: 'v' }))
    await user.ok(
      registry(user, 'PATCH', 'model-versions/update', { name: 'versions', version: '2', description: 'd' }),
    )
    await user.ok(user.post('registered-models/alias', { name: 'versions', alias: 'champion', version: '2' }))
    const two = await version('versions', '2')
    expect(two).toMatchObject({ tags: [{ key: 'k', value: 'v' }], description: 'd', aliases: ['champion'] })
    const alias = (name: string) => user.get('registered-models/alias', { name: 'versions', alias: name })
    expect((await user.ok(alias('champion'))).model_version).toEqual(two)
    expect(await alias('nobody')).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    const { registered_model: model } = await user.ok(user.get('registered-models/get', { name: 'versions' }))
    expect(model).toMatchObject({ aliases: [{ alias: 'champion', version: '2' }], latest_versions: [{ version: '3' }] })
    await user.ok(registry(user, 'DELETE', 'registered-models/alias', { name: 'versions', alias: 'champion' }))
    expect((await alias('champion')).status).toBe(400)
    await user.ok(registry(user, 'DELETE', 'model-versions/delete-tag', { name: 'versions', version: '2', key: 'k' }))
    expect(await version('versions', '2')).toMatchObject({ tags: [] })
    const search = async (query: Record<string, string>) =>
      (await user.ok(user.get('model-versions/search', query))).model_versions.map(
        (one: { version: string }) => one.version,
      )
    expect((await search({ filter: "name = 'versions'", order_by: 'version_number ASC' })).join()).toBe('1,2,3')
    // The one that was changed last comes first.
    expect((await search({ filter: "name='versions'" }))[0]).toBe('2')
    expect(await search({ filter: `run_id = '${first?.id}'` })).toEqual(['1'])
    expect(await search({ filter: `run_id IN ('${first?.id}') and name = 'versions'` })).toEqual(['1'])
    expect(
      await search({ filter: "name = 'versions' and version_number > 1", order_by: 'version_number DESC' }),
    ).toEqual(['3', '2'])
    await user.ok(registry(user, 'DELETE', 'model-versions/delete', { name: 'versions', version: '3' }))
    expect(await user.get('model-versions/get', { name: 'versions', version: '3' })).toMatchObject({ status: 404 })
    for (const wrong of ['0', '-1', 'x', '99999999999']) {
      expect(await user.get('model-versions/get', { name: 'versions', version: wrong })).toMatchObject({ status: 400 })
    }
  })

  test('go from stage to stage, and past no gate', async () => {
    await newModel('stages', 3)
    const move = (number: string, stage: string, archive = false) =>
      user.post('model-versions/transition-stage', {
        ...{ name: 'stages', version: number, stage, archive_existing_versions: archive },
      })
    expect((await user.ok(move('1', 'Production'))).model_version).toMatchObject({ current_stage: 'Production' })
    await user.ok(move('2', 'production', true))
    expect(await version('stages', '1')).toMatchObject({ current_stage: 'Archived' })
    await user.ok(move('1', 'Staging'))
    await user.ok(move('3', 'Staging', true))
    const latest = async (body: object) =>
      (
        await user.ok(user.post('registered-models/get-latest-versions', { name: 'stages', ...body }))
      ).model_versions.map((one: { version: string; current_stage: string }) => `${one.version} ${one.current_stage}`)
    expect(await latest({})).toEqual(['3 Staging', '2 Production', '1 Archived'])
    expect(await latest({ stages: ['Production'] })).toEqual(['2 Production'])
    const query = { name: 'stages', stages: 'Staging' }
    expect((await user.ok(user.get('registered-models/get-latest-versions', query))).model_versions).toHaveLength(1)
    const client = createClient({ url: api.api.url, token: api.tokens.operator })
    await client.models.addGate('stages', { stage: 'production', gate: { kind: 'metric', metric: 'acc', min: 0.99 } })
    expect(await move('3', 'Production', true)).toMatchObject({
      status: 400,
      body: {
        error_code: 'INVALID_PARAMETER_VALUE',
        message: expect.stringContaining('acc is 0.9, and must be >= 0.99'),
      },
    })
    expect(await latest({})).toEqual(['3 Staging', '2 Production', '1 Archived'])
    for (const [stage, archive] of [
      ['Live', false],
      ['Archived', true],
    ] as const) {
      expect(await move('3', stage, archive)).toMatchObject({ status: 400 })
    }
    expect(await registry(user, 'DELETE', 'registered-models/delete', { name: 'stages' })).toMatchObject({
      status: 400,
    })
  })
})

test("a trial's program registers what it has made, and sees and changes no other models", async () => {
  const [other] = await newModel('shared', 1)
  const trial = await startTrial(
    api,
    'name: t\nmethod: random\nmetric: {name: loss, goal: minimize}\nparameters: {x: {min: 0.0, max: 1.0}}\ncommand: [x]\n',
  )
  const program = new MlflowCaller(api, trial.assignment.token)
  // What mlflow.register_model sends.
  const root = await upload(program, trial.runId, 'model/MLmodel', 'flavors: {}')
  expect((await program.post('registered-models/create', { name: 'shared' })).body.error_code).toBe(
    'RESOURCE_ALREADY_EXISTS',
  )
  const body = { name: 'shared', source: `${root}/model`, run_id: trial.runId }
  expect((await program.ok(program.post('model-versions/create', body))).model_version).toMatchObject({ version: '2' })
  expect(
    (await program.ok(program.get('model-versions/get', { name: 'shared', version: '2' }))).model_version.status,
  ).toBe('READY')
  await program.ok(program.post('model-versions/set-tag', { name: 'shared', version: '2', key: 'k', value: 'v' }))
  await user.ok(user.post('model-versions/transition-stage', { name: 'shared', version: '1', stage: 'Staging' }))
  const { registered_model: seen } = await program.ok(program.get('registered-models/get', { name: 'shared' }))
  expect(seen.latest_versions.map((one: { version: string }) => one.version)).toEqual(['2'])
  const refused = await Promise.all([
    program.get('model-versions/get', { name: 'shared', version: '1' }),
    program.get('model-versions/get-download-uri', { name: 'shared', version: '1' }),
    program.post('model-versions/create', { ...body, source: `${other?.root}/model` }),
    program.post('model-versions/create', { ...body, source: 'models:/shared/1' }),
    program.post('model-versions/create', { name: 'shared', source: 's3://x' }),
    program.post('model-versions/transition-stage', { name: 'shared', version: '2', stage: 'Production' }),
    program.post('registered-models/alias', { name: 'shared', alias: 'champion', version: '2' }),
    program.post('registered-models/set-tag', { name: 'shared', key: 'a', value: 'b' }),
    program.get('model-versions/search', { filter: "name = 'shared'" }),
    program.get('registered-models/search', {}),
    registry(program, 'DELETE', 'model-versions/delete', { name: 'shared', version: '2' }),
    registry(program, 'DELETE', 'registered-models/delete', { name: 'shared' }),
  ])
  expect(refused.map(({ status, body: { error_code: code } }) => [status, code])).toEqual(
    refused.map(() => [403, 'PERMISSION_DENIED']),
  )
})
