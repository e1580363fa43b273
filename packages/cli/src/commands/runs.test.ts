import { ExperimentId, RunId } from '@sweep/spec/ids'
import type { RunComparison } from '@sweep/spec/wire/tracking/compare'
import type { RunRow } from '@sweep/spec/wire/tracking/runs'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, type Route, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

function fakeRun(changes: object = {}): RunRow {
  return {
    id: RunId.parse('rn00000001'),
    experimentId: ExperimentId.parse('0000000001'),
    experiment: 'ablations',
    project: 'default',
    name: 'base\u001b[31m',
    group: null,
    status: 'completed',
    parentRunId: null,
    trial: null,
    params: { lr: 0.1, layers: [1, 2] },
    tags: {},
    createdBy: 'user:me',
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:01:30.000Z',
    deletedAt: null,
    archivedAt: null,
    thinnedAt: null,
    ...changes,
  }
}

async function run(argv: readonly string[], routes: Readonly<Record<string, Route>>) {
  const server = await startFakeServer(routes)
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  const done = await runFake(argv, { env, terminal: { columns: 100, rows: 24 } })
  return { ...done, calls: server.calls }
}

const SEARCH = 'POST /runs/search'

test('runs ls asks for what its options mean, page after page, and shows the fields that were asked for', async () => {
  const metrics = { 'val loss': { last: 'NaN', lastStep: 3, min: 0.123456, max: 2 } }
  const pages = [
    { runs: [fakeRun({ metrics })], next: 'more' },
    { runs: [fakeRun({ id: 'rn00000002', metrics: {} })], next: null },
  ]
  const argv = ['runs', 'ls', '--filter', 'params.lr < 0.5', '--order', 'created', '--experiment', 'it"s']
  const columns = 'metrics.`val loss`, min(metrics.`val loss`), params.*'
  const { stdout, code, calls } = await run([...argv, '--columns', columns], { [SEARCH]: () => pages.shift() })
  expect(code).toBe(0)
  expect(calls.map(({ body }) => body)).toMatchObject([
    { filter: 'experiment = "it""s" and params.lr < 0.5', order: 'created', columns, limit: 50 },
    { after: 'more', limit: 49 },
  ])
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^ID +STATUS +METRICS\.`VAL LOSS` +MIN\(METRICS\.`VAL LOSS`\) +PARAMS\.LAYERS +PARAMS\.LR$/)
  expect(lines[1]).toMatch(/^rn00000001 +completed +NaN +0\.1235 +\[1,2\] +0\.1$/)
  expect(lines[2]).toMatch(/^rn00000002 +completed +- +- +\[1,2\] +0\.1$/)
})

test('runs ls without columns is an overview, and --json is what the server said', async () => {
  const { stdout } = await run(['runs', 'ls'], { [SEARCH]: () => ({ runs: [fakeRun()], next: null }) })
  expect(stdout).toContain('ablations')
  expect(stdout).toContain('1m30s')
  expect(stdout).not.toContain('\u001b')
  const json = await run(['runs', 'ls', '--json', '--limit', '1'], {
    [SEARCH]: () => ({ runs: [fakeRun()], next: 'more' }),
  })
  expect(JSON.parse(json.stdout)).toEqual([fakeRun()])
  expect(json.stderr).toContain('Only the first 1')
})

test('where nothing is found by what was measured, it may be too early', async () => {
  const routes = { [SEARCH]: () => ({ runs: [], next: null }) }
  expect((await run(['runs', 'ls', '--filter', 'metrics.a < 1'], routes)).stderr).toContain('some seconds later')
  expect((await run(['runs', 'ls', '--filter', 'name = a'], routes)).stderr).toBe('No such runs.\n')
})

test('runs ls says which names no run has', async () => {
  const hints = ['No run has metrics.los. Did you mean metrics.loss?']
  const { stderr, code } = await run(['runs', 'ls', '--filter', 'metrics.los < 1'], {
    [SEARCH]: () => ({ runs: [], next: null, hints }),
  })
  expect([code, stderr]).toEqual([0, `No such runs.\n${hints[0]}\n`])
})

test('a mistake in a filter is shown where it is, before anything is asked', async () => {
  const { stderr, code, calls } = await run(['runs', 'ls', '--filter', 'metrcs.a < 1'], {})
  expect(code).toBe(2)
  expect(calls).toEqual([])
  expect(stderr).toContain('  1 | metrcs.a < 1\n    | ^^^^^^^^\n')
  expect(stderr).toContain('Did you mean "metrics.a"?')
  const json = await run(['runs', 'ls', '--json', '--order', 'created down'], {})
  expect(JSON.parse(json.stderr)).toMatchObject({ code: 'invalid-request', details: { diagnostics: [{ column: 9 }] } })
})

const COMPARED: RunComparison = {
  runs: [
    { id: `${SWEEP_ID}-3`, name: 'first', experiment: 'e', group: null, status: 'completed' },
    { id: 'rn00000002', name: null, experiment: 'e', group: null, status: 'failed' },
  ] as RunComparison['runs'],
  params: [
    { name: 'lr', differs: true, values: [[0.1], null] },
    { name: 'same', differs: false, values: [['x'], ['x']] },
  ],
  metrics: [
    {
      name: 'val_loss',
      goal: 'minimize',
      values: [
        { last: 0.5, lastStep: 1, min: 0.25, max: 1 },
        { last: 0.4, lastStep: 1, min: 0.4, max: 1 },
      ],
      best: [0],
    },
    { name: 'lr', goal: null, values: [null, { last: 7, lastStep: 1, min: 1, max: 9 }], best: [] },
  ],
}

test('compare shows what differs and marks the best; a trial is written SWEEP/NUMBER', async () => {
  const routes = {
    'GET /sweeps': () => ({ sweeps: [fakeSweep()], next: null }),
    'GET /runs/compare': () => COMPARED,
  }
  const { stdout, stderr, code, calls } = await run(['compare', '@last/3', 'rn00000002', '--min', 'val_loss'], routes)
  expect(code).toBe(0)
  expect(calls.at(-1)?.path).toBe(`/runs/compare?ids=${SWEEP_ID}-3%2Crn00000002&metric=val_loss&goal=minimize`)
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^NAME +FIRST +RN00000002$/)
  expect(lines[1]).toMatch(/^lr +0\.1 +-$/)
  expect(lines[2]).toMatch(/^val_loss +\* 0\.25 +0\.4$/)
  expect(lines[3]).toMatch(/^lr +- +7$/)
  expect(stderr).toContain('One parameter is the same in all; --all shows them.')
  const all = await run(['compare', '@last/3', 'rn00000002', '--all', '--json'], routes)
  expect(JSON.parse(all.stdout)).toEqual(COMPARED)
})

test('compare takes one metric, and runs', async () => {
  expect((await run(['compare', 'a', '--min', 'x', '--max', 'y'], {})).code).toBe(2)
  expect((await run(['compare'], {})).code).toBe(2)
  expect((await run(['compare', '@last/x'], {})).code).toBe(2)
})
