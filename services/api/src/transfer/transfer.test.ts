import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { createClient } from '@sweep/client/client'
import { TRANSFER_FORMATS } from '@sweep/spec/transfer-formats'
import { compactAttempts } from '@sweep/store/metrics'
import { extract, pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  claimAndReport,
  createTestSweep,
  SWEEP_YAML,
  type TestApi,
  TestController,
  testApi,
} from '../testing/test-api.ts'

let api: TestApi
let client: ReturnType<typeof createClient>
beforeAll(async () => {
  api = await testApi()
  client = createClient({ url: api.api.url, token: api.tokens.operator })
})
afterAll(() => api.close())

type Files = Map<string, Buffer>

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function untar(bytes: Buffer): Promise<Files> {
  const files: Files = new Map()
  const archive = extract()
  archive.end(bytes)
  for await (const entry of archive) files.set(entry.header.name, await bytesOf(entry as AsyncIterable<Buffer>))
  return files
}

async function tar(files: Iterable<readonly [string, Buffer]>, type: 'file' | 'symlink' = 'file'): Promise<Buffer> {
  const archive = pack()
  for (const [name, bytes] of files) {
    if (type === 'file') archive.entry({ name }, bytes)
    else archive.entry({ name, type, linkname: '/etc/passwd' })
  }
  archive.finalize()
  return bytesOf(archive as AsyncIterable<Buffer>)
}

async function exported(project: number, format: (typeof TRANSFER_FORMATS)[number] = 'jsonl'): Promise<Buffer> {
  return bytesOf(await client.projects.exportProject(project, { format }))
}

function imported(bytes: Buffer, name?: string) {
  return client.projects.importProject(Readable.from(bytes.length === 0 ? [] : [bytes]), { name })
}

const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

const ODD_KEY = `"q", 'x' 😀 \\ é`
const ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, 5e-324, -0, 0.1 + 0.2]

/** A project with all there is of it. */
async function sampleProject(name: string): Promise<number> {
  const { tracking } = client
  const settings = { metrics: { loss: { digits: 3 } }, archive: { afterDays: 3650, keepBest: 2 } }
  const project = await tracking.createProject({
    ...{ name, description: 'a, "b"\nc', owner: 'me', tags: { team: 'x', empty: '' }, settings },
  })
  const metric = { name: 'loss', goal: 'minimize' as const }
  const one = await tracking.createExperiment({ project: name, name: 'one', hypothesis: 'h', tags: { a: 'b' }, metric })
  const two = await tracking.createExperiment({ project: name, name: 'two' })
  const first = await tracking.createRun({
    ...{
      experimentId: one.id,
      name: 'first',
      group: 'g',
      params: { lr: 1e-4, model: { depth: 3, layers: [1, 2] }, none: null },
    },
    ...{ tags: { k: 'v' }, notes: 'ünï\tcode', environment: { python: '3.12', gpus: ['a'] } },
    ...{
      source: { type: 'git', commit: 'abc', dirty: true, diff: '+ "x"\r\n' },
      startedAt: '2026-01-02T03:04:05.678Z',
    },
  })
  await tracking.changeRun(first.id, { resources: { gpuHours: 1.5 } })
  const points = ODD.map((value, step) => ({ step, at: 1000.5 + step, values: { loss: value, [ODD_KEY]: -value } }))
  await tracking.logMetrics(first.id, { points })
  await tracking.logMetrics(first.id, {
    points: [
      { step: 2, at: 1, values: { loss: 7 } },
      { step: 9, at: 2, values: { loss: 1 } },
    ],
  })
  await tracking.endRun(first.id, { status: 'failed', message: 'why', endedAt: '2026-01-03T00:00:00.001Z' })
  const child = await tracking.createRun({ experimentId: two.id, parentRunId: first.id })
  await tracking.uploadArtifact(first.id, 'models/m "1".bin', Readable.from([Buffer.from('version one')]))
  await tracking.uploadArtifact(first.id, 'models/m "1".bin', Readable.from([Buffer.from('version two')]), {
    type: 'model',
  })
  await tracking.changeArtifact(first.id, 'models/m "1".bin', { aliases: ['best'], metadata: { acc: 0.5 } }, '1')
  await tracking.uploadArtifact(child.id, 'same.txt', Readable.from([Buffer.from('version two')]))
  await tracking.useArtifact(child.id, { runId: first.id, path: 'models/m "1".bin', version: 1 })
  return project.id
}

/** Everything of a project that the API shows, without ids. */
async function shownOf(id: number) {
  const { tracking, runs } = client
  const { id: _, createdAt, name: __, ...project } = await tracking.getProject(id)
  const { projects } = await tracking.listProjects()
  const name = projects.find((one) => one.id === id)?.name
  const experiments = (await tracking.listExperiments({ project: name })).experiments.map(
    ({ id: _, projectId: __, project: ___, ...rest }) => rest,
  )
  const listed = (await runs.search({ project: name })).runs
  const ids = new Map(listed.map((run, n) => [run.id as string, n]))
  const shown = []
  for (const { id: runId } of listed) {
    const { id: _, experimentId: __, project: ___, parentRunId, ...run } = await tracking.getRun(runId)
    const histories = []
    for (const key of run.metricNames) histories.push(await tracking.metricHistory(runId, key))
    const artifacts = []
    for (const { path } of (await tracking.listRunArtifacts(runId)).artifacts) {
      for (const one of (await tracking.artifactVersions(runId, path)).artifacts) {
        artifacts.push([one, await bytesOf(await tracking.getRunArtifact(runId, path, String(one.version)))])
      }
    }
    const { uses } = await tracking.lineage(runId)
    const links = uses.map(({ runId: used, ...use }) => ({ ...use, run: ids.get(used) }))
    const { metrics } = await tracking.runMetrics(runId)
    shown.push({ run, parent: parentRunId && ids.get(parentRunId), metrics, histories, artifacts, links })
  }
  return { project: { ...project, createdAt }, experiments, shown }
}

describe.each(TRANSFER_FORMATS)('as %s', (format) => {
  test('a project comes back as it was: params, tags, every point, every version of every file', async () => {
    const id = await sampleProject(`round ${format}`)
    const before = await shownOf(id)
    const bytes = await exported(id, format)
    const { project, ...counts } = await imported(bytes, `back ${format}`)
    expect(counts).toEqual({ experiments: 2, runs: 2, points: 2 * ODD.length + 2, artifacts: 3 })
    expect(await shownOf(project.id)).toEqual(before)
    // And once more out of that: the same rows, but for the name and the ids.
    const again = await exported(project.id, format)
    const names = (all: Files) => [...all.keys()].sort()
    expect(names(await untar(again))).toEqual(names(await untar(bytes)))
    // By metric: in which order those come is nobody's concern, in which order points come is.
    const lines = async (all: Buffer) => {
      const text = (await untar(all)).get('metrics-000001.jsonl')?.toString() ?? ''
      const points = text
        .replace(/"runId":"\w+",/g, '')
        .trim()
        .split('\n')
      const keyOf = (line: string) => (line === '' ? '' : (JSON.parse(line) as { key: string }).key)
      return points.sort((a, b) => keyOf(a).localeCompare(keyOf(b)))
    }
    expect(await lines(again)).toEqual(await lines(bytes))
  })
})

test('ids stay where they are free, so a project may go to another server and back', async () => {
  const other = await testApi()
  const id = await sampleProject('travels')
  const ids = async (from: typeof client, name: string) =>
    (await from.runs.search({ project: name })).runs.map((run) => run.id)
  const elsewhere = createClient({ url: other.api.url, token: other.tokens.operator })
  const bytes = gzipSync(await exported(id))
  const { project } = await elsewhere.projects.importProject(Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]))
  expect(project.name).toBe('travels')
  expect(await ids(elsewhere, 'travels')).toEqual(await ids(client, 'travels'))
  await elsewhere.tracking.endRun((await ids(elsewhere, 'travels'))[0] ?? '')
  await other.close()
})

test('trials come along as runs that say of which trial they were, with the points that count', async () => {
  const sweepId = await createTestSweep(api, SWEEP_YAML)
  await new TestController(api).issue(sweepId, 2)
  await claimAndReport(api, 2, ({ trial }) => ({
    batches: [{ source: 'metrics', from: 0, to: 10, points: [{ step: 1, at: 1, values: { loss: trial / 10 } }] }],
    ...(trial === 1
      ? { ended: { at: 1, cause: 'succeeded', message: 'ok', exitCode: 0, signal: null, seconds: 2 } }
      : {}),
  }))
  const { projects } = await client.tracking.listProjects({ name: 'default' })
  const { project } = await imported(await exported(projects[0]?.id ?? 0), 'of trials')
  const { runs } = await client.runs.search({
    project: 'of trials',
    order: 'name',
    columns: 'params.*, tags.*, metrics.*',
  })
  expect(runs).toMatchObject([
    {
      name: 'test/1',
      status: 'completed',
      trial: null,
      metrics: { loss: { last: 0.1 } },
      params: { optimizer: 'sgd' },
    },
    { name: 'test/2', status: 'killed', trial: null, metrics: { loss: { last: 0.2 } } },
  ])
  expect(runs[1]?.tags).toEqual({ 'sweep.trial': `${sweepId}-2`, 'sweep.state': 'running' })
  const { experiments } = await client.tracking.listExperiments({ project: project.name })
  expect(experiments).toMatchObject([{ name: 'test', kind: 'runs', metric: { name: 'loss' } }])
})

test('points that are packed while they are exported are there once, in their order', async () => {
  const { tracking } = client
  const { id: project } = await tracking.createProject({ name: 'packed' })
  const run = await tracking.createRun({ project: 'packed' })
  for (let batch = 0; batch < 300; batch += 1) {
    const points = Array.from({ length: 20 }, (_, n) => ({ step: batch * 20 + n, at: n, values: { a: n, b: batch } }))
    await tracking.logMetrics(run.id, { points })
  }
  await tracking.endRun(run.id)
  const exporting = exported(project)
  await compactAttempts(api.database)
  const { project: back, points } = await imported(await exporting, 'packed again')
  expect(points).toBe(12_000)
  const { runs } = await client.runs.search({ project: back.name })
  for (const key of ['a', 'b']) {
    expect(await tracking.metricHistory(runs[0]?.id ?? '', key)).toEqual(await tracking.metricHistory(run.id, key))
  }
})

describe('refused, with nothing stored', () => {
  let files: Files
  beforeAll(async () => {
    files = await untar(await exported(await sampleProject('refused')))
  })

  /** The archive with one table written anew, and its manifest to match. */
  function withTable(name: string, change: (row: Record<string, unknown>) => Record<string, unknown>): Files {
    const path = `${name}-000001.jsonl`
    const lines = (files.get(path)?.toString() ?? '').trim().split('\n')
    const bytes = Buffer.from(
      lines.map((line) => `${JSON.stringify(change(JSON.parse(line) as Record<string, unknown>))}\n`).join(''),
    )
    const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '') as { files: { path: string }[] }
    const listed = manifest.files.map((file) =>
      file.path === path ? { ...file, sizeBytes: bytes.length, sha256: sha256Of(bytes) } : file,
    )
    return new Map(files)
      .set(path, bytes)
      .set('manifest.json', Buffer.from(JSON.stringify({ ...manifest, files: listed })))
  }

  const everything = async () => {
    const counts = ['projects', 'experiments', 'runs', 'run_streams', 'metric_chunks', 'artifacts', 'run_metrics'].map(
      (table) => `(select count(*) from ${table})::int as ${table}`,
    )
    return (await api.database.query(`select ${counts.join(', ')}`)).rows[0]
  }

  test.each<[string, string, (whole: Buffer) => Buffer | Promise<Buffer>]>([
    ['a tar that was cut off', 'no whole tar', (whole) => whole.subarray(0, whole.length / 2)],
    ['one without its manifest', 'cut off', () => tar([...files].filter(([name]) => name !== 'manifest.json'))],
    ['a gzip that was cut off', 'no whole tar', (whole) => gzipSync(whole).subarray(0, -200)],
    ['something else', 'no whole tar', () => Buffer.alloc(2000, 'x')],
    ['nothing at all', 'empty', () => Buffer.alloc(0)],
    ['a path that leads out', 'no file of an export', () => tar([...files, ['../../etc/cron.d/x', Buffer.from('x')]])],
    ['an absolute path', 'no file of an export', () => tar([...files, ['/tmp/x', Buffer.from('x')]])],
    [
      'an object that is called otherwise',
      'no file of an export',
      () => tar([...files, ['objects/../x', Buffer.from('x')]]),
    ],
    ['a link', 'no file of an export', () => tar([['manifest.json', Buffer.alloc(0)]], 'symlink')],
    ['a file twice', 'twice', () => tar([...files, ...files])],
    [
      'a file that its manifest does not have',
      'does not have',
      () => tar([...files, ['uses-000002.jsonl', Buffer.from('')]]),
    ],
    [
      'a changed table',
      'not what its manifest says',
      () => tar(new Map(files).set('runs-000001.jsonl', Buffer.from('{}\n'))),
    ],
    [
      'an object with other bytes',
      'not what its manifest says',
      () => {
        const object = [...files.keys()].find((name) => name.startsWith('objects/')) ?? ''
        return tar(new Map(files).set(object, Buffer.from('lies')))
      },
    ],
    [
      'an object less',
      'files of runs',
      () => {
        const object = [...files.keys()].find((name) => name.startsWith('objects/'))
        return tar([...files].filter(([name]) => name !== object))
      },
    ],
    [
      'a newer format',
      'newer release',
      () => {
        const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '') as object
        return tar(new Map(files).set('manifest.json', Buffer.from(JSON.stringify({ ...manifest, version: 2 }))))
      },
    ],
    [
      'points of a run that it lacks',
      'which it lacks',
      () => tar(withTable('metrics', (row) => ({ ...row, runId: '0123456789' }))),
    ],
    [
      'a run of an experiment that it lacks',
      'which it lacks',
      () => tar(withTable('runs', (row) => ({ ...row, experimentId: '0123456789' }))),
    ],
    [
      'a run that is below itself',
      'below itself',
      () => tar(withTable('runs', (row) => ({ ...row, parentRunId: row['id'] }))),
    ],
    ['a run twice', 'twice', () => tar(withTable('runs', (row) => ({ ...row, id: '0123456789' })))],
    [
      'a status that is none',
      'runs-000001.jsonl, row 1: status',
      () => tar(withTable('runs', (row) => ({ ...row, status: 'exploded' }))),
    ],
    [
      'a run that is over and has no end',
      'endedAt',
      () => tar(withTable('runs', (row) => ({ ...row, status: 'completed', endedAt: null }))),
    ],
    ['a step that is no whole number', 'step', () => tar(withTable('metrics', (row) => ({ ...row, step: 1.5 })))],
    ['a value that is text', 'no number', () => tar(withTable('metrics', (row) => ({ ...row, value: 'high' })))],
    ['a file of another length', 'said to be', () => tar(withTable('artifacts', (row) => ({ ...row, sizeBytes: 1 })))],
    [
      'a file whose bytes it lacks',
      'said to be',
      () => tar(withTable('artifacts', (row) => ({ ...row, sha256: '0'.repeat(64) }))),
    ],
    ['an alias twice', 'artifact_aliases', () => tar(withTable('artifacts', (row) => ({ ...row, aliases: ['best'] })))],
    ['an artifact path that leads out', 'path', () => tar(withTable('artifacts', (row) => ({ ...row, path: '../x' })))],
  ])('%s', async (_, says, make) => {
    const before = await everything()
    const whole = await tar(files)
    const failed = await imported(await make(whole), 'never').catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(Error)
    expect(String((failed as Error).message)).toContain(says)
    expect(await everything()).toEqual(before)
    expect((await client.tracking.listProjects({ name: 'never' })).projects).toEqual([])
  })

  test('a name that there is already, before the archive is read, and who may not', async () => {
    await expect(imported(await tar(files))).rejects.toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('--name'),
    })
    await expect(imported(Buffer.from('x'), 'refused')).rejects.toMatchObject({ code: 'conflict' })
    const viewer = createClient({ url: api.api.url, token: api.tokens.viewer })
    const bytes = await tar(files)
    await expect(viewer.projects.importProject(Readable.from([bytes]), { name: 'v' })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(client.projects.exportProject(77_777)).rejects.toMatchObject({ code: 'not-found' })
  })
})
