import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import {
  type FakeServer,
  fakeFacts,
  fakeRow,
  fakeSweep,
  fakeTrial,
  type Route,
  SWEEP_ID,
  serveSweep,
} from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const serve = (routes: Record<string, Route>) => serveSweep(open, routes)

const SWEEP = `GET /sweeps/${SWEEP_ID}`

const TERMINAL = { columns: 80, rows: 24 }

test('the leaderboard pages through, and pipes one column a parameter', async () => {
  const { env, server } = await serve({
    [`GET /sweeps/${SWEEP_ID}/leaderboard`]: (call) =>
      call.path.includes('after=')
        ? { rows: [fakeRow(null, 2, { value: null, config: { lr: 0.5 } })], next: null }
        : { rows: [fakeRow(1, 1)], next: 'more' },
  })
  const run = await runFake(['leaderboard', '@last', '--all', '--state', 'completed'], { env })
  expect(run.stdout.split('\n')[0]).toBe('rank\ttrial\tstate\tval_loss\tstep\tlr\topt\tattempts\tcause\tagent\treason')
  expect(run.stdout.split('\n')[2]).toBe('\t2\tcompleted\t\t9\t0.5\t\t1\tsucceeded\tlocal\t')
  expect(server.calls.filter((call) => call.path.includes('state=completed'))).toHaveLength(2)
})

test('the leaderboard has a column of costs where the server has prices', async () => {
  const cost = { amount: 1.234, currency: 'EUR', unpricedSeconds: 0 }
  const { env } = await serve({
    [`GET /sweeps/${SWEEP_ID}/leaderboard`]: () => ({ rows: [fakeRow(1, 1, { cost }), fakeRow(2, 2)], next: null }),
  })
  const shown = await runFake(['leaderboard', '@last'], { env, terminal: { columns: 160, rows: 24 } })
  expect(shown.stdout).toMatch(/COST\S*\n.*1\.23 EUR\n/)
  const piped = await runFake(['leaderboard', '@last', '-o', 'csv'], { env })
  expect(piped.stdout.split('\n').map((line) => line.split(',').at(-1))).toEqual(['cost', '1.234', '', ''])
})

test('best prints the best config as a command line', async () => {
  const { env } = await serve({})
  const run = await runFake(['best', '@last', '--command'], { env })
  expect(run.stdout).toBe('python3 train.py --lr=0.001 --opt=adam\n')
})

test('best of a sweep that ended without a value is exit 5, of one that runs exit 3', async () => {
  const ended = await serve({ [SWEEP]: () => fakeSweep({ best: null }) })
  expect((await runFake(['best', SWEEP_ID], ended)).code).toBe(5)
  const runs = await serve({ [SWEEP]: () => fakeSweep({ best: null, state: 'running', endedAt: null }) })
  expect((await runFake(['best', SWEEP_ID], runs)).code).toBe(3)
})

test.each([[['trial', 'get', `${SWEEP_ID}/4`]], [['trial', 'get', SWEEP_ID, '4']], [['trial', 'get', '@last/4']]])(
  'a trial is named %j',
  async (argv) => {
    const { env } = await serve({
      [`GET /sweeps/${SWEEP_ID}/trials/4`]: () => ({ ...fakeTrial(4), attemptList: [], metricNames: ['val_loss'] }),
    })
    expect(JSON.parse((await runFake([...argv, '--json'], { env })).stdout)).toMatchObject({ number: 4 })
  },
)

test('a trial without a number is a usage error that shows how', async () => {
  const { env } = await serve({})
  for (const argv of [
    ['trial', 'get', SWEEP_ID],
    ['trial', 'stop', SWEEP_ID, 'x'],
    ['trial', 'logs', '@last/0'],
  ]) {
    const run = await runFake(argv, { env })
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('SWEEP/NUMBER')
  }
})

test('logs are raw in a pipe and harmless on a terminal', async () => {
  const text = 'epoch 1\r\n\u001b[2J\u001b[31mred\u001b[0m\n'
  const { env } = await serve({
    [`GET /sweeps/${SWEEP_ID}/trials/1/logs`]: () => ({ attempt: 1, offset: 0, text, next: 30, done: true }),
  })
  expect((await runFake(['trial', 'logs', '@last/1'], { env })).stdout).toBe(text)
  const shown = await runFake(['trial', 'logs', '@last/1'], { env, terminal: TERMINAL })
  expect(shown.stdout).toBe('epoch 1\n\\e[2J\u001b[31mred\u001b[0m\n')
})

test('why tells the life of a trial with the numbers of each decision', async () => {
  const facts = fakeFacts([
    { kind: 'sweep-created', seed: 1 },
    {
      kind: 'trial-created',
      trial: 1,
      config: { lr: 0.1 },
      source: 'sampler',
      basis: 1,
      draw: 0,
      reason: 'random draw 0',
    },
    { kind: 'attempt-queued', trial: 1, attempt: 1, reason: 'new trial' },
    { kind: 'attempt-started', trial: 1, attempt: 1, epoch: 1, agent: 'local', gpus: 0 },
    { kind: 'report', trial: 1, attempt: 1, step: 1, ordinal: 1, value: 0.9 },
    { kind: 'report', trial: 2, attempt: 1, step: 1, ordinal: 1, value: 0.1 },
    {
      kind: 'stop-asked',
      trial: 1,
      attempt: 1,
      stop: 'pruned',
      basis: 6,
      by: 'asha',
      verdict: { reason: 'not in the top third', rung: 0, resource: 1, value: 0.9, threshold: 0.4, rank: 4, peers: 6 },
    },
    { kind: 'attempt-ended', trial: 1, attempt: 1, cause: 'paused', message: 'ended', gpuSeconds: 0, seconds: 2 },
    {
      kind: 'trial-resumed',
      trial: 1,
      attempt: 1,
      basis: 8,
      by: 'asha',
      verdict: { reason: 'the best of 3', rank: 1 },
    },
    { kind: 'no-more-trials', reason: 'the budget is used up', basis: 9 },
    { kind: 'trial-ended', trial: 1, state: 'pruned', value: 0.9, reason: 'pruned at step 1' },
  ])
  const { env } = await serve({
    [`GET /sweeps/${SWEEP_ID}/facts`]: (call) =>
      call.path.includes('after=0') ? { facts, next: facts.length } : { facts: [], next: facts.length },
    [`GET /sweeps/${SWEEP_ID}/trials/1`]: () => ({ ...fakeTrial(1), attemptList: [], metricNames: [] }),
  })
  const run = await runFake(['why', '@last/1'], { env, terminal: TERMINAL })
  expect(run.stdout).toContain('suggested by the sampler: random draw 0; lr=0.1')
  expect(run.stdout).toContain('1 values reported, the last 0.9 at step 1')
  expect(run.stdout).toContain('by asha: not in the top third (value 0.9, threshold 0.4, rank 4 of 6, rung 0, at 1)')
  expect(run.stdout).toContain('resumed by asha: the best of 3 (rank 1)')
  expect(run.stdout).not.toContain('0.1 at step')
  expect((await runFake(['why', '@last/99'], { env })).code).toBe(3)
})

test('why tells of a queued trial what its sweep waits for, and of a sweep which agents were drained and why', async () => {
  const reason = 'no agent fits what a trial needs; the nearest, host-3, has zone=a, not zone=b'
  const facts = fakeFacts([{ kind: 'agent-drained', agent: 'host-3', trials: [4, 7], reason: 'configs fail on it' }])
  const agent = {
    ...{ id: '0000000007', name: 'host-3', host: 'host-3', state: 'draining', reason: 'configs fail on it', slots: 2 },
    ...{ busy: 0, gpus: [], queues: ['default'], labels: {}, version: '1.0.0', lastSeenAt: '2026-01-01T00:00:00.000Z' },
  }
  const { env } = await serve({
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep({ reason, state: 'running', endedAt: null }),
    [`GET /sweeps/${SWEEP_ID}/facts`]: (call) => ({ facts: call.path.includes('after=0') ? facts : [], next: 1 }),
    [`GET /sweeps/${SWEEP_ID}/trials/1`]: () => ({
      ...fakeTrial(1, { state: 'queued' }),
      attemptList: [],
      metricNames: [],
    }),
    'GET /agents': () => ({ agents: [agent] }),
  })
  expect((await runFake(['why', '@last/1'], { env, terminal: TERMINAL })).stdout).toContain(`now waiting: ${reason}`)
  const sweep = await runFake(['why', '@last'], { env, terminal: TERMINAL })
  expect(sweep.stdout).toContain('agent host-3 was drained: configs fail on it; not held against trials 4, 7')
  expect(sweep.stdout).toContain('agent host-3 is draining: configs fail on it')
  expect((await runFake(['agent', 'ls'], { env, terminal: TERMINAL })).stdout).toContain('configs fail on it')
})
