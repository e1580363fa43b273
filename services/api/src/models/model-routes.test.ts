import { createHash } from 'node:crypto'
import { type Client, createClient } from '@sweep/client/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimAndReport, createTestSweep, type TestApi, TestController, testApi } from '../testing/test-api.ts'
import { startTrial } from '../testing/test-mlflow.ts'

let api: TestApi
let client: Client
beforeAll(async () => {
  api = await testApi()
  client = createClient({ url: api.api.url, token: api.tokens.operator })
})
afterAll(() => api.close())

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
const upload = (run: string, path: string, text: string, type?: string) =>
  client.tracking.uploadArtifact(run, path, bytes(text), type === undefined ? {} : { type })

/** A run with metrics and one model. */
async function trained(values: Record<string, number>, fields: object = {}): Promise<string> {
  const { id } = await client.tracking.createRun({ params: { lr: 0.1, data: { version: 'v3' } }, ...fields })
  await client.tracking.logMetrics(id, { points: [{ step: 1, values }] })
  await upload(id, 'models/net/model.safetensors', `weights ${id}`, 'model')
  return id
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString()
}

describe('a version', () => {
  test('is registered from the only model of a run, with what has made it', async () => {
    const source = { commit: 'c0ffee', dirty: true }
    const run = await trained({ acc: 0.9, loss: Number.NaN }, { source, startedAt: '2026-01-01T00:00:00.000Z' })
    const metadata = { framework: 'torch', signature: { inputs: ['x'] } }
    await client.tracking.changeArtifact(run, 'models/net/model.safetensors', { metadata })
    const version = await client.models.register(run, { name: 'digits', tags: { team: 'vision' }, aliases: ['first'] })
    expect(version).toMatchObject({
      ...{ model: 'digits', version: 1, stage: 'dev', runId: run, path: 'models/net', files: 1 },
      ...{ framework: 'torch', signature: { inputs: ['x'] }, tags: { team: 'vision' }, aliases: ['first'] },
      origin: {
        ...{ isFinal: false, metrics: { acc: { last: 0.9 }, loss: { last: Number.NaN, min: null } } },
        ...{
          config: { lr: 0.1, 'data.version': 'v3' },
          dataVersion: 'v3',
          commit: 'c0ffee',
          dirty: true,
          durationMs: null,
        },
      },
    })
    // It stands still once the run is over.
    await client.tracking.logMetrics(run, { points: [{ step: 2, values: { acc: 0.95 } }] })
    expect((await client.models.version('digits', 'latest')).origin.metrics).toMatchObject({ acc: { last: 0.95 } })
    await client.tracking.endRun(run, { endedAt: '2026-01-01T00:01:00.000Z' })
    const over = { isFinal: true, durationMs: 60_000, metrics: { acc: { last: 0.95 } } }
    expect((await client.models.versions('digits')).versions[0]).toMatchObject({ origin: over })
    await client.tracking.logMetrics(run, { points: [{ step: 3, values: { acc: 0.1 } }] })
    expect(await client.models.version('digits', 'first')).toMatchObject({ origin: over })
    expect(await client.models.ofRun(run)).toMatchObject({ versions: [{ model: 'digits', version: 1 }], next: null })
  })

  test('keeps what was known of its run when that is gone', async () => {
    const run = await trained({ acc: 0.9 }, { source: { commit: 'c0ffee' } })
    await client.models.register(run, { name: 'kept' })
    for (const table of ['run_metrics', 'run_details']) {
      await api.database.query(`delete from ${table} where run_key = (select key from runs where id = $1)`, [run])
    }
    await client.tracking.endRun(run)
    const kept = { origin: { isFinal: true, metrics: { acc: { last: 0.9 } }, commit: 'c0ffee' } }
    expect(await client.models.version('kept', '1')).toMatchObject(kept)
    await client.tracking.deleteRun(run)
    await api.database.query('update model_versions set run_key = null where run_id = $1', [run])
    expect(await client.models.version('kept', '1')).toMatchObject({ ...kept, runId: run })
    expect(await text(await client.models.file('kept', '1', 'model.safetensors'))).toBe(`weights ${run}`)
  })

  test('has its files, whatever the run logs under their names later', async () => {
    const run = await trained({ acc: 1 })
    const { version, model } = await client.models.register(run, { name: 'files' })
    await upload(run, 'models/net/model.safetensors', 'others')
    const { files } = await client.models.files(model, String(version))
    const sha256 = createHash('sha256').update(`weights ${run}`).digest('hex')
    expect(files).toEqual([{ path: 'model.safetensors', sizeBytes: 18, sha256 }])
    expect(await text(await client.models.file(model, 'latest', 'model.safetensors'))).toBe(`weights ${run}`)
    for (const path of ['other', '../model.safetensors', 'models/net/model.safetensors']) {
      await expect(client.models.file(model, '1', path)).rejects.toMatchObject({ code: 'not-found' })
    }
  })

  test('may be named where a run has several models, and has to be', async () => {
    const run = await trained({ acc: 1 })
    await upload(run, 'checkpoints/best.pt', 'best', 'model')
    await upload(run, 'sk/MLmodel', MLMODEL)
    await expect(client.models.register(run, { name: 'several' })).rejects.toMatchObject({
      ...{ code: 'conflict', message: expect.stringContaining('checkpoints/best.pt, models/net, sk') },
    })
    const version = await client.models.register(run, { name: 'several', path: 'sk' })
    expect(version).toMatchObject({
      ...{ framework: 'sklearn', path: 'sk' },
      signature: { inputs: [{ name: 'x', type: 'double' }], outputs: [{ type: 'long' }] },
    })
    const said = await client.models.register(run, {
      name: 'several',
      path: 'checkpoints/best.pt',
      framework: 'jax',
      dataVersion: 'x',
    })
    expect(said).toMatchObject({ version: 2, framework: 'jax', signature: null, origin: { dataVersion: 'x' } })
    const { id } = await client.tracking.createRun({})
    await expect(client.models.register(id, { name: 'several' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(client.models.register(id, { name: 'several', path: 'no' })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  test('of a trial has the config, the metric and the environment of the trial', async () => {
    const sweep = await createTestSweep(api)
    await new TestController(api).issue(sweep, 1)
    const points = [{ step: 1, at: 1_700_000_000_000, values: { loss: 0.25 } }]
    const environment = { hostname: 'h', git: { commit: 'abc123', dirty: false } }
    await claimAndReport(api, 1, () => ({
      started: { at: 1, argv: ['x'], slots: [0], runDir: '/tmp/x', environment },
      batches: [{ source: 'metrics', from: 0, to: 10, points }],
      ended: { at: 1, cause: 'succeeded', message: 'ok', exitCode: 0, signal: null, seconds: 2 },
    }))
    const run = `${sweep}-1`
    await upload(run, 'models/m/w', 'w', 'model')
    expect(await client.models.register(run, { name: 'of-a-trial' })).toMatchObject({
      ...{ runId: run, origin: { isFinal: true, metrics: { loss: { last: 0.25 } } } },
      ...{ origin: { config: { optimizer: 'sgd' }, commit: 'abc123', dirty: false, durationMs: expect.any(Number) } },
    })
  })
})

const MLMODEL = `
artifact_path: sk
flavors:
  python_function: {loader_module: mlflow.sklearn}
  sklearn: {pickled_model: model.pkl}
signature:
  inputs: '[{"name": "x", "type": "double"}]'
  outputs: '[{"type": "long"}]'
  params: null
`

describe('a promotion', () => {
  test('that fails its gate is refused with what was found, changes nothing, and is kept', async () => {
    const [good, bad] = [await trained({ acc: 0.97 }), await trained({ acc: 0.6 })]
    await client.models.register(good, { name: 'gated' })
    await client.models.register(bad, { name: 'gated' })
    const gate = await client.models.addGate('gated', {
      ...{ stage: 'production', gate: { kind: 'metric', metric: 'acc', min: 0.95 } },
    })
    expect(gate).toMatchObject({ id: expect.any(Number), text: 'acc >= 0.95' })
    await client.models.addGate('gated', {
      ...{ stage: 'production', gate: { kind: 'improvement', metric: 'acc', goal: 'maximize' } },
    })
    expect(await client.models.move('gated', '1', { stage: 'production' })).toMatchObject({
      ...{ moved: true, replaced: null, gates: [{ passed: true, value: 0.97 }, { passed: true }] },
      version: { stage: 'production' },
    })
    const before = await client.models.get('gated')
    const found = [
      { passed: false, value: 0.6, threshold: '>= 0.95', message: 'acc is 0.6, and must be >= 0.95' },
      { passed: false, value: 0.6, threshold: 0.97 },
    ]
    await expect(client.models.move('gated', '2', { stage: 'production' })).rejects.toMatchObject({
      ...{ code: 'gates-failed', message: expect.stringContaining('acc is 0.6, and must be >= 0.95') },
      details: { gates: found },
    })
    expect(await client.models.get('gated')).toEqual(before)
    const [newest] = (await client.models.history('gated')).history
    expect(newest).toMatchObject({ kind: 'refused', version: 2, gates: found, by: 'user:operator' })
    const dry = await client.models.move('gated', '2', { stage: 'production', dryRun: true })
    expect(dry).toMatchObject({ moved: false, gates: found, version: { stage: 'dev' } })
    await expect(client.models.move('gated', '2', { stage: 'production', force: true })).rejects.toMatchObject({
      ...{ code: 'invalid-request', message: expect.stringContaining('reason') },
    })
    const forced = { stage: 'production', force: true, reason: 'the old one leaks' } as const
    expect(await client.models.move('gated', '2', forced)).toMatchObject({ moved: true, replaced: 1 })
    const kept = (await client.models.history('gated', { limit: 2 })).history
    expect(kept).toMatchObject([
      { kind: 'promoted', forced: true, reason: 'the old one leaks', gates: found },
      { kind: 'replaced', version: 1 },
    ])
    expect(await client.models.rollBack('gated', { reason: 'worse' })).toMatchObject({
      ...{ replaced: 2, version: { version: 1, stage: 'production' } },
    })
    await expect(client.models.rollBack('gated')).rejects.toMatchObject({ code: 'conflict' })
    await client.models.removeGate('gated', gate.id)
    expect((await client.models.gates('gated')).gates).toHaveLength(1)
  })

  test('is judged by what a running run has by then', async () => {
    const run = await trained({ acc: 0.1 })
    await client.models.register(run, { name: 'live' })
    await client.models.addGate('live', { stage: 'staging', gate: { kind: 'metric', metric: 'acc', min: 0.5 } })
    await expect(client.models.move('live', '1', { stage: 'staging' })).rejects.toMatchObject({ code: 'gates-failed' })
    await client.tracking.logMetrics(run, { points: [{ step: 2, values: { acc: 0.9 } }] })
    expect(await client.models.move('live', '1', { stage: 'staging' })).toMatchObject({ moved: true })
    // Where it is already, it needs to pass nothing.
    expect(await client.models.move('live', 'staging', { stage: 'staging' })).toMatchObject({ moved: false, gates: [] })
  })
})

describe('who may', () => {
  test("a viewer reads, and a trial's program registers what its own run has made, and nothing else", async () => {
    const run = await trained({ acc: 1 })
    await client.models.register(run, { name: 'guarded' })
    const viewer = createClient({ url: api.api.url, token: api.tokens.viewer })
    expect(await viewer.models.version('guarded', '1')).toMatchObject({ version: 1 })
    await expect(viewer.models.move('guarded', '1', { stage: 'staging' })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(viewer.models.register(run, { name: 'guarded' })).rejects.toMatchObject({ code: 'forbidden' })
    const trial = await startTrial(
      api,
      'name: t\nmethod: random\nmetric: {name: loss, goal: minimize}\nparameters: {x: {min: 0.0, max: 1.0}}\ncommand: [x]\n',
    )
    const program = createClient({ url: api.api.url, token: trial.assignment.token })
    await program.tracking.uploadArtifact(trial.runId, 'models/net/w', bytes('w'), { type: 'model' })
    expect(await program.models.register(trial.runId, { name: 'guarded' })).toMatchObject({
      ...{ version: 2, createdBy: `trial:${trial.attemptId}`, stage: 'dev' },
    })
    expect((await program.models.ofRun(trial.runId)).versions).toHaveLength(1)
    const aliased = program.models.register(trial.runId, { name: 'guarded', aliases: ['champion'] })
    await expect(aliased).rejects.toMatchObject({ code: 'forbidden' })
    const refused = [
      program.models.register(run, { name: 'guarded' }),
      program.models.ofRun(run),
      program.models.version('guarded', '1'),
      program.models.move('guarded', '2', { stage: 'production' }),
      program.models.rollBack('guarded'),
      program.models.addGate('guarded', { stage: 'staging', gate: { kind: 'completed' } }),
      program.models.setAlias('guarded', 'champion', '2'),
    ]
    const outcomes = await Promise.allSettled<unknown>(refused)
    expect(outcomes).toEqual(
      refused.map(() => ({ status: 'rejected', reason: expect.objectContaining({ code: 'forbidden' }) })),
    )
  })
})

test('models, aliases and pages', async () => {
  const name = 'it\'s "odd" 🦊'
  expect(await client.models.create({ name: name as never })).toMatchObject({
    name,
    versions: 0,
    stages: { dev: null },
  })
  await expect(client.models.create({ name: name as never })).rejects.toMatchObject({ code: 'conflict' })
  const run = await trained({ acc: 1 })
  for (const file of ['a', 'b', 'c']) {
    await upload(run, 'models/net/more', file)
    await client.models.register(run, { name: name as never })
  }
  const first = await client.models.versions(name, { limit: 2 })
  expect(first.versions.map(({ version }) => version)).toEqual([3, 2])
  const second = await client.models.versions(name, { limit: 2, after: first.next ?? '' })
  expect([second.versions.map(({ version }) => version), second.next]).toEqual([[1], null])
  expect(await client.models.setAlias(name, 'champion', '2')).toMatchObject({ version: 2, aliases: ['champion'] })
  await client.models.removeAlias(name, 'champion')
  await expect(client.models.version(name, 'champion')).rejects.toMatchObject({ code: 'not-found' })
  for (const alias of ['latest', 'production', 'v3', '7']) {
    await expect(client.models.setAlias(name, alias, '1')).rejects.toMatchObject({ code: 'invalid-request' })
  }
  await client.models.changeVersion(name, '1', { description: 'old', tags: { a: 'b' } })
  expect(await client.models.version(name, '1')).toMatchObject({ description: 'old', tags: { a: 'b' } })
  await client.models.removeVersion(name, '1')
  expect(await client.models.change(name, { description: 'd', name: 'plain' as never })).toMatchObject({
    name: 'plain',
    versions: 2,
  })
  const page = await client.models.list({ limit: 1 })
  expect(page.models).toHaveLength(1)
  expect(page.next).not.toBeNull()
  const rest = await client.models.history('plain', { limit: 1 })
  expect(rest).toMatchObject({ history: [{ kind: 'deleted', version: 1 }], next: expect.any(String) })
  expect((await client.models.history('plain', { after: rest.next ?? '', version: 3 })).history).toMatchObject([
    { kind: 'registered' },
  ])
  await client.models.remove('plain')
  await expect(client.models.get('plain')).rejects.toMatchObject({ code: 'not-found' })
})
