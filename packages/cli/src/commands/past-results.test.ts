import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDocument } from '@sweep/spec/document/parse-document'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, startFakeServer } from '../testing/fake-server.ts'

const SOURCE = `method: tpe
program: train.py
run_cap: 5
metric: {name: val_loss}
parameters:
  lr: {min: 1e-5, max: 1.0, distribution: log_uniform_values}
  optimizer: {values: [sgd, adam]}
warm_start:
  results: [{lr: 0.5, val_loss: 3}]
  results_file: old/runs.csv
`
const TABLE = 'name,lr,optimizer,val_loss\n"first, ""slow""",0.01,adam,0.25\nsecond,0.1,sgd,\n'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

/** A folder with `sweeps/my.yaml` and the table it names, if any. */
async function folderWith(table: string | undefined, source = SOURCE): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-cli-'))
  ends.push(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'sweeps/old'), { recursive: true })
  await writeFile(join(folder, 'sweeps/my.yaml'), source)
  if (table !== undefined) await writeFile(join(folder, 'sweeps/old/runs.csv'), table)
  return folder
}

async function serve(): Promise<{ server: FakeServer; env: Record<string, string> }> {
  const server = await startFakeServer({
    'GET /health': () => ({ status: 'ok', version: '0.1.0', database: 'ok', migration: null }),
    'POST /sweeps': () => ({ sweep: fakeSweep({ state: 'running' }), warnings: [] }),
  })
  ends.push(() => server.close())
  return { server, env: { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret' } }
}

test('create sends the rows of the file that the sweep file names, relative to itself', async () => {
  const cwd = await folderWith(TABLE)
  const { server, env } = await serve()
  const run = await runFake(['create', 'sweeps/my.yaml', '--set', 'run_cap=7'], { env, cwd })
  expect(run.code).toBe(0)
  expect(run.stderr).toContain('sweeps/old/runs.csv:1:1: warning: name: no parameter of this sweep, left out')
  expect(run.stderr).toContain('1 of 2 rows lack val_loss')
  const [sent] = server.calls.filter(({ method }) => method === 'POST')
  const { source, file, overrides } = sent!.body as { source: string; file: string; overrides: Record<string, never> }
  // The server reads what it gets without the file.
  const { document, diagnostics } = parseDocument(source, { file, overrides, newSeed: () => 0 })
  expect(diagnostics).toEqual([])
  expect(document?.budget.trials).toBe(7)
  expect(document?.warmStart).toEqual({
    sweeps: [],
    results: [
      { config: { lr: 0.5 }, value: 3 },
      { config: { lr: 0.01, optimizer: 'adam' }, value: 0.25 },
    ],
  })
})

test('a file given beside the sweep file is read too', async () => {
  const cwd = await folderWith(TABLE, SOURCE.slice(0, SOURCE.indexOf('warm_start')))
  const set = ['--set', 'warm_start.results_file=old/runs.csv', '--json']
  const run = await runFake(['validate', 'sweeps/my.yaml', ...set], { cwd })
  expect(JSON.parse(run.stdout).document.warmStart.results).toEqual([
    { config: { lr: 0.01, optimizer: 'adam' }, value: 0.25 },
  ])
})

test.each([
  [
    'a wrong cell',
    TABLE.replace('0.01', '1e-2x'),
    'sweeps/old/runs.csv:2:19: error: lr is "1e-2x", no number\n' +
      '  2 | "first, ""slow""",1e-2x,adam,0.25\n    |                   ^^^^^\n',
  ],
  ['a broken quote', 'lr,val_loss\n0.1,"1\n', 'sweeps/old/runs.csv:2:5: error: the quote that is opened here is never'],
  ['no table', '', 'sweeps/old/runs.csv:1:1: error: no column is named val_loss'],
])('validate shows the place of %s', async (_what, table, expected) => {
  const run = await runFake(['validate', 'sweeps/my.yaml'], { cwd: await folderWith(table) })
  expect(run.code).toBe(2)
  expect(run.stderr).toContain(expected)
})

test.each([
  ['that is not there', 'old/runs.csv', 'There is no file sweeps/old/runs.csv, which sweeps/my.yaml names'],
  ['that is a folder', 'old', 'sweeps/old is no file.'],
])('a file %s is said to be so', async (_what, name, expected) => {
  const cwd = await folderWith(undefined, SOURCE.replace('old/runs.csv', name))
  const run = await runFake(['create', 'sweeps/my.yaml'], { cwd })
  expect(run.code).toBeGreaterThan(0)
  expect(run.stderr).toContain(expected)
})
