import { afterEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeRow, fakeSweep, fakeTrial, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

const open: FakeServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const TERMINAL = { columns: 100, rows: 24 }
const OBJECTIVES = [
  { name: 'val_loss', goal: 'minimize' },
  { name: 'accuracy', goal: 'maximize' },
]
const CONSTRAINTS = [{ name: 'memory', max: 8 }]

function sweepOf(changes: Record<string, unknown> = {}) {
  const plain = fakeSweep()
  const document = { ...(plain['document'] as object), objectives: OBJECTIVES, constraints: CONSTRAINTS }
  return { ...plain, objectives: OBJECTIVES, constraints: CONSTRAINTS, document, ...changes }
}

const row = (rank: number, number: number, values: object, feasible: boolean, front: boolean) =>
  fakeRow(rank, number, { values, feasible, front })
const ROWS = [
  row(1, 1, { val_loss: 0.125, accuracy: 0.8, memory: 7 }, true, true),
  row(2, 3, { val_loss: 0.375, accuracy: 0.9, memory: 8 }, true, true),
  row(3, 2, { val_loss: 0.25, accuracy: 'NaN' }, false, false),
]

async function serve(sweep: unknown, rows: readonly unknown[] = ROWS): Promise<{ env: Record<string, string> }> {
  const server = await startFakeServer({
    [`GET /sweeps/${SWEEP_ID}`]: () => sweep,
    // One row a page, so that what is printed takes several.
    [`GET /sweeps/${SWEEP_ID}/leaderboard`]: (call) => {
      const after = Number(new URL(call.path, 'http://x').searchParams.get('after') ?? 0)
      return { rows: rows.slice(after, after + 1), next: after + 1 < rows.length ? String(after + 1) : null }
    },
    [`GET /sweeps/${SWEEP_ID}/trials/2`]: () => ({
      ...fakeTrial(2, { values: { val_loss: 0.25, accuracy: 'NaN' }, feasible: false }),
      attemptList: [],
      metricNames: [],
    }),
  })
  open.push(server)
  return { env: { SWEEP_URL: server.url } }
}

test('the leaderboard has a column for each objective and constraint, and marks the front', async () => {
  const { env } = await serve(sweepOf())
  const run = await runFake(['leaderboard', SWEEP_ID, '--no-color'], { env, terminal: TERMINAL })
  expect(run.stdout.split('\n').map((line) => line.trimEnd())).toEqual([
    'RANK  FRONT  TRIAL  STATE      VAL_LOSS  ACCURACY  MEMORY  FEASIBLE  STEP  CONFIG',
    '   1  *          1  completed     0.125       0.8       7  yes          9  lr=0.001 opt=adam',
    '   2  *          3  completed     0.375       0.9       8  yes          9  lr=0.003 opt=adam',
    '   3             2  completed      0.25       NaN       -  no           9  lr=0.002 opt=adam',
    '',
  ])
  const piped = (await runFake(['leaderboard', SWEEP_ID], { env })).stdout.split('\n')
  expect(piped[0]?.split('\t').slice(0, 8)).toEqual([
    ...['rank', 'front', 'trial', 'state', 'val_loss', 'accuracy', 'memory', 'feasible'],
  ])
  expect(piped[3]?.split('\t').slice(0, 8)).toEqual(['3', 'false', '2', 'completed', '0.25', 'NaN', '', 'false'])
})

test('best prints the whole front, each with its values and its command line', async () => {
  const { env } = await serve(sweepOf())
  const json = await runFake(['best', SWEEP_ID, '--json'], { env })
  expect(json.code).toBe(0)
  expect(JSON.parse(json.stdout)).toEqual([
    {
      sweep: SWEEP_ID,
      trial: 1,
      values: { val_loss: 0.125, accuracy: 0.8, memory: 7 },
      config: { lr: 0.001, opt: 'adam' },
      command: 'python3 train.py --lr=0.001 --opt=adam',
    },
    expect.objectContaining({ trial: 3 }),
  ])
  expect((await runFake(['best', SWEEP_ID, '--command'], { env })).stdout).toBe(
    'python3 train.py --lr=0.001 --opt=adam\npython3 train.py --lr=0.003 --opt=adam\n',
  )
  expect((await runFake(['best', SWEEP_ID, '-o', 'name'], { env })).stdout).toBe(`${SWEEP_ID}-1\n${SWEEP_ID}-3\n`)
  const table = await runFake(['best', SWEEP_ID, '--no-color'], { env, terminal: TERMINAL })
  expect(table.stdout.split('\n')[0]).toBe('TRIAL  VAL_LOSS  ACCURACY  MEMORY  CONFIG')
})

test('without a front, best is exit 5 of a sweep that has ended and exit 3 of one that runs', async () => {
  const { env } = await serve(sweepOf(), ROWS.slice(2))
  const ended = await runFake(['best', SWEEP_ID], { env })
  expect(ended.code).toBe(5)
  expect(ended.stderr).toContain('no trial has ended with a value of every objective and keeps to the constraints yet')
  const runs = await serve(sweepOf({ state: 'running', endedAt: null }), [])
  expect((await runFake(['best', SWEEP_ID], runs)).code).toBe(3)
})

test('of one objective with constraints, best says when no trial keeps to them', async () => {
  const { env } = await serve(fakeSweep({ constraints: CONSTRAINTS, best: null }))
  const run = await runFake(['best', SWEEP_ID], { env })
  expect([run.code, run.stderr]).toEqual([
    5,
    expect.stringContaining('no trial has reported val_loss and keeps to the constraints yet'),
  ])
})

test('get says what a sweep optimises within which bounds, trial get what stands for the trial', async () => {
  const { env } = await serve(sweepOf())
  const sweep = (await runFake(['get', SWEEP_ID], { env })).stdout
  expect(sweep).toContain('metric\tminimize val_loss, maximize accuracy\n')
  expect(sweep).toContain('constraints\tmemory <= 8\n')
  expect(sweep).toContain('best\tval_loss 0.125 by trial 2\n')
  const trial = (await runFake(['trial', 'get', `${SWEEP_ID}/2`], { env })).stdout
  expect(trial).toContain('values\tval_loss=0.25 accuracy=NaN\nfeasible\tfalse\n')
})
