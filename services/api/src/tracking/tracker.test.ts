import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@sweep/client/client'
import { Spool } from '@sweep/client/tracking/spool'
import { startTrackedRun, trackingAt } from '@sweep/client/tracking/start-run'
import { syncFolder } from '@sweep/client/tracking/sync-spools'
import type { StartRunOptions, TrackedRun } from '@sweep/client/tracking/tracker-types'
import type { Claim } from '@sweep/spec/wire/agent-protocol'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestSweep, ROOM, registerTestAgent, type TestApi, TestController, testApi } from '../testing/test-api.ts'

let api: TestApi
let tracking: Client['tracking']
let folder: string
const folders: string[] = []

beforeAll(async () => {
  api = await testApi()
  tracking = createClient({ url: api.api.url, token: api.tokens.operator }).tracking
})
afterAll(async () => {
  await api.close()
  await Promise.all(folders.map((one) => rm(one, { recursive: true })))
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-tracker-'))
  folders.push(folder)
  warnings.length = 0
  fault = undefined
})

const warnings: string[] = []
/** Before a request is carried out: throws, or says that its reply is to be lost. */
let fault: ((path: string) => 'lose-reply' | undefined) | undefined

function world(env: Record<string, string> = {}) {
  return {
    env: { SWEEP_URL: api.api.url, SWEEP_TOKEN: api.tokens.operator, SWEEP_SPOOL: join(folder, 'spool'), ...env },
    argv: ['node', join(folder, 'train.js'), '--api-key', 'secret', '--lr=1'],
    clock: { now: () => performance.timeOrigin + performance.now() },
    randomBytes,
    warn: (_: string, text: string) => void warnings.push(text),
    fetch: async (url: string, init: RequestInit) => {
      const what = fault?.(url)
      const response = await fetch(url, init)
      if (what === 'lose-reply') throw new TypeError('the reply was lost')
      return response
    },
  }
}

function start(options: StartRunOptions = {}, env: Record<string, string> = {}): Promise<TrackedRun> {
  return startTrackedRun(world(env), { flushMs: 2, capture: false, ...options })
}

const away = () => {
  throw new TypeError('the server is away')
}

async function stepsOf(runId: string, key: string): Promise<number[]> {
  return (await tracking.metricHistory(runId, key)).steps as number[]
}

const spools = () => readdir(join(folder, 'spool'))

test('everything that is logged arrives', async () => {
  const file = join(folder, 'a b.txt')
  await writeFile(file, 'one')
  const run = await start({
    project: 'p',
    experiment: 'tracker 🙂',
    name: 'n',
    params: { model: { depth: 2 } },
    tags: { a: 'b' },
    capture: true,
  })
  run.logParams({
    'optimizer.lr': Number.NaN,
    when: new Date(0),
    big: 2n ** 70n,
    none: undefined,
    map: new Map([['k', [1]]]),
  })
  for (let step = 0; step < 3; step += 1)
    run.logMetrics({ loss: step / 2, 'val/acc': Number.POSITIVE_INFINITY }, step, { context: 'train' })
  run.logMetrics({ loss: 1 })
  run.setTags({ a: null, c: '' })
  run.setNotes('hm')
  await run.logArtifact(file, { type: 'text', metadata: { n: Number.NaN }, aliases: ['best', 'latest', '?'] })
  await writeFile(file, 'two')
  await run.logArtifact(file, { name: 'a b.txt' })
  await run.end()
  const got = await tracking.getRun(run.id)
  expect(got).toMatchObject({
    project: 'p',
    experiment: 'tracker 🙂',
    name: 'n',
    notes: 'hm',
    status: 'completed',
    tags: { c: '' },
  })
  expect(got.params).toEqual({
    ...{ 'model.depth': 2, 'optimizer.lr': 'NaN', when: '1970-01-01T00:00:00.000Z' },
    ...{ big: String(2n ** 70n), 'map.k': [1] },
  })
  expect(got.source?.entryPoint).toBe(`${join(folder, 'train.js')} --api-key *** --lr=1`)
  expect(got.environment).toMatchObject({ node: process.versions.node })
  expect(await tracking.metricHistory(run.id, 'train/loss')).toMatchObject({ steps: [0, 1, 2], values: [0, 0.5, 1] })
  expect(await stepsOf(run.id, 'train/val/acc')).toEqual([0, 1, 2])
  expect(await stepsOf(run.id, 'loss')).toEqual([3])
  const versions = (await tracking.artifactVersions(run.id, 'a b.txt')).artifacts
  expect(versions.map(({ sizeBytes, aliases, type }) => [sizeBytes, aliases, type])).toEqual([
    [3, ['latest'], 'file'],
    [3, ['best'], 'text'],
  ])
  expect(warnings).toEqual(['an alias is a letter and up to 99 letters, digits, or _ . - and is not latest.'])
  expect(await spools()).toEqual([])
})

test('nothing is lost through an outage or doubled by lost replies', async () => {
  const run = await start()
  let requests = 0
  fault = () => {
    requests += 1
    if (requests % 5 === 0) away()
    return requests % 3 === 0 ? 'lose-reply' : undefined
  }
  for (let step = 0; step < 400; step += 1) {
    run.logMetrics({ a: step }, step)
    if (step % 20 === 0) await run.flush(30_000)
  }
  fault = undefined
  await run.end()
  expect(await stepsOf(run.id, 'a')).toEqual(Array.from({ length: 400 }, (_, step) => step))
  expect(requests).toBeGreaterThan(10)
  expect(await spools()).toEqual([])
})

test('what could not be sent is sent by the next run, and to no other server', async () => {
  fault = away
  const run = await start({ params: { a: 1 } })
  run.logMetrics({ a: 1 }, 1)
  await run.end({ status: 'failed', message: 'why', patienceMs: 0 })
  expect(warnings).toEqual([expect.stringContaining('the next run here sends')])
  fault = undefined
  await (await start({ url: 'http://127.0.0.1:9' })).end({ patienceMs: 0 })
  await expect(tracking.getRun(run.id)).rejects.toMatchObject({ code: 'not-found' })
  const next = await start()
  await expect
    .poll(async () => (await tracking.getRun(run.id).catch(() => undefined))?.status, { timeout: 20_000 })
    .toBe('failed')
  await next.end()
  expect(await stepsOf(run.id, 'a')).toEqual([1])
  expect(await spools()).toHaveLength(1)
})

test('without a server a run is kept until it is sent', async () => {
  const run = await start({ offline: true, params: { a: 1 } })
  expect(run.url).toBeUndefined()
  await run.end()
  const trackingOf = async () => trackingAt({ url: api.api.url, token: api.tokens.operator })
  const root = join(folder, 'spool')
  const say = world().warn
  expect(await syncFolder(root, { isElsewhere: false, trackingOf: async () => undefined, say })).toEqual([
    { runId: run.id, isSent: false },
  ])
  expect(await syncFolder(root, { isElsewhere: false, trackingOf, say })).toEqual([{ runId: run.id, isSent: true }])
  expect(await tracking.getRun(run.id)).toMatchObject({ status: 'completed', params: { a: 1 } })
})

test('a batch that was under way when the program died goes out again as it was', async () => {
  const root = join(folder, 'spool')
  const run = await tracking.createRun({})
  const made = { id: run.id, url: api.api.url }
  const spool = Spool.create(root, made, randomBytes)
  for (const step of [1, 2, 3]) spool.append({ op: 'point', point: { step, at: 1, values: { a: step } } })
  const twoLines = (await readFile(join(spool.folder, 'journal.jsonl'))).lastIndexOf('\n', -2) + 1
  // The server has taken the first two, and the answer was never read.
  const seq = spool.beginBatch(twoLines)
  const points = [1, 2].map((step) => ({ step, at: 1, values: { a: step } }))
  await tracking.logMetrics(run.id, { writer: { id: spool.writer, seq }, points })
  await appendFile(join(spool.folder, 'journal.jsonl'), 'no json\n[1]\n')
  spool.close()
  const next = await start()
  await expect
    .poll(() => spools().then((names) => names.some((name) => name.startsWith(run.id))), { timeout: 20_000 })
    .toBe(false)
  await next.end()
  expect(await stepsOf(run.id, 'a')).toEqual([1, 2, 3])
})

test('nonsense costs warnings and no more', async () => {
  const run = await start()
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  const things: unknown[] = [
    null,
    undefined,
    1,
    'text',
    loop,
    { '': 1 },
    { ['x'.repeat(10_000)]: 1 },
    { a: 'x'.repeat(100_000) },
  ]
  for (const thing of [
    ...things,
    { a: Symbol('s') },
    { ['__proto__']: 1 },
    Object.create(null),
    { '\ud800': '\ud800' },
    { 'a/../b': 1 },
  ]) {
    const any = thing as never
    run.logParams(any)
    run.logMetrics(any)
    run.logMetrics({ x: 1 }, any)
    run.logMetrics({ x: 1 }, 1, { context: any })
    run.setTags(any)
    run.setNotes(any)
    await run.logArtifact(any)
    await run.logArtifact(import.meta.filename, { name: any })
  }
  for (const name of ['../a', '/etc/passwd', 'a/../../b', '..\\a', 'x'.repeat(2000)]) {
    await run.logArtifact(import.meta.filename, { name })
  }
  run.logMetrics({ 'good \'name\' "🙂"': 1 }, 7)
  await run.end({ status: 'nonsense' as never })
  expect(await tracking.getRun(run.id)).toMatchObject({ status: 'failed' })
  expect(await stepsOf(run.id, 'good \'name\' "🙂"')).toEqual([7])
  for (const { path } of (await tracking.listRunArtifacts(run.id)).artifacts) expect(path).not.toContain('..')
  // All of it was taken: what the server would refuse was never sent.
  expect(await spools()).toEqual([])
  run.logMetrics({ x: 1 })
  await run.logArtifact(import.meta.filename)
  await run.end()
})

test('a model goes with its files and what is to be known of it, and is registered once they are there', async () => {
  const out = join(folder, 'net')
  await mkdir(out)
  await writeFile(join(out, 'weights.bin'), 'w')
  await writeFile(join(out, 'config.json'), '{}')
  const { models } = createClient({ url: api.api.url, token: api.tokens.operator })
  const run = await start()
  const about = { framework: 'onnx', step: 7, signature: { inputs: ['x'] }, metadata: { layers: 2 }, aliases: ['best'] }
  await run.logModel(out, 'net', { ...about, registeredModelName: 'tracked net' })
  await run.logModel(join(out, 'weights.bin'))
  await run.logModel(join(folder, 'nowhere'))
  await run.end()
  expect(warnings).toEqual([expect.stringContaining('logModel')])
  const { artifacts } = await tracking.listRunArtifacts(run.id)
  expect(artifacts.map(({ path, type }) => [path, type])).toEqual([
    ['models/model/weights.bin', 'model'],
    ['models/net/config.json', 'model'],
    ['models/net/weights.bin', 'model'],
  ])
  expect(artifacts[1]).toMatchObject({
    metadata: { framework: 'onnx', step: 7, layers: 2 },
    aliases: ['best', 'latest'],
  })
  const version = await models.version('tracked net', '1')
  expect(version).toMatchObject({ runId: run.id, path: 'models/net', framework: 'onnx', signature: { inputs: ['x'] } })
})

test('a model that can not be registered costs nothing else', async () => {
  const file = join(folder, 'only.bin')
  await writeFile(file, 'w')
  const run = await start()
  await run.logModel(file, 'net', { registeredModelName: ' '.repeat(300) })
  run.logMetrics({ a: 1 }, 1)
  await run.end()
  expect(warnings.some((text) => text.includes('was left out'))).toBe(true)
  expect(await stepsOf(run.id, 'a')).toEqual([1])
  expect((await tracking.listRunArtifacts(run.id)).artifacts).toHaveLength(1)
})

test('a folder goes file by file, and links lead nowhere', async () => {
  const out = join(folder, 'out')
  await mkdir(join(out, 'deep'), { recursive: true })
  await writeFile(join(out, 'deep', "b 'ü' 🙂.bin"), 'b')
  await writeFile(join(out, 'empty'), '')
  await symlink(out, join(out, 'deep', 'circle'))
  const run = await start()
  await run.logArtifact(out, { name: 'data' })
  await run.end()
  expect(warnings).toEqual([])
  expect((await tracking.listRunArtifacts(run.id)).artifacts.map(({ path }) => path)).toEqual([
    "data/deep/b 'ü' 🙂.bin",
    'data/empty',
  ])
})

test('in a trial the run is the trial’s: metrics go to its file, the rest to its run', async () => {
  const sweepId = await createTestSweep(api)
  const controller = new TestController(api)
  const agent = await registerTestAgent(api)
  await controller.issue(sweepId, 1)
  const claim: Claim = { room: { ...ROOM, slots: 1 }, max: 1, waitMs: 10_000 }
  const claimed = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body: claim })
  const { assignments } = claimed.body as { assignments: { token: string; attemptId: string }[] }
  const { token = '', attemptId = '' } = assignments[0] ?? {}
  const runDir = join(folder, 'run')
  await mkdir(runDir)
  await writeFile(join(folder, 'f'), 'file')
  const env = {
    SWEEP_ID: sweepId,
    SWEEP_TRIAL: '1',
    SWEEP_ATTEMPT: attemptId,
    SWEEP_TOKEN: token,
    SWEEP_RUN_DIR: runDir,
  }
  const run = await start({ name: 'mine', params: { extra: 1 }, tags: { k: 'v' } }, env)
  expect([run.id, run.isTrial]).toEqual([`${sweepId}-1`, true])
  expect(run.logMetrics({ loss: 0.5 }, 1, { context: 'eval' })).toEqual({ stop: false, reason: '', save: false })
  await writeFile(join(runDir, 'control.json'), JSON.stringify({ stop: 'paused', save: false }))
  expect(run.logMetrics({ loss: Number.NaN }, 2)).toEqual({ stop: true, reason: 'paused', save: true })
  await run.logArtifact(join(folder, 'f'), { type: 'data' })
  const fold = await start({ name: 'fold', parentRunId: run.id }, env)
  fold.logMetrics({ a: 1 }, 1)
  await fold.end()
  await run.end()
  expect(await tracking.getRun(fold.id)).toMatchObject({ parentRunId: run.id, status: 'completed' })
  expect(await readFile(join(runDir, 'metrics.jsonl'), 'utf8')).toBe(
    '{"step":1,"eval/loss":0.5}\n{"step":2,"loss":"NaN"}\n',
  )
  expect(await readFile(join(runDir, 'artifacts', 'f'), 'utf8')).toBe('file')
  const got = await tracking.getRun(run.id)
  expect(got).toMatchObject({ name: 'mine', tags: { k: 'v' }, params: { extra: 1 }, status: 'running' })
  expect((await tracking.listRunArtifacts(run.id)).artifacts).toMatchObject([{ path: 'f', type: 'data' }])
  expect(warnings).toEqual([])
})
