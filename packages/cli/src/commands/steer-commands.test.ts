import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, fakeTrial, type Route, SWEEP_ID, serveSweep } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const serve = (routes: Record<string, Route>) => serveSweep(open, routes)

const SWEEP = `GET /sweeps/${SWEEP_ID}`

const TERMINAL = { columns: 80, rows: 24 }

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
