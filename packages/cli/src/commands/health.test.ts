import type { FindingView, HealthReply } from '@sweep/spec/wire/health'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const FINDING: FindingView = {
  rule: 'divergence',
  metric: 'train/loss',
  severity: 'error',
  message: 'train/loss diverges: 64, after 1.6 at best',
  advice: 'Lower the learning rate.',
  step: 10,
  since: 7,
  evidence: { now: 64 },
  runId: `${SWEEP_ID}-17` as FindingView['runId'],
  trial: 17,
  foundAt: '2026-01-01T00:00:00.000Z',
  clearedAt: null,
}

async function run(argv: readonly string[], findings: readonly FindingView[]) {
  const reply: HealthReply = { findings: [...findings], more: false }
  const server = await startFakeServer({
    'GET /sweeps': () => ({ sweeps: [fakeSweep()], next: null }),
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    [`GET /sweeps/${SWEEP_ID}/health`]: () => reply,
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  return runFake(['health', SWEEP_ID, ...argv], { env, terminal: { columns: 100, rows: 24 } })
}

test('health lists what is wrong by trial, and says once what to check first', async () => {
  const { stdout, stderr, code } = await run([], [FINDING, { ...FINDING, trial: 18 }])
  expect(code).toBe(0)
  expect(stdout).toMatch(/17 +divergence +error +7 +train\/loss diverges: 64/)
  expect(stdout).toMatch(/18 +divergence/)
  expect(stderr.match(/divergence: Lower the learning rate\./g)).toHaveLength(1)
})

test('health says so when nothing is wrong, and --json is what the server said', async () => {
  expect((await run([], [])).stderr).toContain('Nothing is wrong')
  const { stdout } = await run(['--json'], [FINDING])
  expect(JSON.parse(stdout)).toMatchObject({ findings: [{ rule: 'divergence', evidence: { now: 64 } }] })
})

test('the leaderboard marks what is wrong before a long config at 80 columns, and names the worst', async () => {
  const long = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`parameter_${n}`, n / 7]))
  const row = (number: number, rules?: readonly string[]) => ({
    ...{ id: `${SWEEP_ID}-${number}`, number, state: 'running', rank: number, value: 1 / number, config: long },
    ...{ lastStep: 3, attempts: 1, cause: null, agent: 'a', reason: null, health: rules },
  })
  const server = await startFakeServer({
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    [`GET /sweeps/${SWEEP_ID}/leaderboard`]: () => ({
      rows: [row(1), row(17, ['divergence', 'gradient_norm'])],
      next: null,
    }),
    [`GET /sweeps/${SWEEP_ID}/health`]: () => ({ findings: [FINDING], more: false }),
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  const argv = ['leaderboard', SWEEP_ID]
  const { stdout, stderr } = await runFake(argv, { env, terminal: { columns: 80, rows: 24 } })
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^RANK +TRIAL +STATE +VAL_LOSS +STEP +HEALTH +CONFIG$/)
  expect(lines[2]).toMatch(/^ +17 +17 +running +0\.05882 +3 +! divergence \+1 +parameter_0=0 parameter_…$/)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(stderr).toBe(
    `health: 1 trial, worst 17 (divergence): train/loss diverges: 64, after 1.6 at best\nAll of it: sweep health ${SWEEP_ID}\n`,
  )
  const json = await runFake([...argv, '--json'], { env })
  expect(JSON.parse(json.stdout)[1]).toMatchObject({ health: ['divergence', 'gradient_norm'] })
  expect(json.stderr).toBe('')
})
