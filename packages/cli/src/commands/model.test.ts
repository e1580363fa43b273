import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GateResult } from '@sweep/spec/models/gates'
import { ModelName } from '@sweep/spec/models/names'
import type { ModelVersionView, ModelView } from '@sweep/spec/wire/tracking/models'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, type Route, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const AT = '2026-01-01T00:00:00.000Z'
const name = ModelName.parse('digits')
const MODEL: ModelView = {
  ...{ name, description: '', tags: {}, versions: 2, aliases: { champion: 1 }, createdBy: 'user:me' },
  ...{ createdAt: AT, updatedAt: AT, stages: { dev: 2, staging: null, production: 1, archived: null } },
}
const VERSION: ModelVersionView = {
  ...{ model: name, version: 2, stage: 'dev', stagedAt: AT, aliases: [], description: '', tags: { team: 'vision' } },
  ...{ runId: 'rn00000001' as never, path: 'models/net', source: null, files: 1, sizeBytes: 7, framework: 'torch' },
  ...{ signature: { inputs: ['x'] }, createdBy: 'user:me', createdAt: AT, updatedAt: AT },
  origin: {
    ...{ isFinal: true, config: { lr: 0.1 }, dataVersion: 'v3', commit: 'c0ffee', dirty: true, durationMs: 90_000 },
    metrics: {
      acc: { last: 0.93, lastStep: 3, min: 0.1, max: 0.93 },
      'system/gpu': { last: 1, lastStep: 1, min: 1, max: 1 },
    },
  },
}
const FAILED: GateResult = {
  ...{ gate: { kind: 'metric', metric: 'acc', summary: 'last', min: 0.95 }, passed: false, value: 0.93 },
  ...{ threshold: '>= 0.95', message: 'acc is 0.93, and must be >= 0.95' },
}

async function run(argv: readonly string[], routes: Readonly<Record<string, Route>> = {}, cwd?: string) {
  const server = await startFakeServer({
    'GET /models': () => ({ models: [MODEL], next: null }),
    'GET /models/digits': () => MODEL,
    'GET /models/digits/versions': () => ({
      versions: [VERSION, { ...VERSION, version: 1, stage: 'production' }],
      next: null,
    }),
    'GET /models/digits/versions/2': () => VERSION,
    'POST /runs/rn00000001/models': () => [201, VERSION],
    'POST /models/digits/versions/2/stage': () => ({ version: VERSION, moved: true, gates: [], replaced: 1 }),
    ...routes,
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  const done = await runFake(['model', ...argv], { env, terminal: { columns: 120, rows: 24 }, ...(cwd && { cwd }) })
  return { ...done, calls: server.calls }
}
const writes = (calls: readonly { method: string; path: string; body: unknown }[]) =>
  calls.filter(({ method }) => method !== 'GET').map(({ method, path, body }) => [`${method} ${path}`, body])

test('ls and get show what is in production, the versions, and what has made one', async () => {
  expect((await run(['ls'])).stdout).toMatch(/digits +2 +1 +champion=1/)
  const versions = await run(['get', 'digits'])
  expect(versions.stdout).toMatch(/2 +dev .*rn00000001 +acc=0.93 +torch/)
  expect(versions.stdout).not.toContain('system/gpu')
  const one = await run(['get', 'digits@2'])
  for (const text of ['c0ffee (changed)', '1m30s', 'v3', 'lr=0.1', '{"inputs":["x"]}', 'team=vision']) {
    expect(one.stdout).toContain(text)
  }
  expect(JSON.parse((await run(['get', 'digits@2', '--json'])).stdout)).toMatchObject({
    version: 2,
    origin: { commit: 'c0ffee' },
  })
  for (const wrong of ['@2', 'digits@', '']) expect((await run(['get', wrong])).code).toBe(2)
})

test('register names the run, and says what is known of the version', async () => {
  const { calls, code } = await run([
    ...[
      'register',
      'digits',
      'rn00000001',
      '--path',
      'models/net',
      '--tag',
      'team=vision',
      '--tag',
      'x',
      '--alias',
      'new',
    ],
    ...['--data-version', 'v4', '--framework', 'jax', '--description', 'd'],
  ])
  expect(code).toBe(0)
  expect(writes(calls)).toEqual([
    [
      'POST /runs/rn00000001/models',
      {
        ...{ name: 'digits', path: 'models/net', tags: { team: 'vision', x: '' }, aliases: ['new'] },
        ...{ dataVersion: 'v4', framework: 'jax', description: 'd' },
      },
    ],
  ])
  const trial = await run(['register', 'digits', 'abcdefghjk/17'], {
    'POST /runs/abcdefghjk-17/models': () => [201, VERSION],
  })
  expect(trial.code).toBe(0)
  for (const argv of [
    ['register', 'a/b', 'rn00000001'],
    ['register', 'digits', 'rn00000001', '--alias', 'production'],
  ]) {
    const refused = await run(argv)
    expect([refused.code, writes(refused.calls)]).toEqual([2, []])
  }
})

test('promote asks for a stage, sends the reason, and says whose place it takes', async () => {
  const { calls, stderr } = await run(['promote', 'digits@2', 'production', '--reason', 'better', '--force'])
  expect(writes(calls)).toEqual([
    ['POST /models/digits/versions/2/stage', { stage: 'production', reason: 'better', force: true, dryRun: false }],
  ])
  expect(stderr).toContain('takes the place of version 1')
  expect(stderr).toContain('sweep model rollback digits takes that back')
  for (const argv of [
    ['promote', 'digits', 'production'],
    ['promote', 'digits@2', 'prodution'],
    ['promote', 'digits@2', 'production', '--force'],
  ]) {
    const refused = await run(argv)
    expect([refused.code, writes(refused.calls)]).toEqual([2, []])
  }
  expect((await run(['promote', 'digits@2', 'prodution'])).stderr).toContain('Did you mean "production"?')
})

test('a refused promotion fails with what the gates have found, and a dry run with a table of it', async () => {
  const refused = {
    'POST /models/digits/versions/2/stage': () => [
      409,
      { code: 'gates-failed', message: `not promoted: ${FAILED.message}`, details: { gates: [FAILED] } },
    ],
  }
  const { code, stderr } = await run(['promote', 'digits@2', 'production'], refused)
  expect(code).toBe(1)
  expect(stderr).toContain('acc is 0.93, and must be >= 0.95')
  const json = await run(['promote', 'digits@2', 'production', '--json'], refused)
  expect(JSON.parse(json.stderr)).toMatchObject({ code: 'gates-failed', details: { gates: [{ value: 0.93 }] } })
  const dry = await run(['promote', 'digits@2', 'production', '--dry-run'], {
    'POST /models/digits/versions/2/stage': () => ({ version: VERSION, moved: false, gates: [FAILED], replaced: null }),
  })
  expect(dry.code).toBe(1)
  expect(dry.stdout).toMatch(/NO +metric +0.93 +>= 0.95 +acc is 0.93/)
})

test('rollback, archive, restore and history', async () => {
  const rolled = await run(['rollback', 'digits', '--reason', 'worse'], {
    'POST /models/digits/rollback': () => ({
      version: { ...VERSION, version: 1 },
      moved: true,
      gates: [],
      replaced: 2,
    }),
  })
  expect(writes(rolled.calls)).toEqual([['POST /models/digits/rollback', { from: 1, reason: 'worse' }]])
  expect(rolled.stderr).toContain('takes the place of version 2')
  // Once more would go further back.
  expect(rolled.stderr).not.toContain('sweep model rollback')
  for (const [command, stage] of [
    ['archive', 'archived'],
    ['restore', 'dev'],
  ]) {
    const { calls } = await run([command ?? '', 'digits@2'])
    expect(writes(calls)).toEqual([['POST /models/digits/versions/2/stage', { stage }]])
  }
  const entry = { id: 1, version: 2, kind: 'refused', from: 'dev', to: 'production', reason: 'please', forced: false }
  const told = await run(['history', 'digits@2', '--limit', '1'], {
    'GET /models/digits/history': ({ path }) => {
      expect(path).toContain('version=2')
      return { history: [{ ...entry, gates: [FAILED], by: 'user:me', at: AT }], next: 'more' }
    },
  })
  expect(told.stdout).toMatch(/2 +refused +dev +production +user:me +please; acc is 0.93/)
  expect(told.stderr).toContain('--limit shows more')
})

test('gate adds and removes what its options mean', async () => {
  const routes = {
    'POST /models/digits/gates': () => ({}),
    'DELETE /models/digits/gates/4': () => null,
    'GET /models/digits/gates': () => ({
      gates: [
        { id: 5, stage: 'production', gate: FAILED.gate, text: 'acc >= 0.95', createdBy: 'user:me', createdAt: AT },
      ],
    }),
  }
  const { calls, stdout, code } = await run(
    [
      ...[
        'gate',
        'digits',
        'production',
        '--min',
        'val=acc=0.95',
        '--max',
        'loss=-1e-3',
        '--better',
        'loss=2%',
        '--lower',
      ],
      ...['--completed', '--healthy', '--tag', 'reviewed', '--tag', 'by=ada', '--staged', '--recorded', 'commit'],
      ...['--remove', '4'],
    ],
    routes,
  )
  expect(code).toBe(0)
  expect(stdout).toContain('acc >= 0.95')
  expect(writes(calls).map(([what]) => what)[0]).toBe('DELETE /models/digits/gates/4')
  expect(
    writes(calls)
      .slice(1)
      .map(([, body]) => (body as { gate: object }).gate),
  ).toEqual([
    { kind: 'metric', metric: 'val=acc', summary: 'last', min: 0.95 },
    { kind: 'metric', metric: 'loss', summary: 'last', max: -0.001 },
    { kind: 'improvement', metric: 'loss', goal: 'minimize', summary: 'last', by: 0.02, relative: true },
    { kind: 'completed' },
    { kind: 'health', severity: 'error' },
    { kind: 'tag', key: 'reviewed' },
    { kind: 'tag', key: 'by', value: 'ada' },
    { kind: 'staged' },
    { kind: 'recorded', what: 'commit' },
  ])
  const warned = await run(
    ['gate', 'digits', 'staging', '--no-warnings', '--better', 'acc', '--summary', 'max'],
    routes,
  )
  expect(writes(warned.calls).map(([, body]) => body)).toEqual([
    {
      stage: 'staging',
      gate: { kind: 'improvement', metric: 'acc', goal: 'maximize', summary: 'max', by: 0, relative: false },
    },
    { stage: 'staging', gate: { kind: 'health', severity: 'warning' } },
  ])
  for (const argv of [
    ['digits', 'production'],
    ['digits', '--min', 'acc=1'],
    ['digits', 'dev', '--min', 'acc=1'],
    ['digits', 'production', '--min', 'acc'],
    ['digits', 'production', '--better', 'acc=-1'],
    ['digits', 'production', '--recorded', 'luck'],
    ['digits', '--remove', 'x'],
  ]) {
    const refused = await run(['gate', ...argv], routes)
    expect([argv, refused.code, writes(refused.calls)]).toEqual([argv, 2, []])
  }
})

test('files are fetched whole and checked, from the version that a stage meant at first', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-model-'))
  try {
    const sha256 = createHash('sha256').update('weights').digest('hex')
    const routes: Record<string, Route> = {
      'GET /models/digits/versions/staging': () => VERSION,
      'GET /models/digits/versions/2/files': () => ({ files: [{ path: 'deep/w', sizeBytes: 7, sha256 }] }),
      'GET /models/digits/versions/2/file': (_, response) => void response.writeHead(200).end('weights'),
    }
    const { code } = await run(['files', 'digits@staging', '--download', 'out'], routes, folder)
    expect(code).toBe(0)
    expect(await readFile(join(folder, 'out/deep/w'), 'utf8')).toBe('weights')
    const broken = {
      ...routes,
      'GET /models/digits/versions/2/file': (_: unknown, response: import('node:http').ServerResponse) =>
        void response.writeHead(200).end('others'),
    }
    expect((await run(['files', 'digits@staging', '--download', 'bad'], broken, folder)).code).toBe(1)
    await expect(readFile(join(folder, 'bad/deep/w'))).rejects.toThrow()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('rm asks, and deletes what was named', async () => {
  const routes = { 'DELETE /models/digits': () => null, 'DELETE /models/digits/versions/2': () => null }
  expect(writes((await run(['rm', 'digits@2', '--yes'], routes)).calls)).toEqual([
    ['DELETE /models/digits/versions/2', undefined],
  ])
  expect(writes((await run(['rm', 'digits', '--yes'], routes)).calls)).toEqual([['DELETE /models/digits', undefined]])
  const unasked = await run(['rm', 'digits'], routes)
  expect([unasked.code, writes(unasked.calls)]).toEqual([2, []])
})
