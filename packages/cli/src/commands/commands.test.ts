import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { loadCommand } from '../load-command.ts'
import { runFake } from '../testing/fake-process.ts'
import {
  type FakeServer,
  fakeFacts,
  fakeRow,
  fakeSweep,
  fakeTrial,
  type Route,
  SWEEP_ID,
  startFakeServer,
} from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const SWEEP = `GET /sweeps/${SWEEP_ID}`

async function serve(routes: Record<string, Route>): Promise<{ server: FakeServer; env: Record<string, string> }> {
  const server = await startFakeServer({
    'GET /sweeps': (call) => {
      const name = new URL(call.path, 'http://x').searchParams.get('name')
      return { sweeps: name === null || name === 'digits' ? [fakeSweep()] : [], next: null }
    },
    [SWEEP]: () => fakeSweep(),
    'GET /health': () => ({ status: 'ok', version: '0.1.0', database: 'ok', migration: null }),
    ...routes,
  })
  open.push(server)
  return { server, env: { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret' } }
}

const TERMINAL = { columns: 80, rows: 24 }

test('ls prints a table for people, sends the token, and says nothing on stderr', async () => {
  const { server, env } = await serve({})
  const run = await runFake(['ls'], { env, terminal: TERMINAL })
  expect(run.stdout.split('\n').slice(0, 2)).toEqual([
    expect.stringContaining('ID          NAME'),
    expect.stringMatching(new RegExp(`^${SWEEP_ID} {2}digits {2}completed +3 +0 +0.125 +val_loss +1h$`)),
  ])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(server.calls[0]?.headers.authorization).toBe('Bearer secret')
})

test.each([['@last'], ['digits'], ['k3v'], [SWEEP_ID]])('a sweep is found as %s', async (name) => {
  const { env } = await serve({})
  const run = await runFake(['get', name, '--json'], { env })
  expect(JSON.parse(run.stdout)).toMatchObject({ id: SWEEP_ID })
  expect(run.code).toBe(0)
})

test('a misspelt sweep is exit 3 with what was meant', async () => {
  const { env } = await serve({})
  const run = await runFake(['get', 'digts'], { env })
  expect(run.code).toBe(3)
  expect(run.stderr).toBe('error: There is no sweep "digts".\n  Did you mean "digits"? `sweep ls` lists them.\n')
})

test('errors are one JSON object on stderr in JSON mode, and stdout stays empty', async () => {
  const { env } = await serve({})
  for (const argv of [
    ['get', 'nope', '--json'],
    ['get', 'nope', '-o', 'json'],
    ['get', 'nope', '-o', 'jsonl'],
  ]) {
    const run = await runFake(argv, { env })
    expect(run.stdout).toBe('')
    expect(JSON.parse(run.stderr)).toMatchObject({
      code: 'not-found',
      message: expect.any(String),
      hint: expect.any(String),
    })
  }
})

test.each([
  [401, 'unauthenticated', 4],
  [403, 'forbidden', 4],
  [409, 'conflict', 1],
  [503, 'unavailable', 7],
])('HTTP %i %s ends the command with %i', async (status, code, exit) => {
  const { env } = await serve({ [SWEEP]: () => [status, { code, message: 'no', hint: 'do this' }] })
  const run = await runFake(['get', SWEEP_ID], { env })
  expect(run.code).toBe(exit)
  expect(run.stderr).toBe('error: no\n  do this\n')
})

test('a server that is not there is exit 7 with the next command', async () => {
  const run = await runFake(['ls'], { env: { SWEEP_URL: 'http://127.0.0.1:1' } })
  expect(run.code).toBe(7)
  expect(run.stderr).toContain('sweep server start')
})

test('no server at all is exit 7 too', async () => {
  expect((await runFake(['ls'])).code).toBe(7)
})

test('names from the server never reach the terminal raw, in any format', async () => {
  const name = 'x\u001b]0;pwned\u0007\u009b2J'
  const { env } = await serve({
    'GET /sweeps': () => ({ sweeps: [fakeSweep({ name })], next: null }),
    [SWEEP]: () => fakeSweep({ name, source: `name: ${name}`, reason: name }),
    [`GET /sweeps/${SWEEP_ID}/leaderboard`]: () => ({
      rows: [fakeRow(1, 1, { config: { [name]: name } })],
      next: null,
    }),
  })
  for (const command of [['ls'], ['get', SWEEP_ID], ['get', SWEEP_ID, '--source'], ['leaderboard', SWEEP_ID]]) {
    for (const format of ['table', 'wide', 'json', 'yaml', 'name']) {
      const run = await runFake([...command, '-o', format, '--no-color'], { env, terminal: { columns: 200, rows: 24 } })
      expect(run.code).toBe(0)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
      expect(run.stdout, `${command} ${format}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    }
  }
})

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

test.each([
  ['pause', ['pause', '@last'], `POST /sweeps/${SWEEP_ID}/pause`],
  ['stop', ['stop', 'digits'], `POST /sweeps/${SWEEP_ID}/stop`],
  ['cancel', ['cancel', SWEEP_ID], `POST /sweeps/${SWEEP_ID}/cancel`],
])('%s calls the server', async (_name, argv, call) => {
  const { env, server } = await serve({ [call]: () => fakeSweep({ state: 'stopping' }) })
  const run = await runFake([...argv, '-q', '-o', 'name'], { env })
  expect(run).toEqual({ code: 0, stdout: `${SWEEP_ID}\n`, stderr: '' })
  expect(`${server.calls.at(-1)?.method} ${server.calls.at(-1)?.path}`).toBe(call)
})

test('cancel asks on a terminal, and does nothing without a yes', async () => {
  const running = { queued: 0, running: 3, paused: 0, completed: 0, pruned: 0, failed: 0, cancelled: 0 }
  const { env, server } = await serve({
    [SWEEP]: () => fakeSweep({ state: 'running', endedAt: null, trials: running }),
    [`POST /sweeps/${SWEEP_ID}/cancel`]: () => fakeSweep({ state: 'cancelling' }),
  })
  expect((await runFake(['cancel', SWEEP_ID], { env, terminal: TERMINAL, answer: 'n' })).code).toBe(1)
  expect(server.calls.some((call) => call.method === 'POST')).toBe(false)
  expect((await runFake(['cancel', SWEEP_ID], { env, terminal: TERMINAL, answer: 'y' })).code).toBe(0)
  expect((await runFake(['cancel', SWEEP_ID, '--yes'], { env, terminal: TERMINAL })).code).toBe(0)
})

test('edit sends only what was named; none lifts a limit', async () => {
  const { env, server } = await serve({ [`PATCH /sweeps/${SWEEP_ID}`]: () => fakeSweep() })
  await runFake(['edit', SWEEP_ID, '--parallelism', 'none', '--trials', '50', '--gpu-hours', '1.5'], { env })
  expect(server.calls.at(-1)?.body).toEqual({ parallelism: null, budget: { trials: 50, gpuSeconds: 5400 } })
  expect((await runFake(['edit', SWEEP_ID], { env })).code).toBe(2)
  expect((await runFake(['edit', SWEEP_ID, '--parallelism', '0'], { env })).code).toBe(2)
})

test('enqueue checks the config against the search space before it is sent', async () => {
  const { env, server } = await serve({ [`POST /sweeps/${SWEEP_ID}/trials`]: () => fakeTrial(7, { state: 'queued' }) })
  const good = await runFake(['enqueue', SWEEP_ID, '-p', 'lr=3e-4', '-p', 'opt=sgd'], { env })
  expect(good.stderr).toBe(`Trial ${SWEEP_ID}/7 is queued.\n`)
  expect(server.calls.at(-1)?.body).toEqual({ config: { lr: 0.0003, opt: 'sgd' }, repeat: false })
  const bad = await runFake(['enqueue', SWEEP_ID, '-p', 'lr=3e-4', '-p', 'optt=sgd'], { env })
  expect(bad.code).toBe(2)
  expect(bad.stderr).toContain('Did you mean "opt"?')
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

test('token create --join limits who may join with it, and to which queues', async () => {
  const { env, server } = await serve({ 'POST /tokens': () => ({ id: 3, token: 'swp_join_x' }) })
  const options = ['--queues', 'a100,h100', '--uses', '5', '--expires', '1h']
  expect((await runFake(['token', 'create', '--join', ...options], { env })).code).toBe(0)
  expect(server.calls.at(-1)?.body).toEqual({
    ...{ kind: 'join', name: 'agents', queues: ['a100', 'h100'], uses: 5 },
    expiresInSeconds: 3600,
  })
  for (const wrong of [['laptop', '--uses', '5'], ['laptop', '--queues', 'a'], [], ['--join', '--uses', '0']]) {
    expect((await runFake(['token', 'create', ...wrong], { env })).code).toBe(2)
  }
  expect(server.calls.filter((call) => call.method === 'POST')).toHaveLength(1)
})

test('create checks the file here first, shows where it is wrong, and sends nothing', async () => {
  const { env, server } = await serve({})
  const run = await runFake(['create', '-'], {
    env,
    stdin: 'method: random\nparameters: {lr: {min: 5, max: 1}}\nprogram: a.py\n',
  })
  expect(run.code).toBe(2)
  expect(run.stderr).toMatch(/stdin:2:\d+: error:/)
  expect(run.stderr).toContain('^')
  expect(server.calls.some((call) => call.method === 'POST')).toBe(false)
})

test('create sends the file with its folder, and says what to do next', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-cli-'))
  await writeFile(join(folder, 'my.yaml'), 'method: random\nparameters: {lr: {min: 0.1, max: 1}}\nprogram: a.py\n')
  const { env, server } = await serve({
    'POST /sweeps': () => ({ sweep: fakeSweep({ state: 'running' }), warnings: [] }),
  })
  const run = await runFake(['create', 'my.yaml', '--set', 'run_cap=5', '-o', 'name'], { env, cwd: folder })
  await rm(folder, { recursive: true })
  expect(run).toMatchObject({ code: 0, stdout: `${SWEEP_ID}\n` })
  expect(run.stderr).toContain(`sweep watch ${SWEEP_ID}`)
  expect(server.calls.find((call) => call.method === 'POST')?.body).toMatchObject({
    file: 'my.yaml',
    workdir: folder,
    overrides: { run_cap: 5 },
  })
})

test('a server of another version is warned of', async () => {
  const { env } = await serve({
    'GET /health': () => ({ status: 'ok', version: '9.9.9', database: 'ok', migration: null }),
    'POST /sweeps': () => ({ sweep: fakeSweep(), warnings: [] }),
  })
  const stdin = 'method: random\nparameters: {lr: {min: 0.1, max: 1}}\nprogram: a.py\n'
  expect((await runFake(['create', '-'], { env, stdin })).stderr).toContain('the server is version 9.9.9')
})

test('run --dry-run prints a sweep file and needs no server', async () => {
  const run = await runFake(
    [
      'run',
      '-p',
      'lr=1e-5..1e-1:log',
      '-p',
      'opt=adam,sgd',
      '--min',
      'loss',
      '-n',
      '5',
      '--dry-run',
      '--',
      'train',
      '--flag',
    ],
    {},
  )
  expect(run.code).toBe(0)
  for (const part of ['run_cap: 5', 'name: loss', '- train', '- --flag', '- ${args}'])
    expect(run.stdout).toContain(part)
})

test('run puts values where the command says, and then adds none', async () => {
  const run = await runFake(['run', '-p', 'lr=1..2', '--max', 'acc', '--dry-run', '--', 'train', '--rate={lr}'], {})
  expect(run.stdout).toContain('- --rate={lr}')
  expect(run.stdout).not.toContain('args')
})

test.each([
  [['run', '--min', 'a', '--', 'x'], 'nothing to vary'],
  [['run', '-p', 'a=1..2', '--min', 'a'], 'no command'],
  [['run', '-p', 'a=1..2', '--min', 'a', '--max', 'b', '--', 'x'], 'exclude each other'],
  [['run', '-p', 'a=1..2', '-p', 'a=3..4', '--min', 'a', '--', 'x'], 'given twice'],
  [['run', '-p', 'a=2..1', '--min', 'a', '--', 'x'], 'not below'],
  [['run', '-p', 'a=1..2', '-n', '0', '--min', 'a', '--', 'x'], 'at least 1'],
  [['ls', '--limit', 'x'], 'whole number'],
  [['ls', '--state', 'runing'], 'no state of a sweep'],
  [['ls', '-o', 'xml'], 'no output format'],
  [['ls', '--limt', '3'], "Unknown option '--limt'"],
  [['get'], "Missing required argument 'sweep'"],
  [['lss'], 'no command "lss"'],
  [['trial'], 'needs one more word'],
  [['trial', 'lgs', 'x'], 'no command "lgs"'],
  [['logs', 'x'], 'Did you mean "trial logs"?'],
  [['completion', 'tcsh'], 'no completion for "tcsh"'],
  [['wait', 'x', '--for', 'best'], 'nothing to wait for'],
  [['wait', 'x', '--timeout', 'soon'], 'length of time'],
  [['help', 'exitcodes'], 'Did you mean "exit-codes"'],
])('%j is a usage error', async (argv, message) => {
  const run = await runFake(argv, { env: { SWEEP_URL: 'http://127.0.0.1:1' } })
  expect(run.code).toBe(2)
  expect(run.stderr).toContain(message)
  expect(run.stdout).toBe('')
})

test('a stack trace is shown with --debug only', async () => {
  const { env } = await serve({ [SWEEP]: () => [500, { code: 'internal', message: 'broken' }] })
  expect((await runFake(['get', SWEEP_ID], { env })).stderr).not.toContain('at ')
  expect((await runFake(['get', SWEEP_ID, '--debug'], { env })).stderr).toMatch(/\n\s+at /)
})

test('colours go to terminals only, and the environment decides', async () => {
  const { env } = await serve({})
  const hasColor = async (more: Record<string, string>, flags: string[] = [], terminal = true) =>
    (
      await runFake(['ls', ...flags], { env: { ...env, ...more }, ...(terminal ? { terminal: TERMINAL } : {}) })
    ).stdout.includes('\u001b[')
  expect(await hasColor({})).toBe(true)
  expect(await hasColor({ NO_COLOR: '1' })).toBe(false)
  expect(await hasColor({ NO_COLOR: '' })).toBe(true)
  expect(await hasColor({ TERM: 'dumb' })).toBe(false)
  expect(await hasColor({}, ['--no-color'])).toBe(false)
  expect(await hasColor({}, [], false)).toBe(false)
})

test('every command takes --json and has help', async () => {
  const { COMMANDS } = await import('../command-table.ts')
  for (const entry of COMMANDS) {
    const run = await runFake([...entry.name.split(' '), '--json', '--help'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toContain(`Usage: sweep ${entry.name}`)
    for (const line of run.stdout.split('\n'))
      expect(line.length, line).toBeLessThanOrEqual(entry.more?.includes(line) ? 100 : 80)
    expect(await loadCommand(entry.name)).toHaveProperty('run')
  }
})

test('the help of sweep itself names every command and fits 80 columns', async () => {
  const { COMMANDS } = await import('../command-table.ts')
  const run = await runFake(['--help'])
  for (const entry of COMMANDS) expect(run.stdout).toMatch(new RegExp(`\\b${entry.name.split(' ').at(-1)}\\b`))
  for (const line of run.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  expect((await runFake([])).stdout).toBe(run.stdout)
})
