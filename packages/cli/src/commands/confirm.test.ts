import type { FactBody } from '@sweep/spec/facts'
import { SweepId } from '@sweep/spec/ids'
import type { Confirmation } from '@sweep/spec/wire/confirmation'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import {
  type FakeServer,
  factStream,
  fakeFacts,
  fakeRow,
  fakeSweep,
  SWEEP_ID,
  startFakeServer,
} from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const CHILD = 'c0nf1rm000'
const base = fakeSweep()['document'] as object
const document = { ...base, replicates: { seeds: 2 }, confirms: { sweep: SWEEP_ID, trials: [2, 1] } }
const counts = { queued: 4, running: 0, paused: 0, completed: 0, pruned: 0, failed: 0, cancelled: 0 }
const child = fakeSweep({ id: CHILD, document, state: 'running', endedAt: null, trials: counts })

const row = (trial: number, mean: number, group: string): Confirmation['configs'][number] => ({
  ...{ trial, place: trial === 2 ? 1 : 2, recorded: 0.125, config: { lr: trial / 1000, opt: 'adam' }, runs: 2, mean },
  ...{ deviation: 0.1, low: mean - 0.01, high: mean + 0.01, values: [mean, mean], group },
})
const FOUND: Confirmation = {
  ...{ sweep: SweepId.parse(CHILD), of: SweepId.parse(SWEEP_ID), state: 'completed', seeds: 2 },
  metric: { name: 'val_loss', goal: 'minimize' },
  configs: [row(1, 0.25, 'a'), row(2, 0.5, 'b')],
  comparisons: [
    { first: 1, second: 2, difference: -0.25, low: -0.3, high: -0.2, p: 0.01, adjustedP: 0.01, cohensD: -3 },
  ],
  ...{ verdict: 'luck', text: 'That trial 2 won was luck.', warnings: ['Only 2 seeds.'] },
}
const ENDED = [1, 2, 3, 4].map(
  (trial): FactBody => ({ kind: 'trial-ended', trial, state: 'completed', value: 1, reason: '' }),
)
const OVER: FactBody = { kind: 'sweep-ended', state: 'completed', reason: '' }

async function run(argv: readonly string[], facts: readonly FactBody[] = [...ENDED, OVER], interrupt?: AbortSignal) {
  const server = await startFakeServer({
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    [`GET /sweeps/${CHILD}`]: () => child,
    [`POST /sweeps/${SWEEP_ID}/confirm`]: () => [201, { sweep: child, warnings: [{ message: 'few seeds' }] }],
    [`GET /sweeps/${CHILD}/events`]: factStream(fakeFacts(facts)),
    [`GET /sweeps/${CHILD}/confirmation`]: () => FOUND,
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, NO_COLOR: '1' }
  const done = await runFake(['confirm', ...argv], { env, ...(interrupt && { interrupt }) })
  return { ...done, calls: server.calls }
}

test('asks for the runs, tells how far they are, and prints what they came to', async () => {
  const { code, stdout, stderr, calls } = await run([SWEEP_ID, '--top', '2', '--seeds', '2', '--metric', 'val_loss'])
  expect(calls.find(({ method }) => method === 'POST')?.body).toEqual({ top: 2, seeds: 2, metric: 'val_loss' })
  expect(stdout.split('\n').slice(0, 3)).toEqual([
    'trial\trecorded\tval_loss\tlow\thigh\tdeviation\truns\tgroup\tconfig',
    '1\t0.125\t0.25\t0.24\t0.26\t0.1\t2\ta\tlr=0.001 opt=adam',
    '2\t0.125\t0.5\t0.49\t0.51\t0.1\t2\tb\tlr=0.002 opt=adam',
  ])
  expect(stderr.split('\n')).toEqual([
    `Sweep ${CHILD} runs trials 2, 1 of digits again: 4 runs, judged by val_loss.`,
    'warning: few seeds',
    ...[1, 2, 3, 4].map((ended) => `${ended} of 4 runs have ended`),
    'That trial 2 won was luck.',
    expect.stringContaining('paired t-test over the seeds, Holm'),
    'warning: Only 2 seeds.',
    '',
  ])
  expect(code).toBe(0)
})

test('JSON is the answer itself; of a sweep that confirms another no runs are asked for', async () => {
  const { stdout, calls } = await run([CHILD, '--json'])
  expect(JSON.parse(stdout)).toEqual(FOUND)
  expect(calls.filter(({ method }) => method === 'POST')).toEqual([])
})

test('with --detach nothing is waited for', async () => {
  const { code, stdout, calls } = await run([SWEEP_ID, '--detach', '-o', 'name'])
  expect([code, stdout]).toEqual([0, `${CHILD}\n`])
  expect(calls.map(({ path }) => path).filter((path) => path.endsWith('events'))).toEqual([])
})

test('Ctrl-C ends the waiting, not the runs, and says how to wait again', async () => {
  const stop = new AbortController()
  const running = run([SWEEP_ID], ENDED.slice(0, 1), stop.signal)
  await expect.poll(() => open[0]?.calls.some(({ path }) => path.endsWith('events'))).toBe(true)
  stop.abort(new Error('interrupted'))
  const { code, stderr, calls } = await running
  expect([code, stderr]).toEqual([130, expect.stringContaining(`sweep confirm ${CHILD}`)])
  expect(calls.filter(({ path }) => path.includes('cancel'))).toEqual([])
})

test.each([
  ['--top', 'none'],
  ['--seeds', '0'],
  ['--goal', 'up'],
])('%s %s is a usage error', async (flag, value) => {
  const { code, calls } = await run([SWEEP_ID, flag, value])
  expect([code, calls.filter(({ method }) => method === 'POST')]).toEqual([2, []])
})

test('the leaderboard of the sweep says what its best configs came to again', async () => {
  const confirmed = { sweep: CHILD, metric: 'test_loss', runs: 5, mean: 0.5, low: 0.4, high: 0.6, group: 'ab' }
  const server = await startFakeServer({
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    [`GET /sweeps/${SWEEP_ID}/leaderboard`]: () => ({
      rows: [fakeRow(1, 2, { confirmed }), fakeRow(2, 1)],
      next: null,
    }),
  })
  open.push(server)
  const options = { env: { SWEEP_URL: server.url, NO_COLOR: '1' }, terminal: { columns: 140, rows: 24 } }
  const { stdout } = await runFake(['leaderboard', SWEEP_ID], options)
  const lines = stdout.split('\n').map((line) => line.trimEnd())
  expect(lines[0]).toMatch(/AGAIN TEST_LOSS +GROUP$/)
  expect(lines[1]).toMatch(/0\.5 \(0\.4 to 0\.6\) +ab$/)
})
