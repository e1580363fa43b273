import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { digestOf, packFolder } from '@sweep/snapshot/pack'
import { walkFolder } from '@sweep/snapshot/walk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, fakeTrial, type Route, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

let server: FakeServer | undefined
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-repro-'))
  mkdirSync(join(folder, 'project'))
  symlinkSync('/nowhere/at/all', join(folder, 'dangling'))
})
afterEach(async () => {
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

const TRIAL = `/sweeps/${SWEEP_ID}/trials/7`
/** One line a step; the values are those of its parameters and seed. */
const PROGRAM = `
import json, os, sys, time
with open(os.environ["SWEEP_METRICS"], "a") as file:
    for step in range(1, 5):
        file.write(json.dumps({"step": step, "val_loss": float(os.environ["PARAM_lr"]) / step, "seed": int(os.environ["SWEEP_SEED"])}) + "\\n")
        file.flush()
        if step == STOPS:
            while json.load(open(os.path.join(os.environ["SWEEP_RUN_DIR"], "control.json")))["stop"] is None:
                time.sleep(0.01)
            sys.exit(0)
`.replace('STOPS', 'int(os.environ.get("STOPS", "0"))')

interface Setting {
  readonly sweep?: object
  readonly document?: object
  readonly trial?: object
  readonly attempt?: object
  readonly environment?: object
  readonly series?: readonly object[]
  readonly routes?: Record<string, Route>
  readonly program?: string
  readonly env?: Record<string, string>
}

const LOSSES = [0.5, 0.25, 0.5 / 3, 0.125]
const RECORDED = [
  { name: 'val_loss', steps: [1, 2, 3, 4], values: LOSSES },
  { name: 'seed', steps: [1, 2, 3, 4], values: [42, 42, 42, 42] },
  { name: 'system/cpu_percent', steps: [1], values: [50] },
]

async function repro(setting: Setting = {}, args: readonly string[] = [], more: object = {}) {
  const project = join(folder, 'project')
  writeFileSync(join(project, 'train.py'), setting.program ?? PROGRAM)
  const { entries } = await walkFolder(project)
  const bytes = await buffer(packFolder(project, entries))
  const { sha256, sizeBytes } = await digestOf(packFolder(project, entries))
  const sweep = fakeSweep()
  const attempt = {
    ...{
      id: `${SWEEP_ID}-7-1`,
      number: 1,
      state: 'ended',
      cause: 'succeeded',
      message: '',
      agent: 'local',
      slots: [0],
    },
    ...{ exitCode: 0, signal: null, argv: ['python3', 'train.py'], environment: {}, runDir: '/runs/7', gpuSeconds: 0 },
    ...{ seconds: 1, queuedAt: '2026-01-01T00:00:00.000Z', startedAt: null, endedAt: null, ...setting.attempt },
  }
  server = await startFakeServer({
    'GET /sweeps': () => ({ sweeps: [], next: null }),
    [`GET /sweeps/${SWEEP_ID}`]: () => ({
      ...sweep,
      ...{ workdir: project, code: { kind: 'snapshot', sha256, sizeBytes } },
      ...{
        document: {
          ...(sweep['document'] as object),
          command: ['python3', 'train.py'],
          graceMs: 300,
          ...setting.document,
        },
      },
      ...setting.sweep,
    }),
    [`GET ${TRIAL}`]: () => ({
      ...fakeTrial(7, { config: { lr: 0.5, opt: 'adam' } }),
      ...{ attemptList: [attempt], metricNames: [], ...setting.trial },
    }),
    [`GET ${TRIAL}/environment`]: () => ({ attempt: 1, environment: { seed: 42, ...setting.environment } }),
    [`GET ${TRIAL}/metrics`]: () => ({ attempt: 1, series: setting.series ?? RECORDED }),
    [`GET /objects/${sha256}`]: (_call, response) => void response.writeHead(200).end(bytes),
    ...setting.routes,
    // Whatever its hash is.
    ...(setting.routes?.['HEAD object'] && { [`HEAD /objects/${sha256}`]: setting.routes['HEAD object'] }),
    ...(setting.routes?.['GET object'] && { [`GET /objects/${sha256}`]: setting.routes['GET object'] }),
  })
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', PATH: process.env['PATH'] ?? '', ...setting.env }
  const run = await runFake(['trial', 'repro', `${SWEEP_ID}/7`, ...args], { env, cwd: folder, ...more })
  return { ...run, json: () => JSON.parse(run.stdout) }
}

const DIR = `repro-${SWEEP_ID}-7`

test('it runs in the snapshot with the seed and the config of the record, and is the same to the last bit', async () => {
  const run = await repro({}, ['--json'])
  expect(run.stderr).toContain('val_loss is the same to the last bit at all 4 steps that both have.')
  expect(run.code).toBe(0)
  expect(run.json()).toMatchObject({
    ...{ seed: 42, stopAt: null, folder: join(folder, DIR, 'code'), argv: ['python3', 'train.py'] },
    metrics: [
      { name: 'val_loss', identical: 4 },
      { name: 'seed', identical: 4 },
    ],
  })
  expect(readFileSync(join(folder, DIR, 'code', 'train.py'), 'utf8')).toBe(PROGRAM)
  expect(JSON.parse(readFileSync(join(folder, DIR, 'run', 'params.json'), 'utf8'))).toEqual({ lr: 0.5, opt: 'adam' })
})

test('the program gets what an agent passes on, what SWEEP_PASS_ENV names, and no secrets', async () => {
  const program =
    'import os\nprint("val_loss=0.5", *(os.environ.get(n) for n in ["OMP_NUM_THREADS", "DATA", "KEY", "SWEEP_URL"]))\n'
  const env = { OMP_NUM_THREADS: '3', DATA: '/data', KEY: 'secret', SWEEP_PASS_ENV: 'DATA, OTHER' }
  const run = await repro({ program, env }, [])
  expect(run.code).toBe(0)
  expect(readFileSync(join(folder, DIR, 'run', 'output.log'), 'utf8')).toBe('val_loss=0.5 3 /data None None\n')
})

test('for people it is a table of 80 columns and a sentence', async () => {
  const series = [{ ...RECORDED[0], values: [0.5, 0.25, 0.2, 0.125] }]
  const run = await repro({ series }, ['--no-color'], { terminal: { columns: 80, rows: 24 } })
  expect(run.stdout.split('\n').slice(0, 2)).toEqual([
    'METRIC    STEPS  SAME  AT  RECORDED   HERE  WORST_AT   OFF_BY    SHARE',
    'val_loss      4     3   4     0.125  0.125         3  0.03333  16.67 %',
  ])
  expect(run.stderr).toContain('val_loss is off by at most 0.03333 (16.67 %), at step 3, and by 0 (0 %) at step 4')
})

test('a dry run says what it would do and does nothing', async () => {
  const run = await repro({ attempt: { cause: 'pruned' } }, ['--dry-run', '--json'])
  expect(run.json()).toMatchObject({ dryRun: true, seed: 42, stopAt: 4, code: expect.stringContaining('snapshot') })
  expect(readdirSync(folder)).toEqual(['dangling', 'project'])
  expect(server!.calls.filter(({ method, path }) => method === 'GET' && path.startsWith('/objects'))).toEqual([])
})

test('a trial that was pruned is asked to stop where its record ends', async () => {
  const series = [{ name: 'val_loss', steps: [1, 2], values: [0.5, 0.25] }]
  // It would wait without end at its second step for being asked.
  const run = await repro({ series, attempt: { cause: 'pruned' }, document: { env: { STOPS: '2' } } }, ['--json'])
  expect(run.code).toBe(0)
  expect(run.json()).toMatchObject({
    stopAt: 2,
    exit: { code: 0, stopped: true },
    metrics: [{ identical: 2, extra: 0 }, {}],
  })
})

test('a program that does not listen is ended, with what it started', async () => {
  const program = `
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"])
open(os.path.join(os.environ["SWEEP_RUN_DIR"], "pids"), "w").write(str(child.pid))
print("val_loss=0.5", flush=True)
time.sleep(1000)
`
  const series = [{ name: 'val_loss', steps: [1], values: [0.5] }]
  const run = await repro({ program, series, attempt: { cause: 'pruned' } }, ['--json'])
  expect(run.json()).toMatchObject({
    exit: { code: null, signal: 'SIGKILL', stopped: true },
    metrics: [{ identical: 1 }],
  })
  expect(run.code).toBe(0)
  const pid = Number(readFileSync(join(folder, DIR, 'run', 'pids'), 'utf8'))
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
})

/** A process that has ended and that nobody has waited for counts as ended. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('Ctrl-C ends the program and the command with 130', async () => {
  const interrupt = new AbortController()
  interrupt.abort()
  const run = await repro({ program: 'import time\ntime.sleep(1000)\n' }, [], { interrupt: interrupt.signal })
  expect(run.code).toBe(130)
})

test('another Python, a missing package and another GPU in the record are named before anything can be blamed on them', async () => {
  const environment = {
    ...{
      python: '2.7.18',
      packages: { 'nowhere-to-be-found': '9.9' },
      gpus: [{ name: 'NVIDIA H900' }],
      hostname: 'elsewhere',
    },
    packagesHash: 'x',
  }
  const run = await repro({ environment }, ['--dry-run', '--json'])
  expect(run.json().environment).toEqual(
    expect.arrayContaining([
      { what: 'python', recorded: '2.7.18', here: expect.stringMatching(/^3\./) },
      { what: 'package nowhere-to-be-found', recorded: '9.9' },
      { what: 'gpu', recorded: 'NVIDIA H900', here: expect.any(String) },
      { what: 'host', recorded: 'elsewhere', here: hostname() },
    ]),
  )
  expect(run.stderr).toContain('warning: python: 2.7.18 in the record')
})

test('what a record holds never reaches the terminal raw', async () => {
  const evil = '\u001b]0;pwned\u0007'
  const run = await repro({ environment: { python: evil, packages: { [evil]: evil } } }, ['--dry-run', '--no-color'])
  expect(run.stderr).toContain('\\e]0;pwned')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  expect(run.stdout + run.stderr).not.toMatch(/[\u001b\u0007]/)
})

test('a snapshot that is gone is replaced by the folder, and that is said', async () => {
  const run = await repro({ routes: { 'HEAD object': () => [404, {}] } }, ['--json'])
  expect(run.json()).toMatchObject({ code: `the folder ${join(folder, 'project')}`, metrics: [{ identical: 4 }, {}] })
  expect(run.stderr).toMatch(/The server no longer has snapshot [0-9a-f]{12}; the folder as it is now takes its place/)
  expect(run.code).toBe(0)
})

test('a snapshot that is gone, of a folder that is not here, is exit 3', async () => {
  const run = await repro({ sweep: { workdir: '/nowhere/at/all' }, routes: { 'HEAD object': () => [404, {}] } })
  expect(run).toMatchObject({ code: 3, stdout: '' })
  expect(run.stderr).toContain('The code of sweep k3v9x0abcd is gone')
  expect(readdirSync(folder)).toEqual(['dangling', 'project'])
})

test('a snapshot that arrives otherwise than it was stored is not run', async () => {
  mkdirSync(join(folder, 'other'))
  writeFileSync(join(folder, 'other', 'train.py'), 'open("pwned", "w")\n')
  const bytes = await buffer(packFolder(join(folder, 'other'), (await walkFolder(join(folder, 'other'))).entries))
  const run = await repro({ routes: { 'GET object': (_call, response) => void response.writeHead(200).end(bytes) } })
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('did not arrive as it was stored') })
})

test('nothing of a snapshot that does not arrive whole, or not as it was, stays', async () => {
  const cut: Route = (_call, response) => {
    response.writeHead(200, { 'content-length': '100000' })
    response.write('x'.repeat(600), () => response.destroy())
  }
  const run = await repro({ routes: { 'GET object': cut } })
  expect(run).toMatchObject({ code: 7, stderr: expect.stringContaining('did not arrive whole') })
  expect(readdirSync(join(folder, DIR))).toEqual([])
})

test('a command that comes out otherwise here is named', async () => {
  const attempt = { argv: ['python3', 'train.py', '--data=/there'] }
  const run = await repro({ attempt }, ['--dry-run', '--json'])
  expect(run.json().environment).toEqual([
    { what: 'command', recorded: 'python3 train.py --data=/there', here: 'python3 train.py' },
  ])
})

test.each<[string, Setting, readonly string[], number, string]>([
  ['never started', { attempt: { argv: null } }, [], 3, 'was never started'],
  [
    'of a container',
    { document: { launcher: 'docker', container: { image: 'torch' } } },
    [],
    2,
    'ran in a container of torch',
  ],
  ['without a seed', { environment: { seed: undefined } }, [], 3, 'The seed of trial'],
  [
    'of a program that is missing',
    { document: { command: ['no-such-program-anywhere'] } },
    [],
    3,
    "no-such-program-anywhere can't be started",
  ],
  ['into a folder that is not empty', {}, ['--dir', 'project'], 1, 'is not empty'],
  ['into a file', {}, ['--dir', 'project/train.py'], 2, "can't be used"],
  ['into a name that is too long', {}, ['--dir', 'x'.repeat(10_000)], 2, "can't be used"],
  ['into a link that leads nowhere', {}, ['--dir', 'dangling'], 2, "can't be made"],
  [
    'that fails here',
    { program: 'import sys\nprint("boom")\nsys.exit(3)\n' },
    [],
    1,
    'The program ended with 3. Last line of its output: boom',
  ],
  ['that reports nothing here', { program: 'pass\n' }, [], 1, 'Nothing to compare: no step has val_loss in both'],
  ['with a tolerance of nonsense', {}, ['--tolerance', 'a lot'], 2, '--tolerance takes a number above 0'],
  [
    'that is further off than allowed',
    { series: [{ ...RECORDED[0], values: [0.5, 0.25, 0.2, 0.125] }] },
    ['--tolerance', '0.1'],
    1,
    'is not within 0.1',
  ],
])('a trial %s', async (_name, setting, args, code, message) => {
  const run = await repro(setting, args)
  expect(run.stderr).toContain(message)
  expect(run.code).toBe(code)
})

test('a trial that failed in the record and fails here as well is reproduced', async () => {
  const run = await repro({
    program: 'import sys\nsys.exit(3)\n',
    trial: { state: 'failed' },
    attempt: { cause: 'user-error' },
    series: [],
  })
  expect(run.stderr).toContain('it failed in the record as well')
  expect(run.code).toBe(0)
})

test('what can not be promised is said: a parent whose checkpoint is not here, several attempts, GPUs', async () => {
  const environment = { gpus: [{ name: 'NVIDIA A100' }] }
  const run = await repro({ trial: { parent: 3 }, environment }, ['--dry-run'])
  expect(run.stderr).toContain('went on from a checkpoint of trial 3')
  expect(run.stderr).toContain('Many GPU kernels')
  expect(run.stderr).toContain('The packages were not recorded')
})
