import type { ImportanceReply } from '@sweep/spec/wire/importance'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const FOUND: ImportanceReply = {
  metric: { name: 'val_loss', goal: 'minimize' },
  method: 'fanova',
  parameters: [
    { name: 'lr', importance: 0.5, low: 0.4, high: 0.6, trials: 24, correlation: null, r2: 0.42 },
    { name: 'momentum', importance: 0.25, low: 0, high: 0.5, trials: 9, correlation: null, r2: 0.3 },
    { name: 'seed', importance: 0, low: 0, high: 0, trials: 0, correlation: null, r2: null },
  ],
  interactions: [
    { names: ['lr', 'momentum'], importance: 0.3, low: 0.1, high: 0.5 },
    { names: ['lr', 'seed'], importance: 0.001, low: 0, high: 0.01 },
  ],
  r2: 0.42,
  doubts: ['The model is poor.'],
  trials: 24,
  level: 'full',
  leftOut: { failed: 2, unfinished: 1, otherResource: 3, foreign: 0, surplus: 0 },
}

async function run(argv: readonly string[], found: ImportanceReply = FOUND) {
  const server = await startFakeServer({
    'GET /sweeps': () => ({ sweeps: [fakeSweep()], next: null }),
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    [`GET /sweeps/${SWEEP_ID}/importance`]: () => found,
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  const done = await runFake(['importance', SWEEP_ID, ...argv], { env, terminal: { columns: 80, rows: 24 } })
  return { ...done, asked: server.calls.map(({ path }) => path).filter((path) => path.includes('importance')) }
}

test('importance draws a bar for each parameter and for pairs that matter, in 80 columns, and says what to think of it', async () => {
  const { stdout, stderr, code } = await run([])
  const lines = stdout.trimEnd().split('\n')
  expect(lines.slice(1).map((line) => line.trimEnd())).toEqual([
    expect.stringMatching(/^lr +50 % {2}█{20} +40 % +60 % +24$/),
    expect.stringMatching(/^lr × momentum +30 % {2}█{12} +10 % +50 %$/),
    expect.stringMatching(/^momentum +25 % {2}█{10} +0 % +50 % +9$/),
    expect.stringMatching(/^seed +0 % +0 % +0 % +0$/),
  ])
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  expect(stderr).toBe(
    [
      'fanova of val_loss over 24 trials, the model explains 42 % of unseen trials (R2).',
      'Left out: 2 failed or without a finite value, 3 that ended at another resource.',
      'warning: The model is poor.',
      '',
    ].join('\n'),
  )
  expect(code).toBe(0)
})

test('the objective and the method are passed on, JSON is the answer itself, and divergences are no shares', async () => {
  const { stdout, asked } = await run(['--metric', 'val_loss', '--method', 'mdi', '--json'])
  expect(JSON.parse(stdout)).toEqual(FOUND)
  expect(asked).toEqual([`/sweeps/${SWEEP_ID}/importance?metric=val_loss&method=mdi`])
  const divergence = await run([], { ...FOUND, method: 'ped-anova', interactions: [], r2: null, level: 3, doubts: [] })
  expect(divergence.stdout).toMatch(/^lr +0.50 /m)
  expect(divergence.stderr).toContain('ped-anova of val_loss over 24 trials pruned at 3.\n')
})

test('an unknown method is a usage error', async () => {
  const { code, stderr, asked } = await run(['--method', 'magic'])
  expect(code).toBe(2)
  expect(stderr).toContain('magic')
  expect(asked).toEqual([])
})
