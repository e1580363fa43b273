import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FactBody } from '@sweep/spec/facts'
import type { SweepView } from '@sweep/spec/wire/api'
import type { FindingView } from '@sweep/spec/wire/health'
import { afterEach, expect, test } from 'vitest'
import { createColors } from '../colors.ts'
import { displayWidth } from '../terminal/terminal-text.ts'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, factStream, fakeFacts, fakeSweep, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'
import { ScreenModel } from '../testing/screen-model.ts'
import { HealthTally } from './health-tally.ts'
import { SweepTally } from './sweep-tally.ts'
import { watchScreen } from './watch-screen.ts'

const servers: FakeServer[] = []
const folders: string[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })))
})

const trialFacts = (trial: number, value: number | 'NaN', state: 'completed' | 'pruned'): FactBody[] => [
  {
    kind: 'trial-created',
    trial,
    config: { lr: trial / 1000 },
    source: 'sampler',
    basis: 0,
    draw: trial - 1,
    reason: 'drawn',
  },
  { kind: 'attempt-queued', trial, attempt: 1, reason: 'new' },
  { kind: 'attempt-started', trial, attempt: 1, epoch: 1, agent: 'local', gpus: 0 },
  { kind: 'report', trial, attempt: 1, step: 3, ordinal: 1, value: value as number },
  {
    kind: 'attempt-ended',
    trial,
    attempt: 1,
    cause: state === 'pruned' ? 'pruned' : 'succeeded',
    message: '',
    gpuSeconds: 0,
    seconds: 1,
  },
  { kind: 'trial-ended', trial, state, value: value as number, reason: 'done' },
]
const FACTS = fakeFacts([
  { kind: 'sweep-created', seed: 1 },
  ...trialFacts(1, 0.25, 'completed'),
  ...trialFacts(2, 0.125, 'completed'),
  ...trialFacts(3, 0.5, 'pruned'),
  {
    kind: 'attempt-ended',
    trial: 3,
    attempt: 1,
    cause: 'user-error',
    message: 'No module named \u001b[31mnumpy',
    gpuSeconds: 0,
    seconds: 1,
  },
  { kind: 'sweep-ended', state: 'completed', reason: 'all trials are done' },
])

function routes(facts = FACTS, end = false) {
  return {
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    [`GET /sweeps/${SWEEP_ID}/events`]: factStream(facts, { end }),
  }
}

async function serve(facts = FACTS): Promise<{ env: Record<string, string> }> {
  const server = await startFakeServer(routes(facts))
  servers.push(server)
  return { env: { SWEEP_URL: server.url } }
}

test('without a terminal, watch prints one line an event and ends with the sweep', async () => {
  const run = await runFake(['watch', SWEEP_ID], await serve())
  expect(run.code).toBe(0)
  expect(run.stdout.split('\n')).toEqual([
    'trial 1 started on local',
    'best val_loss so far: 0.25 by trial 1 at step 3',
    'trial 1 completed with 0.25: done',
    'trial 2 started on local',
    'best val_loss so far: 0.125 by trial 2 at step 3',
    'trial 2 completed with 0.125: done',
    'trial 3 started on local',
    'trial 3 pruned with 0.5: done',
    'trial 3: user-error: No module named \\e[31mnumpy',
    'the sweep is completed: all trials are done',
    '',
  ])
})

test('a state that tells of the end ahead of the last facts does not end the watching', async () => {
  const server = await startFakeServer({
    ...routes(),
    [`GET /sweeps/${SWEEP_ID}/events`]: factStream(FACTS, { sweep: fakeSweep({ state: 'completed' }) }),
  })
  servers.push(server)
  const run = await runFake(['watch', SWEEP_ID], { env: { SWEEP_URL: server.url } })
  expect(run.stdout).toMatch(/the sweep is completed: all trials are done\n$/)
})

test('for programs, watch prints every fact as a line of JSON', async () => {
  const run = await runFake(['watch', SWEEP_ID, '--json'], await serve())
  const seqs = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).seq)
  expect(seqs).toEqual(FACTS.map((fact) => fact.seq))
})

test.each([
  [80, 24],
  [40, 12],
  [20, 6],
  [200, 50],
])('the live table fits a terminal of %ix%i and leaves its last picture', async (columns, rows) => {
  const { env } = await serve()
  const run = await runFake(['watch', SWEEP_ID, '--no-color'], { env, terminal: { columns, rows } })
  expect(run.code).toBe(0)
  const screen = new ScreenModel(columns, rows).feed(run.stdout)
  const lines = screen.lines()
  expect(screen.scrolled).toBe(0)
  expect(lines.length).toBeLessThan(rows)
  for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns)
  expect(lines.join('\n')).toContain('3/3'.slice(0, columns > 30 ? 3 : 0))
  expect(run.stdout).not.toContain('\u001b[31mnumpy')
})

test('the live table shows the best first, the failures by cause, and where to look', async () => {
  const run = await runFake(['watch', SWEEP_ID, '--no-color'], {
    ...(await serve()),
    terminal: { columns: 80, rows: 24 },
  })
  expect(new ScreenModel(80, 24).feed(run.stdout).lines()).toEqual([
    `digits  ${SWEEP_ID}  completed 5m`,
    '████████████████████ 3/3  2 completed, 1 pruned, 0 running',
    'best val_loss 0.125 by trial 2',
    '',
    '#  STATE      VAL_LOSS  STEP  CONFIG',
    '2  completed     0.125     3  lr=0.002',
    '1  completed      0.25     3  lr=0.001',
    '3  pruned          0.5     3  lr=0.003',
    'failures: 1 user-error (trial 3: No module named \\e[31mnumpy)',
  ])
})

const finding = (trial: number, changes: Partial<FindingView> = {}): FindingView => ({
  rule: 'overfitting',
  metric: 'val_loss',
  severity: 'warning',
  message: `val_loss of trial ${trial} gets worse \u001b[31mwhile train_loss gets better, for 5 evaluations`,
  advice: 'Stop earlier.',
  step: 3,
  since: 1,
  evidence: {},
  runId: `${SWEEP_ID}-${trial}` as FindingView['runId'],
  trial,
  foundAt: '2026-01-01T00:01:00.000Z',
  clearedAt: null,
  ...changes,
})
const SICK = [
  finding(1),
  finding(3, { rule: 'nan', severity: 'error', message: 'val_loss is NaN', foundAt: '2026-01-01T00:00:00.000Z' }),
]

test('the live table marks trials that something is wrong with, and names the worst, at 80 columns', async () => {
  const server = await startFakeServer({
    ...routes(),
    [`GET /sweeps/${SWEEP_ID}/events`]: factStream(FACTS, { sweep: fakeSweep({ state: 'completed' }), findings: SICK }),
  })
  servers.push(server)
  const run = await runFake(['watch', SWEEP_ID, '--no-color'], {
    env: { SWEEP_URL: server.url },
    terminal: { columns: 80, rows: 24 },
  })
  const lines = new ScreenModel(80, 24).feed(run.stdout).lines()
  expect(lines.slice(4)).toEqual([
    '#      STATE      VAL_LOSS  STEP  CONFIG',
    '2      completed     0.125     3  lr=0.002',
    '1  !   completed      0.25     3  lr=0.001',
    '3  !!  pruned          0.5     3  lr=0.003',
    'failures: 1 user-error (trial 3: No module named \\e[31mnumpy)',
    'health: 2 trials, worst 3 (nan): val_loss is NaN',
  ])
  for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80)
})

test('without a terminal a finding is a line, once though the stream tells it again', async () => {
  const server = await startFakeServer({
    ...routes(),
    [`GET /sweeps/${SWEEP_ID}/events`]: factStream(FACTS, { sweep: fakeSweep(), findings: [...SICK, ...SICK] }),
  })
  servers.push(server)
  const run = await runFake(['watch', SWEEP_ID], { env: { SWEEP_URL: server.url } })
  expect(run.stdout.split('\n').filter((line) => line.includes(': nan: '))).toEqual(['trial 3: nan: val_loss is NaN'])
  const json = await runFake(['watch', SWEEP_ID, '--json'], { env: { SWEEP_URL: server.url } })
  for (const line of json.stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('seq')
})

test('a finding that holds no more is forgotten', () => {
  const health = new HealthTally()
  expect(health.take(SICK)).toEqual(SICK)
  expect(health.take([finding(3, { rule: 'nan', clearedAt: '2026-01-01T00:02:00.000Z' })])).toEqual([])
  expect(health.open).toEqual([finding(1)])
  expect(health.take([...SICK])).toEqual([SICK[1]])
})

test('a sweep that ends without a value is exit 5', async () => {
  const server = await startFakeServer({ ...routes(), [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep({ best: null }) })
  servers.push(server)
  expect((await runFake(['watch', SWEEP_ID], { env: { SWEEP_URL: server.url } })).code).toBe(5)
})

test('watching goes on when the local server dies and comes back at another port; no event is missed or told twice', async () => {
  const home = await mkdtemp(join(tmpdir(), 'sweep-home-'))
  folders.push(home)
  const record = (url: string) => writeFile(join(home, 'server.json'), JSON.stringify({ url, pid: process.pid }))
  const first = await startFakeServer(routes(FACTS.slice(0, 6)))
  await record(first.url)
  const running = runFake(['watch', SWEEP_ID], { env: { SWEEP_HOME: home } })
  await expect.poll(() => first.calls.some((call) => call.path.endsWith('/events'))).toBe(true)
  await first.close()
  const second = await startFakeServer(routes(FACTS))
  servers.push(second)
  await record(second.url)
  const run = await running
  expect(run.code).toBe(0)
  expect(run.stdout.split('\n').filter((line) => line.includes('started'))).toHaveLength(3)
  expect(run.stdout.split('\n').filter((line) => line.startsWith('trial 1 completed'))).toHaveLength(1)
  expect(run.stderr).toContain('The server does not answer; trying again')
})

test('Ctrl-C stops watching, says how to go on, and ends nothing', async () => {
  const server = await startFakeServer(routes(FACTS.slice(0, 3)))
  servers.push(server)
  const interrupt = new AbortController()
  const running = runFake(['watch', SWEEP_ID], { env: { SWEEP_URL: server.url }, interrupt: interrupt.signal })
  await expect.poll(() => server.calls.some((call) => call.path.endsWith('/events'))).toBe(true)
  interrupt.abort()
  const run = await running
  expect(run.code).toBe(130)
  expect(run.stderr).toContain(`sweep watch ${SWEEP_ID}`)
  expect(server.calls.every((call) => call.method === 'GET')).toBe(true)
})

test('wait ends with 0 once the sweep is done, with 6 when the time is up first', async () => {
  expect((await runFake(['wait', SWEEP_ID, '-q'], await serve())).code).toBe(0)
  const open = {
    ...routes(FACTS.slice(0, 3)),
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep({ state: 'running', endedAt: null }),
  }
  const server = await startFakeServer(open)
  servers.push(server)
  const run = await runFake(['wait', SWEEP_ID, '--timeout', '50ms', '--json'], { env: { SWEEP_URL: server.url } })
  expect(run.code).toBe(6)
  expect(JSON.parse(run.stdout)).toMatchObject({ state: 'running' })
})

test('wait --for a value ends as soon as it is reached, and with 5 when the sweep ends without it', async () => {
  expect((await runFake(['wait', SWEEP_ID, '--for', 'best<0.2'], await serve())).code).toBe(0)
  expect((await runFake(['wait', SWEEP_ID, '--for', 'best<0.1'], await serve())).code).toBe(5)
})

test('NaN never becomes the best, and a value that counts up is best when it is highest', () => {
  const tally = new SweepTally({ metric: { name: 'acc', goal: 'maximize', summary: 'best' } })
  const facts = fakeFacts([
    ...trialFacts(1, 0.5, 'completed'),
    ...trialFacts(2, 'NaN', 'completed'),
    ...trialFacts(3, 0.9, 'completed'),
  ])
  for (const fact of facts) tally.add(fact)
  for (const fact of facts) expect(tally.add(fact)).toBeUndefined()
  expect(tally.bestSoFar).toEqual([0.5, 0.9])
  expect(tally.ranked().map((trial) => trial.number)).toEqual([3, 1, 2])
})

test('a paused trial is shown as such, and as queued once it is resumed', () => {
  const tally = new SweepTally({ metric: { name: 'acc', goal: 'maximize', summary: 'best' } })
  const facts = fakeFacts([
    ...trialFacts(1, 0.5, 'completed').slice(0, 4),
    { kind: 'attempt-ended', trial: 1, attempt: 1, cause: 'paused', message: 'waits', gpuSeconds: 0, seconds: 1 },
    { kind: 'trial-resumed', trial: 1, attempt: 1, basis: 5, by: 'pruner', verdict: { reason: 'the best of 3' } },
    { kind: 'attempt-queued', trial: 1, attempt: 2, reason: 'resumed from its checkpoint of step 3' },
  ])
  const seen = facts.map((fact) => [tally.add(fact)?.text, tally.trials.get(1)?.state])
  expect(seen.slice(-3)).toEqual([
    ['trial 1 is paused: waits', 'paused'],
    [undefined, 'paused'],
    ['trial 1 is queued again: resumed from its checkpoint of step 3', 'queued'],
  ])
})

test('a picture of 10,000 trials is drawn in a few milliseconds', () => {
  const tally = new SweepTally({ metric: { name: 'loss', goal: 'minimize', summary: 'best' } })
  for (const fact of fakeFacts(Array.from({ length: 10_000 }, (_, i) => trialFacts(i + 1, i, 'completed')).flat()))
    tally.add(fact)
  const state = {
    sweep: fakeSweep() as unknown as SweepView,
    document: { space: { parameters: [] } },
    tally,
    health: new HealthTally(),
    url: 'x',
    away: undefined,
    now: 0,
  }
  const started = performance.now()
  const lines = watchScreen(state, { columns: 80, rows: 24 }, createColors('never', false))
  expect(lines.length).toBeLessThanOrEqual(23)
  expect(performance.now() - started).toBeLessThan(250)
})

const metric = (name: string, goal: 'minimize' | 'maximize') => ({ name, goal, summary: 'last' as const })
const TWO_AIMS = {
  metric: metric('loss', 'minimize'),
  objectives: [metric('loss', 'minimize'), metric('acc', 'maximize')],
  constraints: [{ name: 'memory', max: 8 }],
}
/** A trial that reports once, and ends with what it reported. */
function endedTrial(trial: number, loss: number, acc: number, memory: number): FactBody[] {
  const side = { kind: 'side-report' as const, trial, attempt: 1, step: 3 }
  const [created, queued, started, report, ended, over] = trialFacts(trial, loss, 'completed')
  return [
    ...[created, queued, started].flatMap((fact) => fact ?? []),
    { ...side, name: 'acc', value: acc },
    { ...side, name: 'memory', value: memory },
    ...[report, ended].flatMap((fact) => fact ?? []),
    ...(over?.kind === 'trial-ended' ? [{ ...over, values: { loss, acc, memory } }] : []),
  ]
}

test('with several objectives the front comes first, and what breaks a constraint after the others', () => {
  const tally = new SweepTally(TWO_AIMS)
  const trials: [number, number, number, number][] = [
    [1, 0.1, 0.9, 9],
    [2, 0.4, 0.8, 8],
    [3, 0.3, 0.5, 1],
    [4, 0.5, 0.6, 1],
    [5, 0.3, 0.4, 1],
  ]
  const running = endedTrial(6, 0.01, 0.99, 1).slice(0, -2)
  const seen = fakeFacts([...trials.flatMap((one) => endedTrial(...one)), ...running]).map((fact) => tally.add(fact))
  expect([...tally.front()].sort()).toEqual([2, 3])
  expect(tally.ranked().map((trial) => trial.number)).toEqual([3, 2, 5, 4, 6, 1])
  // The loss of the first trial was lower, but it breaks the constraint.
  expect(tally.bestSoFar).toEqual([0.4, 0.3, 0.01])
  expect(seen.flatMap((happening) => happening?.text ?? [])).toContain(
    'trial 2 completed with loss=0.4 acc=0.8 memory=8: done',
  )
  const objectives = TWO_AIMS.objectives.map(({ name, goal }) => ({ name, goal }))
  const shown = fakeSweep({
    metric: objectives[0],
    objectives,
    constraints: TWO_AIMS.constraints,
    best: { trial: 6, value: 0.01, config: {} },
  })
  const sweep = shown as unknown as SweepView
  const state = {
    sweep,
    document: { ...TWO_AIMS, space: { parameters: [] } },
    tally,
    health: new HealthTally(),
    url: 'x',
    away: undefined,
    now: 0,
  }
  const lines = watchScreen(state, { columns: 80, rows: 24 }, createColors('never', false)).map((line) => line.text)
  expect(lines.slice(2, 7)).toEqual([
    'best loss 0.01 by trial 6; Pareto front: 2 trials  █▆▁',
    '',
    '#  STATE      LOSS   ACC  MEMORY  STEP  CONFIG',
    '3  completed   0.3   0.5       1     3  lr=0.003',
    '2  completed   0.4   0.8       8     3  lr=0.002',
  ])
})

test('a trial becomes the best once it keeps to the constraints', () => {
  const tally = new SweepTally({ ...TWO_AIMS, objectives: undefined })
  const [created, queued, started, report] = trialFacts(1, 0.25, 'completed')
  const side = (value: number): FactBody => ({
    kind: 'side-report',
    trial: 1,
    attempt: 1,
    step: 4,
    name: 'memory',
    value,
  })
  const bodies = [created, queued, started, report].flatMap((fact) => fact ?? [])
  const seen = fakeFacts([...bodies, side(9), side(8)]).map((fact) => tally.add(fact)?.text)
  expect(seen.slice(3)).toEqual([undefined, undefined, 'best loss so far: 0.25 by trial 1 at step 4'])
})
