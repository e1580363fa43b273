import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, fakeTrial, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

let server: FakeServer | undefined
afterEach(() => server?.close())

interface Side {
  readonly trial?: object
  readonly argv?: readonly string[] | null
  readonly environment?: object
  readonly losses?: readonly (number | string)[]
}

async function diff(
  sides: Record<number, Side>,
  args: readonly string[],
  terminal?: { columns: number; rows: number },
) {
  const routes = Object.entries(sides).flatMap(([number, { trial, argv, environment, losses = [] }]) => {
    const path = `GET /sweeps/${SWEEP_ID}/trials/${number}`
    const attempt = {
      ...{ id: `${SWEEP_ID}-${number}-1`, number: 1, state: 'ended', cause: 'succeeded', message: '', agent: 'local' },
      ...{ slots: [], exitCode: 0, signal: null, argv: argv === undefined ? ['python3', `/runs/${number}/x`] : argv },
      ...{ environment: {}, runDir: `/runs/${number}`, gpuSeconds: 0, seconds: 1.5 },
    }
    const steps = losses.map((_, index) => index + 1)
    return [
      [path, () => ({ ...fakeTrial(Number(number)), attemptList: [attempt], metricNames: [], ...trial })],
      [`${path}/environment`, () => ({ attempt: 1, environment: environment ?? {} })],
      [`${path}/metrics`, () => ({ attempt: 1, series: [{ name: 'val_loss', steps, values: losses }] })],
    ] as const
  })
  server = await startFakeServer({
    'GET /sweeps': () => ({ sweeps: [], next: null }),
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    ...Object.fromEntries(routes),
  })
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret' }
  return runFake(['diff', ...args, '--no-color'], { env, ...(terminal && { terminal }) })
}

const BOTH = [`${SWEEP_ID}/1`, `${SWEEP_ID}/2`]
const git = (commit: string, diffHash?: string) => ({ commit, branch: 'main', dirty: diffHash !== undefined, diffHash })

test('what differs comes first in every section, and what is the same is an equals sign', async () => {
  const run = await diff(
    {
      1: {
        environment: { seed: 1, python: '3.11', git: git('aaa', 'ddd'), packages: { numpy: '1', six: '1' } },
        losses: [3, 1],
      },
      2: {
        environment: { seed: 2, python: '3.11', git: git('aaa'), packages: { numpy: '2', six: '1' } },
        losses: [3, 2],
      },
    },
    BOTH,
    { columns: 80, rows: 50 },
  )
  expect(run.code).toBe(0)
  const lines = run.stdout.split('\n').map((line) => line.trimEnd().split(/ {2,}/))
  expect(lines.slice(0, -1)).toEqual([
    ['WHAT', `${SWEEP_ID.toUpperCase()}/1`, `${SWEEP_ID.toUpperCase()}/2`],
    ['config: lr', '0.001', '0.002'],
    ['config: opt', 'adam', '='],
    ['seed', '1', '2'],
    ['seed: sweep seed', '1', '='],
    ['code: uncommitted changes', 'ddd', 'none'],
    ['code: commit', 'aaa', '='],
    ['code: branch', 'main', '='],
    ['command', "python3 '$SWEEP_RUN_DIR/x'", '='],
    ['environment: python', '3.11', '='],
    ['environment: agent', 'local', '='],
    ['packages: numpy', '1', '2'],
    ['outcome: val_loss', '0.125', '0.25'],
    ['outcome: last val_loss', '1', '2'],
    ['outcome: state', 'completed', '='],
    ['outcome: cause', 'succeeded', '='],
    ['outcome: last step', '9', '='],
    ['cost: attempts', '1', '='],
    ['cost: seconds', '1.5s', '='],
  ])
  expect(run.stderr).toContain('environment.git.diff')
})

test('JSON has both sides whole', async () => {
  const environment = { packages: { six: '1' }, packagesHash: 'h' }
  const run = await diff({ 1: { environment, losses: ['NaN'] }, 2: { environment, losses: ['Infinity'] } }, [
    ...BOTH,
    '--json',
  ])
  expect(JSON.parse(run.stdout)).toMatchObject({
    a: { sweep: SWEEP_ID, attempt: 1, environment, trial: { number: 1 }, series: [{ values: ['NaN'] }] },
    differences: expect.arrayContaining([
      { section: 'config', name: 'lr', a: 0.001, b: 0.002, same: false },
      { section: 'outcome', name: 'last val_loss', a: 'NaN', b: 'Infinity', same: false },
    ]),
  })
})

test('a number alone is another trial of the same sweep', async () => {
  const run = await diff({ 1: {}, 2: {} }, [BOTH[0]!, '2', '-o', 'name'])
  expect(run.code).toBe(0)
  expect(run.stdout).toContain('config:lr')
})

test('a trial that never ran is compared as far as it goes, with a warning', async () => {
  const run = await diff({ 1: {}, 2: { argv: null } }, BOTH)
  expect(run.code).toBe(0)
  expect(run.stderr).toContain(`Trial ${SWEEP_ID}/2 was never started`)
})

test('names of parameters and values that are no plain text are shown, not sent', async () => {
  const config = { 'a\u001b[31m"b 🎉': { deep: ['\u0007', 'x'.repeat(10_000)] } }
  const run = await diff({ 1: { trial: { config } }, 2: {} }, BOTH, { columns: 80, rows: 24 })
  expect(run.code).toBe(0)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  expect(run.stdout).not.toMatch(/[\u001b\u0007]/)
  for (const line of run.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

test.each([
  [[BOTH[0]!, BOTH[0]!], 2, 'are the same trial'],
  [[BOTH[0]!], 2, "Missing required argument 'other'"],
  [[SWEEP_ID, BOTH[0]!], 2, 'does not say which trial'],
  [[BOTH[0]!, `${SWEEP_ID}/9`], 3, 'no GET'],
  [[BOTH[0]!, 'nowhere/1'], 3, 'There is no sweep "nowhere"'],
])('%j is refused', async (args, code, message) => {
  const run = await diff({ 1: {}, 2: {} }, args)
  expect(run.stderr).toContain(message)
  expect(run).toMatchObject({ code, stdout: '' })
})
