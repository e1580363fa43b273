import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { loadFacts } from '@sweep/store/facts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { MlflowCaller, type RunningTrial, startTrial } from '../testing/test-mlflow.ts'

const YAML = `
name: tuned
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {min: 0.0, max: 1.0}
  optimizer: {values: [sgd, adam]}
command: [python3, train.py]
`
const at = 1_700_000_000_000

let api: TestApi
let trial: RunningTrial
let program: MlflowCaller
let user: MlflowCaller
beforeAll(async () => {
  api = await testApi()
  user = new MlflowCaller(api, api.tokens.operator)
})
beforeEach(async () => {
  trial = await startTrial(api, YAML)
  program = new MlflowCaller(api, trial.assignment.token)
})
afterAll(() => api.close())

const log = (value: unknown, step: number, timestamp = at + step, key = 'val_loss') =>
  program.post('runs/log-metric', { run_id: trial.runId, run_uuid: trial.runId, key, value, step, timestamp })

async function reported(): Promise<[step: number, value: number, ordinal: number][]> {
  const facts = await loadFacts(api.database, trial.sweepId, 0)
  return facts.flatMap((fact) =>
    fact.kind === 'report' ? [[fact.step, fact.value, fact.ordinal] as [number, number, number]] : [],
  )
}

async function report(body: object): Promise<number> {
  const attempts = [{ attemptId: trial.attemptId, epoch: trial.assignment.epoch, ...body }]
  const { agent } = trial
  return (await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body: { attempts } })).status
}

describe("what a trial's program logs", () => {
  test('by the metric of its sweep is a report of the trial, at once and in order', async () => {
    await program.ok(log(0.5, 1))
    await program.ok(log('NaN', 2))
    await program.ok(log(0.25, 3))
    expect(await reported()).toEqual([
      [1, 0.5, 1],
      [2, Number.NaN, 2],
      [3, 0.25, 3],
    ])
    const { body } = await api.call('GET', `/sweeps/${trial.sweepId}/leaderboard`, { token: api.tokens.viewer })
    expect(body).toMatchObject({ rows: [{ number: 1, value: 0.25 }] })
  })

  test('is found by it at once', async () => {
    await program.ok(log(0.5, 1))
    const find = (filter: string) =>
      program.ok(program.post('runs/search', { experiment_ids: [trial.sweepId], filter }))
    expect((await find('metrics.val_loss < 0.6')).runs).toMatchObject([{ data: { metrics: [{ value: 0.5 }] } }])
    await program.ok(log(0.7, 2))
    expect((await find('metrics.val_loss < 0.6')).runs).toEqual([])
  })

  test('counts once however often it comes', async () => {
    await Promise.all(Array.from({ length: 10 }, () => program.ok(log(0.5, 1))))
    await program.ok(log(0.5, 1))
    await program.ok(log(0.5, 1, at + 99))
    expect(await reported()).toEqual([
      [1, 0.5, 1],
      [1, 0.5, 2],
    ])
    const history = await program.ok(
      program.get('metrics/get-history', { run_id: trial.runId, metric_key: 'val_loss' }),
    )
    expect(history.metrics.map((one: { timestamp: number }) => one.timestamp)).toEqual([at + 1, at + 99])
  })

  test('stands beside what its agent reads from files, which goes on at its own offsets', async () => {
    const batch = (from: number, to: number, value: number, step: number) => ({
      batches: [{ source: 'metrics', from, to, points: [{ step, at, values: { val_loss: value } }] }],
    })
    expect(await report(batch(0, 10, 0.9, 1))).toBe(200)
    await program.ok(log(0.8, 2))
    expect(await report(batch(10, 20, 0.7, 3))).toBe(200)
    expect(await report(batch(10, 20, 0.7, 3))).toBe(200)
    expect((await reported()).map(([step, value]) => [step, value])).toEqual([
      [1, 0.9],
      [2, 0.8],
      [3, 0.7],
    ])
  })

  test('is not read again from what it prints, which holds others still', async () => {
    const printed = (from: number, values: Record<string, number>) => ({
      batches: [{ source: 'output', from, to: from + 10, points: [{ at, values }] }],
    })
    expect(await report(printed(0, { accuracy: 1 }))).toBe(200)
    await program.ok(log(0.5, 1))
    expect(await report(printed(10, { val_loss: 0.5, accuracy: 2 }))).toBe(200)
    expect(await report(printed(20, { val_loss: 0.5 }))).toBe(200)
    await program.ok(log(0.4, 2))
    expect((await reported()).map(([step, value]) => [step, value])).toEqual([
      [1, 0.5],
      [2, 0.4],
    ])
    const accuracy = await program.ok(
      program.get('metrics/get-history', { run_id: trial.runId, metric_key: 'accuracy' }),
    )
    expect(accuracy.metrics.map((one: { value: number }) => one.value)).toEqual([1, 2])
  })

  test('without a step, which is step 0 to MLflow, counts on from the last', async () => {
    await program.ok(log(0.9, 0))
    await program.ok(log(7, 20, at, 'train_loss'))
    await program.ok(log(0.1, 0, at, 'learning rate'))
    await program.ok(log(0.8, 0, at + 1))
    await program.ok(log(0.7, 0, at + 2))
    expect((await reported()).map(([step]) => step)).toEqual([0, 21, 22])
  })

  test('together at one step is one line, so that a constraint is judged with the metric', async () => {
    const constrained = `${YAML}constraints: [{name: latency_ms, max: 50}]\n`
    trial = await startTrial(api, constrained)
    program = new MlflowCaller(api, trial.assignment.token)
    const metrics = [
      { key: 'val_loss', value: 0.5, step: 1, timestamp: at },
      { key: 'latency_ms', value: 80, step: 1, timestamp: at },
      { key: 'val_loss', value: 0.4, step: 2, timestamp: at },
      { key: 'latency_ms', value: 20, step: 2, timestamp: at },
    ]
    await program.ok(program.post('runs/log-batch', { run_id: trial.runId, metrics }))
    const facts = await loadFacts(api.database, trial.sweepId, 0)
    expect(
      facts.flatMap((fact) =>
        fact.kind === 'report' || fact.kind === 'side-report' ? [`${fact.kind} ${fact.step}`] : [],
      ),
    ).toEqual(['side-report 1', 'report 1', 'side-report 2', 'report 2'])
  })

  test('by many threads is all taken', async () => {
    const thread = async (n: number) => {
      for (let step = 1; step <= 25; step += 1) await program.ok(log(n + step / 100, step, at + n))
    }
    await Promise.all(Array.from({ length: 16 }, (_, n) => thread(n)))
    expect(await reported()).toHaveLength(400)
    expect((await reported()).map(([, , ordinal]) => ordinal)).toEqual(Array.from({ length: 400 }, (_, n) => n + 1))
  })

  test('is refused once the attempt has ended', async () => {
    await program.ok(log(0.5, 1))
    const ended = { at, cause: 'succeeded', message: 'over', exitCode: 0, signal: null, seconds: 1 }
    expect(await report({ ended })).toBe(200)
    // Its token is remembered for some seconds, the attempt is asked each time.
    expect(await log(0.1, 2)).toMatchObject({ status: 409, body: { error_code: 'RESOURCE_CONFLICT' } })
    expect(await reported()).toHaveLength(1)
    // A user may still add to its run: what a test set has shown.
    await user.ok(
      user.post('runs/log-metric', { run_id: trial.runId, key: 'test_loss', value: 1, step: 0, timestamp: at }),
    )
    expect(await reported()).toHaveLength(1)
    const { run } = await user.ok(user.get('runs/get', { run_id: trial.runId }))
    expect(run.data.metrics.map((one: { key: string }) => one.key)).toEqual(['test_loss', 'val_loss'])
    expect(run.info.status).toBe('FINISHED')
  })
})

describe("the runs of a trial's program", () => {
  test('are that of its trial, unless they are to be children of it', async () => {
    const { run } = await program.ok(
      program.post('runs/create', {
        experiment_id: '0',
        run_name: 'mine',
        tags: [{ key: 'mlflow.user', value: 'ann' }],
      }),
    )
    expect(run.info).toMatchObject({
      run_id: trial.runId,
      experiment_id: trial.sweepId,
      run_name: 'mine',
      status: 'RUNNING',
    })
    const tags = [{ key: 'mlflow.parentRunId', value: trial.runId }]
    const child = (
      await program.ok(program.post('runs/create', { experiment_id: trial.sweepId, run_name: 'fold 1', tags }))
    ).run
    expect(child.info).toMatchObject({ experiment_id: trial.sweepId, run_name: 'fold 1' })
    expect(child.info.run_id).not.toBe(trial.runId)
    const grandchild = await program.ok(
      program.post('runs/create', {
        experiment_id: trial.sweepId,
        tags: [{ key: 'mlflow.parentRunId', value: child.info.run_id }],
      }),
    )
    const metric = { run_id: child.info.run_id, key: 'val_loss', value: 0.01, step: 1, timestamp: at }
    await program.ok(program.post('runs/log-metric', metric))
    await program.ok(program.post('runs/update', { run_id: child.info.run_id, status: 'FINISHED' }))
    // Metrics of a child are its own.
    expect(await reported()).toEqual([])
    const found = await program.ok(program.post('runs/search', { experiment_ids: [trial.sweepId] }))
    expect(found.runs.map((one: { info: { run_id: string } }) => one.info.run_id)).toEqual([
      grandchild.run.info.run_id,
      child.info.run_id,
      trial.runId,
    ])
    const view = await api.call('GET', `/runs/${child.info.run_id}`, { token: api.tokens.viewer })
    expect(view.body).toMatchObject({ parentRunId: trial.runId, trial: null, status: 'completed' })
  })

  test('end with its trial, whatever it says of their status', async () => {
    for (const status of ['RUNNING', 'FAILED', 'FINISHED']) {
      const { run_info: info } = await program.ok(
        program.post('runs/update', { run_id: trial.runId, status, end_time: at }),
      )
      expect(info).toMatchObject({ status: 'RUNNING' })
    }
    expect((await program.post('runs/delete', { run_id: trial.runId })).status).toBe(400)
  })

  test('belong to the experiment of its sweep, whatever it calls that', async () => {
    for (const name of ['anything', 'Default', 'tuned']) {
      const { experiment } = await program.ok(program.get('experiments/get-by-name', { experiment_name: name }))
      expect(experiment).toMatchObject({ experiment_id: trial.sweepId, name: 'tuned', lifecycle_stage: 'active' })
    }
    expect(await program.ok(program.post('experiments/create', { name: 'new' }))).toEqual({
      experiment_id: trial.sweepId,
    })
    expect((await program.ok(program.get('experiments/get', { experiment_id: '0' }))).experiment.experiment_id).toBe(
      trial.sweepId,
    )
    expect((await program.ok(program.post('experiments/search', { max_results: 10 }))).experiments).toHaveLength(1)
    expect((await user.ok(user.get('experiments/get-by-name', { experiment_name: 'tuned' }))).experiment.name).toBe(
      'tuned',
    )
  })

  test('keep the params that the sweep has chosen, and what it says of them beside', async () => {
    const { lr } = trial.assignment.config as { lr: number }
    const params = [
      { key: 'lr', value: lr.toExponential() },
      { key: 'optimizer', value: 'adamw' },
      { key: 'fold', value: '1' },
    ]
    await program.ok(program.post('runs/log-batch', { run_id: trial.runId, params }))
    // MLflow refuses another value; a trial that goes on with another config, or logs fold after fold, must not fail by it.
    await program.ok(program.post('runs/log-parameter', { run_id: trial.runId, key: 'fold', value: '2' }))
    const { run } = await program.ok(program.get('runs/get', { run_id: trial.runId }))
    const found = Object.fromEntries(run.data.params.map((one: { key: string; value: string }) => [one.key, one.value]))
    expect(found).toEqual({ lr: expect.any(String), optimizer: 'sgd', 'program.optimizer': 'adamw', fold: '2' })
    expect(Number(found.lr)).toBe(lr)
  })

  test('are its own, and it may touch no others', async () => {
    const other = await startTrial(api, YAML)
    const { run } = await user.ok(user.post('runs/create', { experiment_id: '0', tags: [] }))
    const mine = (run_id: string) => [
      program.get('runs/get', { run_id }),
      program.post('runs/set-tag', { run_id, key: 'k', value: 'v' }),
      program.post('runs/log-metric', { run_id, key: 'val_loss', value: 0, step: 1, timestamp: at }),
      program.post('runs/log-batch', { run_id, params: [{ key: 'a', value: 'b' }] }),
      program.post('runs/create', {
        experiment_id: trial.sweepId,
        tags: [{ key: 'mlflow.parentRunId', value: run_id }],
      }),
      program.get('artifacts/list', { run_id }),
      program.get('metrics/get-history', { run_id, metric_key: 'val_loss' }),
      program.post('runs/delete', { run_id }),
    ]
    for (const id of [other.runId, run.info.run_id]) {
      for (const reply of await Promise.all(mine(id))) {
        expect(reply).toMatchObject({ status: 403, body: { error_code: 'PERMISSION_DENIED' } })
      }
    }
    const elsewhere = [
      program.get('experiments/get', { experiment_id: other.sweepId }),
      program.post('runs/search', { experiment_ids: [other.sweepId] }),
      program.post('experiments/delete', { experiment_id: trial.sweepId }),
      program.post('experiments/update', { experiment_id: trial.sweepId, new_name: 'x' }),
    ]
    for (const reply of await Promise.all(elsewhere)) expect(reply.status).toBe(403)
  })
})

test("a trial's token is not made up", async () => {
  const { token }: Assignment = trial.assignment
  const forged = new MlflowCaller(
    api,
    token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
  )
  expect((await forged.get('runs/get', { run_id: trial.runId })).status).toBe(401)
  expect((await new MlflowCaller(api, trial.agent.token).get('runs/get', { run_id: trial.runId })).status).toBe(403)
})
