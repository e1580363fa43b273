import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FactBody } from '@sweep/spec/facts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-replay-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
  rmSync(folder, { recursive: true, force: true })
})

/** Trial after trial, each with these losses at the steps 1, 2, 3, …, a second apart. */
function factsOf(curves: readonly (readonly number[])[], gpus = 0) {
  const bodies = curves.flatMap((curve, index): FactBody[] => {
    const trial = index + 1
    const seconds = curve.length + 1
    return [
      { kind: 'trial-created', trial, config: { lr: 0.01 * trial }, source: 'user', basis: 0, reason: 'test' },
      { kind: 'attempt-queued', trial, attempt: 1, reason: 'test' },
      { kind: 'attempt-started', trial, attempt: 1, epoch: 1, agent: 'host', gpus },
      ...curve.map(
        (value, at): FactBody => ({ kind: 'report', trial, attempt: 1, step: at + 1, ordinal: at + 1, value }),
      ),
      {
        ...{ kind: 'attempt-ended', trial, attempt: 1, cause: 'succeeded', message: '' },
        ...{ seconds, gpuSeconds: seconds * gpus },
      },
      { kind: 'trial-ended', trial, state: 'completed', value: null, reason: 'test' },
    ]
  })
  return bodies.map((body, index) => ({ seq: index + 1, at: new Date(index * 1000).toISOString(), body }))
}

const CURVES = [
  [0.4, 0.3, 0.25],
  [0.9, 0.4, 0.1],
  [0.45, 0.44, 0.43],
]

async function serve(document: object = {}, facts = factsOf(CURVES)) {
  const sweep = fakeSweep()
  const server = await startFakeServer({
    'GET /sweeps': () => ({ sweeps: [], next: null }),
    [`GET /sweeps/${SWEEP_ID}`]: () => ({ ...sweep, document: { ...(sweep['document'] as object), ...document } }),
    [`GET /sweeps/${SWEEP_ID}/facts`]: (call) => {
      const after = Number(new URL(call.path, 'http://x').searchParams.get('after'))
      const page = facts.filter(({ seq }) => seq > after)
      return { facts: page, next: page.at(-1)?.seq ?? after }
    },
  })
  open.push(server)
  return { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret' }
}

const TERMINAL = { columns: 80, rows: 24 }
const THRESHOLD = 'threshold,upper=0.5'

async function replay(args: readonly string[], env: Record<string, string>, terminal?: typeof TERMINAL, stdin = '') {
  return runFake(['replay', SWEEP_ID, ...args, '--no-color'], {
    env,
    cwd: folder,
    stdin,
    ...(terminal && { terminal }),
  })
}

test('another pruner is one row under the record, and the winner that it would have killed a row of its own', async () => {
  const run = await replay(['--early-terminate', THRESHOLD], await serve(), TERMINAL)
  expect(run.code).toBe(0)
  expect(run.stdout.split('\n')).toEqual([
    'EARLY_TERMINATE      PRUNED  UNKNOWN  RUN_TIME  SAVED  BEST  REGRET  KILLED',
    'as it was                 0        0       12s      -   0.1       0  0 of 3',
    'threshold,upper=0.5       1        0        9s   25 %  0.25    0.15  1 of 3',
    '',
    'EARLY_TERMINATE      WOULD_KILL  PLACE  VALUE  AFTER_STEP   AT',
    'threshold,upper=0.5           2      1    0.1           1  0.9',
    '',
  ])
  expect(run.stderr).toContain('As it was: early_terminate none.')
})

test('JSON has every figure and every limit', async () => {
  const env = await serve({}, factsOf(CURVES, 2))
  const run = await replay(['--early-terminate', THRESHOLD, '--json', '--top', '1'], env)
  expect(JSON.parse(run.stdout)).toMatchObject({
    recorded: 'none',
    top: [2],
    outcomes: [
      { name: 'as it was', isRecorded: true, cost: { seconds: 12, gpuSeconds: 24 } },
      {
        name: THRESHOLD,
        pruned: 1,
        savedAtMost: 0.25,
        killed: [{ trial: 2, rank: 1, step: 1, valueAtStep: 0.9, reason: expect.stringContaining('0.5') }],
      },
    ],
    limits: [expect.stringContaining('Trials are those of the record')],
  })
})

test('where GPUs were used their time is what counts', async () => {
  const env = await serve({}, factsOf(CURVES, 2))
  const run = await replay(['--early-terminate', THRESHOLD], env, TERMINAL)
  expect(run.stdout).toMatch(/GPU_TIME.*24s.*18s/s)
})

test('without a name the usual ones are compared, the recorded one first and the others by regret', async () => {
  const run = await replay(['--early-terminate'], await serve(), TERMINAL)
  const rows = run.stdout.split('\n\n')[0]!.trimEnd().split('\n').slice(1)
  expect(rows.map((row) => row.split('  ')[0])).toEqual(
    expect.arrayContaining(['as it was', 'median', 'percentile', 'asha,eta=3', 'asha,eta=4', 'extrapolate']),
  )
  expect(rows[0]).toContain('as it was')
  // The sweep itself stopped nothing.
  expect(run.stdout).not.toContain('none')
})

test('among the usual ones are none that the objectives rule out', async () => {
  const metric = { name: 'val_loss', goal: 'minimize', summary: 'best' }
  const env = await serve({ metric, objectives: [metric, { ...metric, name: 'size' }] })
  const run = await replay(['--early-terminate', '-o', 'name'], env)
  expect(run.code).toBe(0)
  expect(run.stdout).toContain('asha')
  expect(run.stdout).not.toContain('extrapolate')
  const refused = await replay(['--early-terminate', 'wilcoxon'], env)
  expect(refused.stderr).toContain('compares one objective')
})

test.each([
  ['{type: threshold, upper: 0.5}', 'threshold,upper=0.5'],
  ['{"type": "median", "min_trials": 2}', 'median,min_trials=2'],
  ['asha,eta=4', 'asha,eta=4'],
  ['none', 'none'],
])('%s is a pruner', async (text, name) => {
  const run = await replay(['--early-terminate', text, '-o', 'name'], await serve())
  expect(run.stdout).toBe(`as it was\n${name}\n`)
})

test('a pruner comes from a file too: a map, a sweep file, or standard input', async () => {
  const env = await serve()
  writeFileSync(join(folder, 'map.yaml'), '# strict\ntype: threshold\n\nupper: 0.5\n')
  const sweepFile = 'method: random\nmetric: {name: l, goal: minimize}\nparameters: {x: {min: 0.0, max: 1.0}}\n'
  writeFileSync(join(folder, 'sweep.yaml'), `${sweepFile}command: [x]\nearly_terminate:\n  type: median\n  grace: 7\n`)
  const files = ['map.yaml', 'sweep.yaml', '-'].flatMap((file) => ['--early-terminate-file', file])
  const run = await replay([...files, '-o', 'name'], env, undefined, 'type: patience\npatience: 2\n')
  expect(run.stderr).not.toContain('error')
  expect(run.stdout.split('\n').sort()).toEqual(
    ['', 'as it was', 'median,grace=7', 'patience,patience=2', 'threshold,upper=0.5'].sort(),
  )
})

test.each([
  [['--early-terminate', 'ahsa'], 2, 'There is no way to stop trials early called "ahsa".\n  Did you mean "asha"?'],
  [['--early-terminate', `${'x'.repeat(10_000)}`], 2, 'Use one of hyperband, asha'],
  [['--early-terminate', 'ünïcode 🎉,"'], 2, 'called "ünïcode 🎉"'],
  [['--early-terminate', 'asha,eta'], 2, '"eta" of asha does not say KEY=VALUE'],
  [['--early-terminate', 'asha,=3'], 2, 'does not say KEY=VALUE'],
  [['--early-terminate', 'asha,eta=3,reduction_factor=4'], 2, 'asha has reduction_factor twice'],
  [['--early-terminate', 'asha,eta=x'], 2, 'early_terminate.reduction_factor is "x", but must be a whole number'],
  [['--early-terminate', 'asha,eat=3'], 2, '"eat" is not a key in early_terminate'],
  [['--early-terminate', 'hyperband'], 2, 'hyperband needs min_iter, or max_iter with s'],
  [['--early-terminate', '{type: ['], 2, 'unreadable YAML'],
  [['--early-terminate', '{}'], 2, 'early_terminate'],
  [['--early-terminate-file', 'nope.yaml'], 3, 'There is no file nope.yaml'],
  [['--early-terminate-file', '.'], 2, '. is a folder'],
  [['--early-terminate-file', 'empty.yaml'], 2, 'empty.yaml is empty'],
  [['--early-terminate-file', 'bad.yaml'], 2, 'bad.yaml:3:11: early_terminate.brackets is 0'],
  [['--early-terminate-file', 'list.yaml'], 2, 'list.yaml'],
  [['--top', '3'], 2, 'It goes with --early-terminate'],
  [['--early-terminate', 'none', '--top', '0'], 2, '--top takes a whole number of at least 1'],
])('%j is refused with what to do', async (args, code, message) => {
  writeFileSync(join(folder, 'empty.yaml'), '\n')
  writeFileSync(join(folder, 'bad.yaml'), 'type: asha\n# none\nbrackets: 0\n')
  writeFileSync(join(folder, 'list.yaml'), '- asha\n')
  const run = await replay(args, await serve())
  expect(run.stderr).toContain(message)
  expect(run).toMatchObject({ code, stdout: '' })
})

test('a method is looked up among the recorded configs, beside the record and what any order brings', async () => {
  const run = await replay(['--method', 'tpe', '--method', 'gp', '--method', 'tpe'], await serve(), TERMINAL)
  const lines = run.stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^METHOD +TO_BEST +RANGE +BEST_AT_25% +BEST_AT_50% +BEST_AT_75% +DISTANCE$/)
  expect(lines.map((line) => line.split(/ {2,}/)[0])).toEqual(
    expect.arrayContaining(['METHOD', 'as it was', 'any order', 'tpe', 'gp']),
  )
  expect(lines).toHaveLength(5)
  expect(lines[1]).toMatch(/^as it was +2 +2 +0\.25 +0\.1 +0\.1 +-$/)
  expect(lines[2]).toMatch(/^any order +2 +1\.\.3 /)
  expect(run.stderr).toContain('could only choose among the 3 recorded configs')
  expect(run.code).toBe(0)
  const json = JSON.parse((await replay(['--method', 'tpe', '--json'], await serve())).stdout)
  expect(json).toMatchObject({ trials: 3, leftOut: 0, orders: [{}, {}, { name: 'tpe', distance: expect.any(Number) }] })
})

test.each([
  [['--method', 'random'], 'random does not learn from results'],
  [['--method', 'pbt'], 'pbt goes on from checkpoints'],
  [['--method', 'tpee'], 'Did you mean "tpe"?'],
  [['--method', ''], 'There is no method ""'],
  [['--method', 'tpe', '--early-terminate', 'asha'], "can't be combined"],
])('%j is refused', async (args, message) => {
  const run = await replay(args, await serve())
  expect(run).toMatchObject({ code: 2, stdout: '' })
  expect(run.stderr).toContain(message)
})

test('a sweep without a metric, and one that trains a population, are refused', async () => {
  const noMetric = await replay(['--early-terminate', 'asha'], await serve({ metric: undefined }))
  expect(noMetric).toMatchObject({ code: 2, stderr: expect.stringContaining('names no metric') })
  const population = await replay(['--early-terminate', 'asha'], await serve({ method: 'pbt' }))
  expect(population).toMatchObject({ code: 2, stderr: expect.stringContaining("go on from each other's checkpoints") })
  const order = await replay(['--method', 'tpe'], await serve({ method: 'pbt' }))
  expect(order).toMatchObject({ code: 2, stderr: expect.stringContaining("their order can't be changed") })
})
