import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunArtifactList } from '@sweep/spec/wire/tracking/artifacts'
import type { MetricHistory } from '@sweep/spec/wire/tracking/metrics'
import type { ModelVersionList } from '@sweep/spec/wire/tracking/models'
import type { RunDetail, RunList } from '@sweep/spec/wire/tracking/runs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweep, TestServer, waitFor } from '../support/server.ts'
import { allFacts, createSweep, finished, getTrial } from '../support/sweeps.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start({ slots: 2 })
})
afterAll(() => server.remove())

const sweepOf = (command: string, values: string, more = '') => `
name: with-mlflow
method: grid
metric: {name: val_loss, goal: minimize}
parameters:
  x: {values: ${values}}
command: [${command}]
${more}`

const run = (id: string) => server.call<RunDetail>('GET', `/runs/${id}`)
const history = (id: string, key: string) => server.call<MetricHistory>('GET', `/runs/${id}/metrics/${key}`)

test("a program that sends what MLflow's Python client sends: reports, pruning, params, artifacts and nested runs", async () => {
  const pruned = 'early_terminate: {type: threshold, upper: 5}\n'
  const id = await createSweep(server, sweepOf('python3, mlflow-requests.py', '[0.5, 7.0]', pruned))
  expect(await finished(server, id)).toMatchObject({ state: 'completed', best: { trial: 1, value: 0.7 } })
  const facts = await allFacts(server, id)
  // Each once, though it prints them too.
  const reports = facts.flatMap((fact) => (fact.kind === 'report' && fact.trial === 1 ? [[fact.step, fact.value]] : []))
  expect(reports).toEqual([1, 2, 3, 4, 5].map((epoch) => [epoch, 0.5 + 1 / epoch]))
  const other = await getTrial(server, id, 2)
  expect(other).toMatchObject({ state: 'pruned', reason: expect.stringContaining('8') })
  expect(other.reports).toBeLessThan(5)

  const own = await run(`${id}-1`)
  expect(own).toMatchObject({ status: 'completed', params: { x: 0.5, layers: '[64, 64]' } })
  expect(own.tags).toEqual({ 'mlflow.source.name': 'train.py' })
  expect((await history(own.id, 'lr')).values).toHaveLength(5)
  const { artifacts } = await server.call<RunArtifactList>('GET', `/runs/${own.id}/artifacts`)
  expect(artifacts.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual([
    ['model/MLmodel', 23],
    ['notes/é.txt', 5],
  ])
  const { versions } = await server.call<ModelVersionList>('GET', '/models/classifier/versions')
  expect(versions.find(({ runId }) => runId === own.id)).toMatchObject({
    ...{ stage: 'dev', framework: 'sklearn', path: 'model', origin: { isFinal: true, config: { x: 0.5 } } },
    origin: { metrics: { val_loss: { last: 0.7 } } },
  })
  const { runs } = await server.call<RunList>('GET', `/runs?experiment=${id}&parent=${own.id}`)
  expect(runs).toMatchObject([{ name: 'fold', status: 'completed', parentRunId: own.id, trial: null }])
  expect((await history(runs[0]?.id ?? '', 'val_loss')).values).toEqual([-1])
})

test('the public client of npm logs to its trial, unchanged', async () => {
  const { version } = createRequire(import.meta.url)('mlflow/package.json') as { version: string }
  expect(version).toBe('2.0.7')
  const id = await createSweep(server, sweepOf('node, mlflow-client.cjs', '[0.25, 0.5]'))
  expect(await finished(server, id)).toMatchObject({ state: 'completed', best: { trial: 1, value: 0.25 + 1 / 3 } })
  for (const trial of [1, 2]) {
    const own = await run(`${id}-${trial}`)
    expect(own).toMatchObject({ status: 'completed', params: { host: 'h', depth: '3' }, tags: { kind: 'node' } })
    expect((await history(own.id, 'val_loss')).steps).toEqual([1, 2, 3])
    expect(await getTrial(server, id, trial)).toMatchObject({ state: 'completed', reports: 3 })
  }
})

// No registry of packages that CI reaches has it.
const python = process.env['SWEEP_TEST_MLFLOW_PYTHON']
test.skipIf(python === undefined)(
  "MLflow's own Python client logs to its trial, unchanged (SWEEP_TEST_MLFLOW_PYTHON names a Python that has it)",
  async () => {
    const id = await createSweep(server, sweepOf(`${python}, mlflow-python.py`, '[0.5]'))
    const ended = await finished(server, id)
    const trial = await getTrial(server, id, 1)
    expect(ended, JSON.stringify(trial)).toMatchObject({ state: 'completed', best: { trial: 1, value: 0.7 } })
    expect(trial).toMatchObject({ state: 'completed', reports: 5 })
    const { versions } = await server.call<ModelVersionList>('GET', '/models/same/versions')
    expect(versions).toMatchObject([{ runId: `${id}-1`, stage: 'dev', framework: 'python_function' }])
    const own = await run(`${id}-1`)
    expect(own).toMatchObject({ status: 'completed', params: { x: 0.5, opt: 'adam' }, tags: { team: 'vision' } })
    const { runs } = await server.call<RunList>('GET', `/runs?experiment=${id}&parent=${own.id}`)
    expect(runs).toMatchObject([{ name: 'fold 1', status: 'completed', params: { fold: '1' } }])
  },
)

test('a sweep that names a server of its own, or none, is left alone', async () => {
  const script = 'echo "val_loss=$(env | grep -c ^MLFLOW_)"; env | grep ^MLFLOW_ >&2; true'
  const command = `/bin/sh, -c, ${JSON.stringify(script)}`
  const values = ['env: {MLFLOW_TRACKING_URI: ""}', 'env: {MLFLOW_TRACKING_URI: "http://mlflow.lab"}', ''].map(
    async (more) => {
      const id = await createSweep(server, sweepOf(command, '[1]', more))
      return (await finished(server, id)).best?.value
    },
  )
  expect(await Promise.all(values)).toEqual([0, 1, 4])
})

test("a trial's program that logs while the server dies and comes back has reported each of its metrics once", async () => {
  const own = await TestServer.start({ slots: 1 })
  try {
    const id = await createSweep(own, sweepOf('python3, mlflow-requests.py', '[0.5]'))
    const reports = async () => (await allFacts(own, id)).filter((fact) => fact.kind === 'report')
    await waitFor(async () => (await reports()).length >= 2)
    await own.kill()
    await own.start()
    expect(await finished(own, id)).toMatchObject({ state: 'completed', best: { trial: 1, value: 0.7 } })
    expect(await getTrial(own, id, 1)).toMatchObject({ state: 'completed', attempts: 1, reports: 5 })
    expect((await reports()).map((fact) => fact.kind === 'report' && fact.step)).toEqual([1, 2, 3, 4, 5])
    const replay = await sweep(['replay', id], { env: await own.environment() })
    expect([replay.status, replay.stderr]).toEqual([0, expect.any(String)])
  } finally {
    await own.remove()
  }
})

test('of 16 writers that repeat themselves until they are answered nothing is lost or doubled, however often the server dies', async () => {
  const own = await TestServer.start({ agent: false, embedded: true })
  try {
    const token = await own.token()
    const post = async (call: string, body: object) => {
      for (;;) {
        try {
          const reply = await fetch(`${own.url}/api/2.0/mlflow/${call}`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            body: JSON.stringify(body),
          })
          if (reply.status === 200) return (await reply.json()) as { run: { info: { run_id: string } } }
          if (reply.status < 500) throw new Error(await reply.text())
        } catch (error) {
          // Refused or cut off; whether it was stored is anybody's guess.
          if (!(error instanceof TypeError)) throw error
        }
        await sleep(50)
      }
    }
    const { run } = await post('runs/create', { experiment_id: '0' })
    const run_id = run.info.run_id
    const [writers, steps] = [16, 60]
    let answered = 0
    const writer = async (n: number) => {
      for (let step = 0; step < steps; step += 1) {
        const metric = { key: `w${n}`, value: step, step, timestamp: 1_700_000_000_000 + step }
        await post('runs/log-batch', { run_id, metrics: [metric, { ...metric, key: 'all', value: n * steps + step }] })
        answered += 1
      }
    }
    const faults = async () => {
      for (const share of [0.25, 0.5, 0.75]) {
        await waitFor(() => answered >= writers * steps * share)
        await own.kill()
        await own.start()
      }
    }
    await Promise.all([...Array.from({ length: writers }, (_, n) => writer(n)), faults()])
    const all = await own.call<MetricHistory>('GET', `/runs/${run_id}/metrics/all?points=100000`)
    expect(all.values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: writers * steps }, (_, n) => n))
    for (let n = 0; n < writers; n += 1) {
      const each = await own.call<MetricHistory>('GET', `/runs/${run_id}/metrics/w${n}`)
      expect(each.values).toEqual(Array.from({ length: steps }, (_, step) => step))
    }
  } finally {
    await own.remove()
  }
})

test('a large file goes up and down through the proxy without the server growing', async () => {
  const own = await TestServer.start({ agent: false })
  const folder = await mkdtemp(join(tmpdir(), 'sweep-large-'))
  try {
    const megabytes = Number(process.env['SWEEP_TEST_ARTIFACT_MB'] ?? 300)
    const file = join(folder, 'large.bin')
    const chunk = Buffer.alloc(1_048_576, 7)
    for (let n = 0; n < megabytes; n += 1) await writeFile(file, chunk, { flag: 'a' })
    const headers = { authorization: `Bearer ${await own.token()}` }
    const created = await fetch(`${own.url}/api/2.0/mlflow/runs/create`, {
      ...{
        method: 'POST',
        body: '{"experiment_id": "0"}',
        headers: { ...headers, 'content-type': 'application/json' },
      },
    })
    const { run } = (await created.json()) as { run: { info: { artifact_uri: string } } }
    const place = run.info.artifact_uri.replace('mlflow-artifacts:/', '')
    const url = `${own.url}/api/2.0/mlflow-artifacts/artifacts/${place}/large.bin`
    const begin = await residentMegabytes(own.pid)
    let largest = 0
    const watch = setInterval(async () => {
      largest = Math.max(largest, await residentMegabytes(own.pid))
    }, 100)
    try {
      const init = { method: 'PUT', headers, body: createReadStream(file), duplex: 'half' }
      const reply = await fetch(url, init as unknown as RequestInit)
      expect([reply.status, await reply.json()]).toEqual([200, {}])
      const hash = createHash('sha256')
      const download = await fetch(url, { headers })
      for await (const part of download.body as unknown as AsyncIterable<Uint8Array>) hash.update(part)
      const expected = createHash('sha256')
      for (let n = 0; n < megabytes; n += 1) expected.update(chunk)
      expect(hash.digest('hex')).toBe(expected.digest('hex'))
    } finally {
      clearInterval(watch)
    }
    if (process.env['SWEEP_TEST_ARTIFACT_MB'] !== undefined) console.info(`grew by ${Math.round(largest - begin)} MB`)
    expect(largest - begin).toBeLessThan(200)
  } finally {
    await own.remove()
    await rm(folder, { recursive: true, force: true })
  }
})

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}
