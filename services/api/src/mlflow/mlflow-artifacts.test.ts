import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SWEEP_YAML, type TestApi, testApi } from '../testing/test-api.ts'
import { MlflowCaller, startTrial } from '../testing/test-mlflow.ts'

let api: TestApi
let user: MlflowCaller
beforeAll(async () => {
  api = await testApi()
  user = new MlflowCaller(api, api.tokens.operator)
})
afterAll(() => api.close())

interface Place {
  readonly run: string
  readonly root: string
}

async function newRun(): Promise<Place> {
  const { run } = await user.ok(user.post('runs/create', { experiment_id: '0' }))
  return { run: run.info.run_id, root: run.info.artifact_uri.replace('mlflow-artifacts:/', '') }
}

const BASE = '/api/2.0/mlflow-artifacts'
const encoded = (path: string) => path.split('/').map(encodeURIComponent).join('/')

async function put(place: Place, path: string, bytes: Buffer, token = user.token, type = 'text/plain') {
  const response = await fetch(`${api.api.url}${BASE}/artifacts/${place.root}/${encoded(path)}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body: new Uint8Array(bytes),
  })
  return { status: response.status, body: await response.json() }
}

async function get(place: Place, path: string, token = user.token) {
  const url = `${api.api.url}${BASE}/artifacts/${place.root}/${encoded(path)}`
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
}

const proxied = async (path: string) =>
  (await user.ok(user.send('GET', `${BASE}/artifacts?${new URLSearchParams({ path })}`))).files
const listed = async (run: string, path?: string) =>
  (await user.ok(user.get('artifacts/list', { run_id: run, ...(path === undefined ? {} : { path }) }))).files

/** A request whose path is sent as it stands; fetch would take `..` away. */
function raw(method: string, path: string, body?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${api.api.url}/`,
      { method, path, headers: { authorization: `Bearer ${user.token}` } },
      (response) => {
        let text = ''
        response.on('data', (chunk) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('artifacts', () => {
  test('come back as they went, whatever their name and type, and are listed folder by folder', async () => {
    const place = await newRun()
    const files = ['a.txt', 'a/b.bin', 'a/c/d.json', 'a-b', 'model/MLmodel', 'emoji 🦊 "q" %41 + #?.txt', 'empty']
    for (const path of files) {
      const bytes = path === 'empty' ? Buffer.alloc(0) : Buffer.from(`bytes of ${path}`)
      expect(
        await put(
          place,
          path,
          bytes,
          user.token,
          path.endsWith('.json') ? 'application/json' : 'application/x-odd; a="b"',
        ),
      ).toEqual({ status: 200, body: {} })
      expect(await get(place, path)).toEqual({ status: 200, bytes })
    }
    const root = await listed(place.run)
    expect(root.map((file: { path: string; is_dir: boolean }) => [file.path, file.is_dir])).toEqual([
      ['a-b', false],
      ['a.txt', false],
      ['a', true],
      ['emoji 🦊 "q" %41 + #?.txt', false],
      ['empty', false],
      ['model', true],
    ])
    expect(await listed(place.run, 'a')).toEqual([
      { path: 'a/b.bin', is_dir: false, file_size: 16 },
      { path: 'a/c', is_dir: true },
    ])
    expect(await listed(place.run, 'a/b.bin')).toEqual([])
    // The proxy names what it lists from the folder on.
    expect(await proxied(`${place.root}/a`)).toEqual([
      { path: 'b.bin', is_dir: false, file_size: 16 },
      { path: 'c', is_dir: true },
    ])
    expect(await proxied(place.root)).toHaveLength(6)
    expect((await get(place, 'a')).status).toBe(404)
    const ours = await api.call('GET', `/runs/${place.run}/artifacts`, { token: api.tokens.viewer })
    expect((ours.body as { artifacts: unknown[] }).artifacts).toHaveLength(7)
  })

  test('of folders with thousands of files are listed without reading them all', async () => {
    const place = await newRun()
    const { body } = await put(place, 'first', Buffer.from('x'))
    expect(body).toEqual({})
    await api.database.query(
      `insert into artifacts (run_key, path, size_bytes, sha256, location)
       select f.run_key, folder || '/' || n, f.size_bytes, f.sha256, f.location
         from artifacts f join runs r on r.key = f.run_key, unnest(array['big', 'bigger']) folder, generate_series(1, 2500) n
        where r.id = $1`,
      [place.run],
    )
    await put(place, 'big0', Buffer.from('x'))
    expect((await listed(place.run)).map((file: { path: string }) => file.path)).toEqual([
      'big',
      'big0',
      'bigger',
      'first',
    ])
    expect(await listed(place.run, 'bigger')).toHaveLength(2500)
  })

  test('are replaced by newer versions, and deleted file by file or as a folder', async () => {
    const place = await newRun()
    await put(place, 'm/a', Buffer.from('1'))
    await put(place, 'm/a', Buffer.from('2'))
    await put(place, 'm/b', Buffer.from('3'))
    await put(place, 'n', Buffer.from('4'))
    expect((await get(place, 'm/a')).bytes.toString()).toBe('2')
    await user.ok(user.send('DELETE', `${BASE}/artifacts/${place.root}/n`))
    await user.ok(user.send('DELETE', `${BASE}/artifacts/${place.root}/m`))
    expect(await listed(place.run)).toEqual([])
  })

  test('stay inside of their run, and their run inside of its experiment', async () => {
    const place = await newRun()
    await put(place, 'secret', Buffer.from('x'))
    const other = await newRun()
    const ways = [
      '../secret',
      '..%2fsecret',
      '%2e%2e/secret',
      'a/../../secret',
      'a//b',
      './a',
      '..\\secret',
      '%00',
      'a%5c..%5cb',
    ]
    for (const way of ways) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const { status } = await raw(
          method,
          `${BASE}/artifacts/${other.root}/${way}`,
          method === 'PUT' ? 'x' : undefined,
        )
        expect([method, way, status]).toEqual([
          method,
          way,
          expect.toSatisfy((code: number) => code === 400 || code === 404),
        ])
      }
    }
    for (const root of [
      '',
      'etc/passwd',
      `${place.run}/artifacts`,
      `zzzzzzzzzz/${place.run}/artifacts/secret`,
      `${place.root.split('/')[0]}/${place.run}/secret`,
    ]) {
      expect((await raw('GET', `${BASE}/artifacts/${root}`)).status).toBe(404)
    }
    for (const path of ['..', '../x', 'a/../..', '/etc', 'x'.repeat(2000)]) {
      expect((await user.get('artifacts/list', { run_id: other.run, path })).status).toBe(400)
    }
    expect(await listed(other.run)).toEqual([])
    expect((await get(place, 'secret')).bytes.toString()).toBe('x')
  })

  test('are those of the run that a token is good for', async () => {
    const trial = await startTrial(api, SWEEP_YAML)
    const program = new MlflowCaller(api, trial.assignment.token)
    const own = { run: trial.runId, root: `${trial.sweepId}/${trial.runId}/artifacts` }
    const foreign = await newRun()
    await put(foreign, 'secret', Buffer.from('x'))
    expect((await put(own, 'model/weights', Buffer.from('w'), program.token)).status).toBe(200)
    expect((await get(own, 'model/weights', program.token)).bytes.toString()).toBe('w')
    expect((await put(foreign, 'f', Buffer.from('f'), program.token)).status).toBe(403)
    expect((await get(foreign, 'secret', program.token)).status).toBe(403)
    expect((await put(foreign, 'f', Buffer.from('f'), api.tokens.viewer)).status).toBe(403)
    const seen = await api.call('GET', `/sweeps/${trial.sweepId}/trials/1/artifacts`, { token: api.tokens.viewer })
    expect(seen.body).toMatchObject({ artifacts: [{ path: 'model/weights' }] })
  })

  test('in parts are refused in the words that make clients send them whole', async () => {
    const place = await newRun()
    const { status, body } = await user.send('POST', `${BASE}/mpu/create/${place.root}/big`, {
      path: 'big',
      num_parts: 2,
    })
    expect([status, body.message]).toEqual([
      501,
      expect.stringMatching(/^Multipart upload is not supported for the current artifact repository/),
    ])
  })
})

describe('logged models', () => {
  test('are made, filled, finished, found and read as MLflow 3 does it', async () => {
    const trial = await startTrial(api, SWEEP_YAML)
    const program = new MlflowCaller(api, trial.assignment.token)
    const create = {
      ...{ experiment_id: trial.sweepId, name: 'model "x"', model_type: '', source_run_id: trial.runId },
      ...{ params: [{ key: 'depth', value: '3' }], tags: [{ key: 'a', value: 'b' }] },
    }
    const { model } = await program.ok(program.post('logged-models', create))
    const id = model.info.model_id
    expect(model).toMatchObject({
      info: {
        name: 'model "x"',
        status: 'LOGGED_MODEL_PENDING',
        source_run_id: trial.runId,
        experiment_id: trial.sweepId,
      },
      data: { params: [{ key: 'depth', value: '3' }] },
    })
    const place = { run: trial.runId, root: model.info.artifact_uri.replace('mlflow-artifacts:/', '') }
    await put(place, 'MLmodel', Buffer.from('flavors: {}'), program.token)
    await put(place, 'data/model.pkl', Buffer.from('x'), program.token)
    const path = `logged-models/${id}`
    const finish = { model_id: id, status: 'LOGGED_MODEL_READY' }
    const ready = await program.ok(program.send('PATCH', `/api/2.0/mlflow/${path}`, finish))
    expect(ready.model.info.status).toBe('LOGGED_MODEL_READY')
    await program.ok(program.send('PATCH', `/api/2.0/mlflow/${path}/tags`, { tags: [{ key: 'c', value: 'd' }] }))
    await program.ok(program.send('DELETE', `/api/2.0/mlflow/${path}/tags/a`))
    await program.ok(program.post(`${path}/params`, { params: [{ key: 'width', value: '4' }] }))
    const found = await program.ok(program.get(path, {}))
    expect(found.model.info.tags).toEqual([{ key: 'c', value: 'd' }])
    expect(found.model.data.params).toHaveLength(2)
    const files = await program.ok(program.get(`${path}/artifacts/directories`, {}))
    expect(files.files).toEqual([
      { path: 'MLmodel', is_dir: false, file_size: 11 },
      { path: 'data', is_dir: true },
    ])
    const search = async (filter: string) =>
      (await program.ok(program.post('logged-models/search', { experiment_ids: [trial.sweepId], filter }))).models
        .length
    expect(
      await Promise.all(['', `name = 'model "x"'`, `source_run_id = '${trial.runId}' AND name='none'`].map(search)),
    ).toEqual([1, 1, 0])
    const wrong = await program.post('logged-models/search', {
      experiment_ids: [trial.sweepId],
      filter: "name = 'x' or true",
    })
    expect(wrong).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    await program.ok(program.send('DELETE', `/api/2.0/mlflow/${path}`))
    expect((await program.get(path, {})).status).toBe(404)
  })

  test('without a run are refused, and those of others are not shown', async () => {
    const trial = await startTrial(api, SWEEP_YAML)
    const program = new MlflowCaller(api, trial.assignment.token)
    const place = await newRun()
    expect(await user.post('logged-models', { experiment_id: '0', name: 'm' })).toMatchObject({ status: 400 })
    const { model } = await user.ok(
      user.post('logged-models', { experiment_id: '0', name: 'm', source_run_id: place.run }),
    )
    // A number in MLflow's protocol: clients fail over our names.
    expect(model.info).not.toHaveProperty('creator_id')
    expect((await program.get(`logged-models/${model.info.model_id}`, {})).status).toBe(403)
    expect((await user.get('logged-models/m-unknown', {})).status).toBe(404)
  })
})
