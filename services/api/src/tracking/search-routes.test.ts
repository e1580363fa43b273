import { createClient } from '@sweep/client/client'
import { diagnosticsOf } from '@sweep/spec/document/diagnostic'
import { SweepError } from '@sweep/spec/errors'
import { ErrorBody } from '@sweep/spec/wire/api'
import { Chart } from '@sweep/spec/wire/tracking/charts'
import { ExperimentSummary, RunAggregate, RunComparison } from '@sweep/spec/wire/tracking/compare'
import { ExperimentView } from '@sweep/spec/wire/tracking/experiments'
import { RunList, RunView } from '@sweep/spec/wire/tracking/runs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Reply, type TestApi, testApi } from '../testing/test-api.ts'

let api: TestApi
let experiment: ExperimentView
/** By lr: losses 3, 2, 1, …, of two optimizers with two seeds each; the last has nothing but NaN. */
const runs: RunView[] = []

beforeAll(async () => {
  api = await testApi()
  const metric = { name: 'val_loss', goal: 'minimize' }
  experiment = await ok('POST', '/experiments', ExperimentView, { project: 'search', name: 'runs', metric })
  for (const [n, optimizer] of ['adam', 'adam', 'sgd', 'sgd', 'lion'].entries()) {
    const params = { optimizer, lr: 10 ** -n, seed: n % 2, same: true }
    const fields = { experimentId: experiment.id, name: `run "${n}" 😀`, params, tags: { "it's": 'x' } }
    const run = await ok('POST', '/runs', RunView, fields)
    runs.push(run)
    const points = [1, 2, 3, 4].map((step) => {
      const value = n === 4 ? 'NaN' : (optimizer === 'adam' ? 1 : 2) + 0.1 * (n % 2) + 1 / step
      return { step, values: { val_loss: value, 'odd `name`': step } }
    })
    await api.call('POST', `/runs/${run.id}/metrics/batch`, { token: api.tokens.operator, body: { points } })
  }
})
afterAll(() => api.close())

interface Parser<T> {
  parse(body: unknown): T
}

async function ok<T>(method: 'GET' | 'POST', path: string, schema: Parser<T>, body?: unknown): Promise<T> {
  const reply = await call(method, path, body)
  expect(reply.status < 300 ? '' : reply.text).toBe('')
  return schema.parse(reply.body)
}

function call(method: 'GET' | 'POST', path: string, body?: unknown, token = api.tokens.operator): Promise<Reply> {
  return api.call(method, path, { token, ...(body === undefined ? {} : { body }) })
}

async function refused(method: 'GET' | 'POST', path: string, status: number, body?: unknown): Promise<ErrorBody> {
  const reply = await call(method, path, body)
  expect([reply.status, reply.text]).toEqual([status, reply.text])
  return ErrorBody.parse(reply.body)
}

function query(fields: Readonly<Record<string, string | number>>): string {
  return new URLSearchParams(
    Object.entries(fields).map(([key, value]): [string, string] => [key, String(value)]),
  ).toString()
}

describe('searching', () => {
  test('a filter, an order and columns, in the address or in a body', async () => {
    const search = {
      filter: 'metrics.val_loss < 3 and params.optimizer in (adam, sgd)',
      order: 'params.optimizer desc, metrics.val_loss',
      columns: 'metrics.val_loss, params.lr',
    }
    const found = await ok('GET', `/runs?${query(search)}`, RunList)
    expect(found.runs.map(({ id }) => id)).toEqual([runs[2], runs[3], runs[0], runs[1]].map((run) => run?.id))
    expect(found.runs[0]).toMatchObject({ params: { lr: 0.01 }, tags: {} })
    expect(found.runs[0]?.params).toEqual({ lr: 0.01 })
    expect(found.runs[0]?.metrics).toEqual({ val_loss: { last: 2.25, lastStep: 4, min: 2.25, max: 3 } })
    expect(await ok('POST', '/runs/search', RunList, search)).toEqual(found)
  })

  test('without columns all params and tags come, and no metrics; * stands for all', async () => {
    const plain = await ok('GET', `/runs?${query({ limit: 1 })}`, RunList)
    expect(plain.runs[0]).toMatchObject({ id: runs[4]?.id, params: { same: true }, tags: { "it's": 'x' } })
    expect(plain.runs[0]?.metrics).toBeUndefined()
    const all = await ok('GET', `/runs?${query({ limit: 1, columns: 'metrics.*, tags.*' })}`, RunList)
    expect(all.runs[0]?.metrics).toEqual({
      val_loss: { last: Number.NaN, lastStep: 4, min: null, max: null },
      'odd `name`': { last: 4, lastStep: 4, min: 1, max: 4 },
    })
    expect(all.runs[0]).toMatchObject({ params: {}, tags: { "it's": 'x' } })
  })

  test('a name that no run has is named, with the one that was probably meant', async () => {
    const hintsOf = async (search: object) => (await ok('POST', '/runs/search', RunList, search)).hints
    expect(await hintsOf({ filter: 'metrics.val_los < 3 or params.optimiser = adam or params.lr = 7' })).toEqual([
      'No run has metrics.val_los. Did you mean metrics.val_loss?',
      'No run has params.optimiser. Did you mean params.optimizer?',
    ])
    expect(await hintsOf({ filter: 'metrics.lr < 0 and min(metrics.val_los) < 0 and tags.zebra exists' })).toEqual([
      'No run has metrics.lr. Did you mean params.lr?',
      'No run has min(metrics.val_los). Did you mean min(metrics.val_loss)?',
      'No run has tags.zebra.',
    ])
    // What is there but met by no run needs no hint; what an order or a column can't show does, whatever was found.
    expect(await hintsOf({ filter: 'metrics.val_loss < -1 and name = x' })).toBeUndefined()
    expect(
      await hintsOf({ order: 'params.lrr, metrics.val_loss', columns: 'params.sed, params.seed, metrics.*' }),
    ).toEqual(['No run has params.lrr. Did you mean params.lr?', 'No run has params.sed. Did you mean params.seed?'])
    expect(await hintsOf({ filter: 'metrics.val_los < 3 or status = completed or status = running' })).toBeUndefined()
  })

  test('pages follow one another', async () => {
    const search = { filter: 'experiment = runs', order: 'metrics.val_loss', limit: 2 }
    const ids: string[] = []
    let after: string | null = ''
    while (after !== null) {
      const page: RunList = await ok('POST', '/runs/search', RunList, after === '' ? search : { ...search, after })
      ids.push(...page.runs.map(({ id }) => id))
      after = page.next
    }
    expect(ids).toEqual([0, 1, 2, 3, 4].map((n) => runs[n]?.id))
  })

  test('a mistake in a filter says where it is', async () => {
    const error = await refused('GET', `/runs?${query({ filter: 'metrics.val_loss <' })}`, 400)
    expect(error).toMatchObject({ code: 'invalid-request', message: expect.stringContaining('filter:1:19') })
    const [diagnostic] = diagnosticsOf(new SweepError('invalid-request', '', { details: error.details }))
    expect(diagnostic).toMatchObject({ line: 1, column: 19 })
  })

  test('an injection is a text like any other', async () => {
    const filter = `tags."it's" = 'x'' or 1=1; drop table runs; --'`
    expect((await ok('POST', '/runs/search', RunList, { filter })).runs).toEqual([])
    expect((await ok('GET', `/runs?${query({ filter: "tags.`it's` = x" })}`, RunList)).runs).toHaveLength(5)
    await refused('GET', `/runs?${query({ order: 'id; drop table runs' })}`, 400)
    await refused('GET', `/runs?${query({ columns: "params.a'b" })}`, 400)
  })

  test('nonsense is refused', async () => {
    await refused('POST', '/runs/search', 413, { filter: `tags.a = "${'x'.repeat(70_000)}"` })
    await refused('GET', '/runs?after=nonsense', 400)
    await refused('GET', '/runs?limit=0', 400)
    await refused('GET', '/runs?sort=name', 400)
    await refused('GET', '/runs?experiment=0000000000', 404)
    expect((await call('GET', '/runs', undefined, '')).status).toBe(401)
    expect((await call('GET', '/runs', undefined, api.tokens.viewer)).status).toBe(200)
  })
})

describe('comparing', () => {
  const ids = (...places: number[]) => places.map((n) => runs[n]?.id).join(',')

  test('params that differ come first, and the best metric is marked by the goal of the experiment', async () => {
    const compared = await ok('GET', `/runs/compare?ids=${ids(2, 0, 4)}`, RunComparison)
    expect(compared.runs.map(({ id }) => id)).toEqual([runs[2]?.id, runs[0]?.id, runs[4]?.id])
    expect(compared.params.map(({ name, differs }) => [name, differs])).toEqual([
      ['lr', true],
      ['optimizer', true],
      ['same', false],
      ['seed', false],
    ])
    expect(compared.metrics[0]).toMatchObject({ name: 'val_loss', goal: 'minimize', best: [1] })
    expect(compared.metrics[1]).toMatchObject({ name: 'odd `name`', goal: null, best: [] })
    const other = await ok(
      'GET',
      `/runs/compare?${query({ ids: ids(0, 2), metric: 'val_loss', goal: 'maximize', by: 'last' })}`,
      RunComparison,
    )
    expect(other.metrics[0]).toMatchObject({ goal: 'maximize', best: [1] })
  })

  test('runs that are not there are named', async () => {
    const error = await refused('GET', `/runs/compare?ids=${ids(0)},0000000000`, 404)
    expect(error.message).toContain('0000000000')
    await refused('GET', '/runs/compare?ids=../etc', 400)
    await refused('GET', '/runs/compare', 400)
  })

  test('a metric of several runs comes by buckets of steps', async () => {
    const path = `/runs/aggregate?${query({ ids: ids(0, 1, 4), metric: 'val_loss', buckets: 2 })}`
    const { buckets, ...rest } = await ok('GET', path, RunAggregate)
    // Of powers of two, 4 is the least that has steps 1 to 4 in two buckets.
    expect(rest).toEqual({ metric: 'val_loss', runs: 3, bucketSteps: 4 })
    expect(buckets.map(({ step, runs: count }) => [step, count])).toEqual([
      [0, 2],
      [4, 2],
    ])
    expect(buckets[1]).toMatchObject({ min: 1.25, max: 1.35 })
    expect(buckets[1]?.avg).toBeCloseTo(1.3, 12)
    const none = await ok('GET', `/runs/aggregate?${query({ ids: ids(0), metric: 'none' })}`, RunAggregate)
    expect(none).toMatchObject({ runs: 0, buckets: [] })
  })

  test('an experiment is summed up, beside a baseline', async () => {
    const path = `/experiments/${experiment.id}/summary`
    const baseline = runs[2]?.id ?? ''
    const summary = await ok('GET', `${path}?baseline=${baseline}`, ExperimentSummary)
    expect(summary).toMatchObject({
      metric: { name: 'val_loss', goal: 'minimize' },
      counted: 4,
      withoutValue: 1,
      isAll: true,
      best: { run: runs[0]?.id, value: 1.25 },
      worst: { run: runs[3]?.id },
    })
    expect(summary.improvement).toMatchObject({ baseline: { run: baseline, value: 2.25 }, absolute: 1 })
    // Their learning rates differ, so neither has a replicate.
    expect(summary.improvement?.comparison).toBeNull()
    const other = await ok('GET', `${path}?metric=odd%20%60name%60&goal=maximize`, ExperimentSummary)
    expect(other).toMatchObject({ best: { run: runs[0]?.id, value: 4 }, std: 0 })
    await refused('GET', `${path}?baseline=0000000000`, 404)
    await refused('GET', '/experiments/0000000000/summary', 404)
  })
})

describe('charts', () => {
  const chart = (body: object) => ok('POST', '/runs/chart', Chart, { experiment: experiment.id, ...body })

  test('every kind has its data', async () => {
    const lines = await chart({ kind: 'line', metric: 'val_loss', points: 2 })
    expect(lines).toMatchObject({ kind: 'line', leftOut: 0 })
    expect(lines.kind === 'line' && lines.lines[4]).toMatchObject({ run: runs[0]?.id, steps: [3, 4], bucketSteps: 4 })
    const fields = { x: 'params.lr', y: 'params.optimizer' }
    expect(await chart({ kind: 'scatter', x: 'params.lr', y: 'metrics.val_loss' })).toMatchObject({ leftOut: 1 })
    expect(await chart({ kind: 'bar', x: 'params.optimizer', y: 'min(metrics.val_loss)' })).toMatchObject({
      bars: [
        { x: 'adam', runs: 2, min: 1.25 },
        { x: 'sgd', runs: 2, min: 2.25 },
      ],
    })
    const heat = await chart({
      kind: 'heatmap',
      ...fields,
      value: 'metrics.val_loss',
      filter: 'params.optimizer != lion',
    })
    expect(heat.kind === 'heatmap' && heat.cells.flat().filter((cell) => cell !== null)).toHaveLength(4)
    const parallel = await chart({ kind: 'parallel', value: 'metrics.val_loss' })
    expect(parallel.kind === 'parallel' && parallel.lines.at(-1)?.run).toBe(runs[0]?.id)
    expect(parallel.kind === 'parallel' && parallel.axes.map(({ name }) => name)).toEqual([
      'params.lr',
      'params.optimizer',
      'params.seed',
    ])
    const contour = await chart({ kind: 'contour', ...fields, value: 'metrics.val_loss' })
    expect(contour.kind === 'contour' && contour.cells).toHaveLength(2)
  })

  test('a chart that can not be drawn says why', async () => {
    const body = { kind: 'contour', x: 'params.same', y: 'params.lr', value: 'metrics.val_loss' }
    expect((await refused('POST', '/runs/chart', 400, body)).message).toContain('params.same')
    await refused('POST', '/runs/chart', 400, { kind: 'pie' })
    await refused('POST', '/runs/chart', 400, { kind: 'bar', x: 'lr', y: 'metrics.a' })
    const none = await chart({ kind: 'scatter', x: 'params.nobody', y: 'metrics.nobody' })
    expect(none).toEqual({ kind: 'scatter', points: [], leftOut: 5 })
  })
})

test('the client has numbers where the wire has their names', async () => {
  const { runs: searches } = createClient({ url: api.api.url, token: api.tokens.viewer })
  const { runs: found } = await searches.search({ filter: 'params.optimizer = lion', columns: 'metrics.*' })
  expect(found[0]?.metrics?.['val_loss']).toEqual({ last: Number.NaN, lastStep: 4, min: null, max: null })
  const id = runs[4]?.id ?? ''
  const compared = await searches.compare([id, runs[0]?.id ?? ''], { by: 'last' })
  expect(compared.metrics[0]?.values[0]?.last).toBeNaN()
  const lines = await searches.chart({ kind: 'line', filter: `id = ${id}`, metric: 'val_loss', points: 2 })
  expect(lines.kind === 'line' && lines.lines[0]).toMatchObject({ values: [Number.NaN, Number.NaN], min: [null, null] })
  expect((await searches.aggregate([id], 'odd `name`', { buckets: 2 })).buckets).toHaveLength(2)
  expect((await searches.summary(experiment.id, { by: 'last' })).best?.run).toBe(runs[0]?.id)
})
