import type { AttributeName, Field, Filter, OrderTerm, Scalar } from '@sweep/spec/filter/filter'
import { ATTRIBUTES, COMPARISONS, METRIC_SUMMARIES, TEXT_OPERATORS, typeOf } from '@sweep/spec/filter/filter'
import { parseFilter, parseOrder } from '@sweep/spec/filter/parse-filter'
import { printFilter, printOrder } from '@sweep/spec/filter/print-filter'
import { AttemptId, ExperimentId, RunId } from '@sweep/spec/ids'
import { CreateRun } from '@sweep/spec/wire/tracking/runs'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { ingestReports } from '../reports.ts'
import { inOrder, matchesFilter, type SearchedRun } from '../testing/matches-filter.ts'
import { claim, ending, issue, ownedSweep, report, sampleAgent } from '../testing/samples.ts'
import { createRun, deleteRun, endRun, getRun } from '../tracking/runs.ts'
import { type RunSearch, searchRuns } from './search-runs.ts'

let fixture: TestDatabase
const runs: SearchedRun[] = []
let count = 0
const nextId = () => {
  count += 1
  return `rn${String(count).padStart(8, '0')}`
}

const METRICS = ['loss', 'val loss', 'it`s "odd" 🦄', 'other']
const VALUES = [0, 0.1, 0.3, 0.30000000000000004, -1, 1e308, 5e-324, Number.NaN, Infinity, -Infinity]
const PARAMS = ['lr', 'opt', 'model.depth', "it's; drop table runs; --", '$1', 'none']
const PARAM_VALUES = [0.1, 1, 1e-7, '0.1', 'adam', 'Adam', 'a%b_c\\', '', true, false, 'true', null, [0.1, 'adam'], {}]
const TAGS = ['team', 'mlflow.runName', '🦄']
const TAG_VALUES = ['x', 'X', '10', "' or 1=1 --", 'say "hi"']

beforeAll(async () => {
  fixture = await testDatabase()
  const { database } = fixture
  const made = fc.sample(
    fc.record({
      name: fc.option(fc.constantFrom('base', 'Base', 'a_b', '100%', '')),
      group: fc.option(fc.constantFrom('g1', 'g2')),
      experiment: fc.constantFrom('one', 'two'),
      project: fc.constantFrom('vision', 'text'),
      params: fc.dictionary(fc.constantFrom(...PARAMS), fc.constantFrom(...PARAM_VALUES)),
      tags: fc.dictionary(fc.constantFrom(...TAGS), fc.constantFrom(...TAG_VALUES)),
      end: fc.option(fc.constantFrom('completed', 'failed', 'killed')),
      minutes: fc.integer({ min: 1, max: 5 }),
      metrics: fc.dictionary(
        fc.constantFrom(...METRICS),
        fc.array(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 3 }),
      ),
    }),
    { numRuns: 60, seed: 5 },
  )
  for (const { name, group, end, minutes, metrics, ...fields } of made) {
    const names = { ...(name ? { name } : {}), ...(group === null ? {} : { group }) }
    const run = { ...CreateRun.parse({ ...fields, ...names }), id: RunId.parse(nextId()) }
    await createRun(database, { ...run, newExperimentId: ExperimentId.parse(nextId()), createdBy: 'user:me' })
    if (end !== null) await endRun(database, run.id, { status: end })
    await database.query(
      `update runs set created_at = '2026-01-01T00:00Z'::timestamptz + $2::int * interval '1 minute',
              started_at = '2026-01-01T00:00Z'::timestamptz + $2::int * interval '1 minute',
              ended_at = case when ended_at is not null then '2026-01-01T00:06Z'::timestamptz end where id = $1`,
      [run.id, minutes],
    )
    runs.push({ ...(await getRun(database, run.id)), metrics: await measure(run.id, metrics) })
  }
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const attempts = await issue(database, sweep, [1, 2, 3, 4])
  for (const [index, cause] of (['succeeded', 'user-error', 'pruned', undefined] as const).entries()) {
    const attempt = AttemptId.parse(attempts[index])
    const epoch = await claim(database, attempt, agent)
    const ended = cause === undefined ? undefined : ending(cause, cause === 'user-error' ? { exitCode: 1 } : {})
    await ingestReports(database, agent, [report(attempt, epoch, { ended })])
    const id = RunId.parse(attempt.replace(/-1$/, ''))
    // As exact as a Date is.
    await database.query(
      `update trials set started_at = date_trunc('milliseconds', started_at), ended_at = date_trunc('milliseconds', ended_at)
        where sweep_id = $1`,
      [sweep.id],
    )
    await database.query(`update runs set created_at = date_trunc('milliseconds', created_at) where id = $1`, [id])
    runs.push({ ...(await getRun(database, id)), metrics: await measure(id, { loss: [index] }) })
  }
})
afterAll(() => fixture.drop())

async function measure(id: RunId, metrics: Readonly<Record<string, readonly number[]>>) {
  const summaries: Record<string, { last: number; min: number | null; max: number | null }> = {}
  for (const [name, values] of Object.entries(metrics)) {
    const known = values.filter((value) => !Number.isNaN(value))
    const [min, max] = known.length === 0 ? [null, null] : [Math.min(...known), Math.max(...known)]
    summaries[name] = { last: values.at(-1) ?? 0, min, max }
    await fixture.database.query('insert into metric_names (name) values ($1) on conflict do nothing', [name])
    await fixture.database.query(
      `insert into run_metrics (run_key, name_id, attempt_key, points, last_value, last_step, last_at, min_value, max_value)
       select r.key, n.id, 1, $3, $4, 1, 1, $5, $6 from runs r, metric_names n where r.id = $1 and n.name = $2`,
      [id, name, values.length, values.at(-1), min, max],
    )
  }
  return summaries
}

async function found(search: Partial<RunSearch>): Promise<string[]> {
  return (await searchRuns(fixture.database, { limit: 1000, ...search })).runs.map((run) => run.id)
}

/** The names of its parameters are enough to say which runs it means. */
async function expectMeant(filter: Filter): Promise<void> {
  const now = Date.now()
  const meant = inOrder(runs, [], now).filter((run) => matchesFilter(run, filter, now))
  expect(await found({ filter }), printFilter(filter)).toEqual(meant.map((run) => run.id))
}

test.each([
  ['metrics.loss < 0.3', 'a metric below'],
  ['metrics.loss > 0.3', 'NaN is above nothing'],
  ['metrics.loss >= inf', 'infinity is'],
  ['metrics.loss != 0.3', 'NaN is another value'],
  ['metrics.loss = nan', 'NaN is found'],
  ['not metrics.loss < 0.3', 'not takes those without it'],
  ['metrics.loss in (0.1, nan)', 'in a list'],
  ['metrics.loss not in (0.1, nan)', 'not in a list'],
  ['min(metrics.loss) exists', 'NaN is no minimum'],
  ['metrics.unheard exists or metrics.`val loss` missing', 'a metric that nobody has'],
  ['params.lr = 0.1', 'a number equals numbers only'],
  ['params.lr = "0.1"', 'a text equals what it spells too'],
  ['params.lr != 0.1', 'another value is any other value'],
  ['params.lr > 0', 'a comparison is of numbers only'],
  ['params.lr = true', 'a truth value'],
  ['params.lr in (0.1, adam)', 'in a list'],
  ['params.lr not in (0.1, adam)', 'not in a list, whatever it is'],
  ['params.opt like "a\\%b\\_c\\"', 'a pattern that ends in a backslash'],
  ['params.opt ilike "A%"', 'whatever the case'],
  ['params.opt not contains "a"', 'not containing'],
  ['params.none exists', 'null is a value'],
  ["tags.team = ''' or 1=1 --'", 'an injection is a text'],
  ['tags.team = 10', 'a number is a text too'],
  ['status = running', 'runs and trials'],
  ['status != killed', 'all but'],
  ['status in (completed, failed)', 'two'],
  ['name = base or name like "%\\%"', 'names'],
  ['name contains "/2"', 'the name of a trial'],
  ['group missing', 'in no group'],
  ['created > 2026-01-01T00:03:00Z', 'times'],
  ['created > -1h', 'not long ago'],
  ['ended missing', 'not over'],
  ['duration <= 3m and duration > 0', 'how long'],
  ['trial > 1', 'trials'],
  ['experiment = one', 'by name'],
  ['project = text and not experiment = one', 'projects'],
  ['sweep exists', 'those of a sweep'],
  ['parent exists or created_by = "user:me"', 'who'],
])('%s: %s', async (source) => {
  const filter = parseFilter(source)
  await expectMeant(filter)
})

const fields: fc.Arbitrary<Field> = fc.oneof(
  fc.record({
    kind: fc.constant('metric' as const),
    name: fc.constantFrom(...METRICS, 'unheard'),
    summary: fc.constantFrom(...METRIC_SUMMARIES),
  }),
  fc.record({ kind: fc.constant('param' as const), name: fc.constantFrom(...PARAMS, 'unheard') }),
  fc.record({ kind: fc.constant('tag' as const), name: fc.constantFrom(...TAGS, 'unheard') }),
  fc.record({
    kind: fc.constant('attribute' as const),
    name: fc.constantFrom(...(Object.keys(ATTRIBUTES) as AttributeName[])),
  }),
)

function scalarsOf(field: Field): fc.Arbitrary<Scalar> {
  const type = typeOf(field)
  if (type === 'metric') return fc.constantFrom(...VALUES)
  if (type === 'number') return fc.integer({ min: 0, max: 4 })
  if (type === 'duration') return fc.constantFrom(60_000, 120_000, 0, 3.2e9)
  if (type === 'status') return fc.constantFrom('running', 'completed', 'killed')
  if (type === 'param')
    return fc.constantFrom(0.1, 1, 1e-7, '0.1', 'adam', '', true, 'TRUE', "'", '\0', '1e999', '\ud800')
  return fc.constantFrom(
    'base',
    'g1',
    'one',
    'vision',
    'x',
    '10',
    'user:me',
    "' or 1=1 --",
    '\0',
    ...runs.map((run) => run.id),
  )
}

const terms: fc.Arbitrary<Filter> = fields.chain((field): fc.Arbitrary<Filter> => {
  const presence: fc.Arbitrary<Filter> = fc.record({
    kind: fc.constantFrom('exists' as const, 'missing' as const),
    field: fc.constant(field),
  })
  const type = typeOf(field)
  if (type === 'time') {
    const value = fc.constantFrom(
      { kind: 'at' as const, ms: Date.UTC(2026, 0, 1, 0, 3) },
      { kind: 'at' as const, ms: -62_167_219_200_000 },
      { kind: 'ago' as const, ms: 3_600_000 },
      { kind: 'ago' as const, ms: 3e12 },
    )
    const time = fc.record({
      kind: fc.constant('time' as const),
      field: fc.constant(field as Extract<Filter, { kind: 'time' }>['field']),
      operator: fc.constantFrom(...COMPARISONS),
      value,
    })
    return fc.oneof(presence, time)
  }
  const compare = scalarsOf(field).chain((value) =>
    fc.record({
      kind: fc.constant('compare' as const),
      field: fc.constant(field),
      operator: fc.constantFrom(...(typeof value === 'number' ? COMPARISONS : (['=', '!='] as const))),
      value: fc.constant(value),
    }),
  )
  const list = fc.record({
    kind: fc.constant('in' as const),
    field: fc.constant(field),
    negated: fc.boolean(),
    values: fc.array(scalarsOf(field), { minLength: 1, maxLength: 3 }),
  })
  const text = fc.record({
    kind: fc.constant('text' as const),
    field: fc.constant(field),
    operator: fc.constantFrom(...TEXT_OPERATORS),
    negated: fc.boolean(),
    pattern: fc.constantFrom('a%', '%a%', 'A', '_', '\\', '\\%', '%\\', 'a\\%b\\_c\\\\', '', '%', '/1'),
  })
  return type === 'text' || type === 'tag' || type === 'param'
    ? fc.oneof(presence, compare, list, text)
    : fc.oneof(presence, compare, list)
})

const filters = fc.letrec<{ filter: Filter; joined: Filter; negated: Filter }>((tie) => ({
  filter: fc.oneof({ maxDepth: 3 }, terms, tie('joined'), tie('negated')),
  joined: fc.record({
    kind: fc.constantFrom('and' as const, 'or' as const),
    parts: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
  }),
  negated: fc.record({ kind: fc.constant('not' as const), part: tie('filter') }),
})).filter

test('whatever is asked, Postgres finds what the language means', { timeout: 60_000 }, async () => {
  await fc.assert(fc.asyncProperty(filters, expectMeant), { numRuns: 600 })
})

test('in every order, runs without the value come last, and pages put together are the whole', {
  timeout: 60_000,
}, async () => {
  const orders: fc.Arbitrary<OrderTerm[]> = fc.array(fc.record({ field: fields, descending: fc.boolean() }), {
    maxLength: 3,
  })
  await fc.assert(
    fc.asyncProperty(orders, fc.integer({ min: 1, max: 40 }), async (order, limit) => {
      // A list or an object among the values has its place too, but not one that is promised.
      const plain = runs.filter((run) =>
        Object.values(run.params).every((value) => typeof value !== 'object' || value === null),
      )
      const filter: Filter = {
        kind: 'in',
        field: { kind: 'attribute', name: 'id' },
        negated: false,
        values: plain.map((run) => run.id),
      }
      const wanted = inOrder(plain, order, Date.now()).map((run) => run.id)
      const paged: string[] = []
      let after: string | undefined
      do {
        const page = await searchRuns(fixture.database, { filter, order, limit, after })
        paged.push(...page.runs.map((run) => run.id))
        after = page.next ?? undefined
      } while (after !== undefined)
      expect(paged, printOrder(order)).toEqual(wanted)
    }),
    { numRuns: 150 },
  )
})

test('a run that is added between two pages moves none of the others', async () => {
  const order = parseOrder('name desc, params.lr')
  const before = await found({ order })
  const first = await searchRuns(fixture.database, { order, limit: 20 })
  const run = CreateRun.parse({ experiment: 'one', project: 'vision', name: 'Base', params: { lr: 0.1 } })
  const id = RunId.parse(nextId())
  await createRun(fixture.database, { ...run, id, newExperimentId: ExperimentId.parse(nextId()), createdBy: 'user:me' })
  try {
    const rest = await searchRuns(fixture.database, { order, limit: 1000, after: first.next ?? '' })
    const ids = [...first.runs, ...rest.runs].map((one) => one.id)
    expect(ids.filter((one) => one !== id)).toEqual(before)
  } finally {
    await fixture.database.query('delete from run_details where run_key = (select key from runs where id = $1)', [id])
    await fixture.database.query('delete from runs where id = $1', [id])
  }
})

test('a cursor of another order, or none at all, is refused', async () => {
  const { next } = await searchRuns(fixture.database, { order: parseOrder('name'), limit: 1 })
  for (const [after, order] of [
    [next ?? '', 'name desc'],
    ['nonsense', 'name'],
    ['W10', 'name'],
  ] as const) {
    await expect(searchRuns(fixture.database, { order: parseOrder(order), limit: 1, after })).rejects.toMatchObject({
      code: 'invalid-request',
    })
  }
})

test('deleted runs are left out unless they are asked for; an experiment and a project narrow the search', async () => {
  const [run] = runs
  if (run === undefined || run.status === 'running') throw new Error('a run that is over comes first')
  await deleteRun(fixture.database, run.id)
  expect(await found({})).toHaveLength(runs.length - 1)
  expect(await found({ deleted: 'only' })).toEqual([run.id])
  expect(await found({ deleted: 'include' })).toHaveLength(runs.length)
  await fixture.database.query('update runs set deleted_at = null where id = $1', [run.id])
  const peers = runs.filter((one) => one.experimentId === run.experimentId)
  expect((await found({ experimentId: run.experimentId })).toSorted()).toEqual(peers.map((one) => one.id).toSorted())
  expect(await found({ project: 'no such project' })).toEqual([])
})

test('a search that takes too long is given up, and says so', async () => {
  const parts = Array.from({ length: 100 }, (_, n) => `name contains "${n}"`)
  const search = { filter: parseFilter(parts.join(' or ')), limit: 1, mostMs: 1 }
  await expect(searchRuns(fixture.database, search)).rejects.toMatchObject({
    code: 'invalid-request',
    message: 'the search takes longer than 0.001 s',
  })
})

test('a search leaves the connection as other statements want it', async () => {
  await fixture.database.tx(async (tx) => {
    const { rows } = await tx.query<{ enable_seqscan: string }>('show enable_seqscan')
    expect(rows[0]?.enable_seqscan).toBe('off')
  })
})

test('of more runs than are looked at first, those found by name are the newest, page after page', async () => {
  const own = await testDatabase()
  try {
    const { database } = own
    const run = { ...CreateRun.parse({ experiment: 'many', name: 'first' }), id: RunId.parse(nextId()) }
    await createRun(database, { ...run, newExperimentId: ExperimentId.parse(nextId()), createdBy: 'user:me' })
    // One in fifty has the name, so a page is full among the newest, and the last pages are not.
    await database.query(`insert into runs (id, experiment_id, name, status, ended_at, params)
      select 'm' || lpad(n::text, 9, '0'), experiment_id, case when n % 50 = 0 then 'found ' else 'other ' end || n,
             'completed', now(), '{}'
        from runs, generate_series(1, 5000) n`)
    const search = { filter: parseFilter('name contains "found"'), limit: 30 }
    const names: (string | null)[] = []
    for (let after: string | undefined; ; ) {
      const page = await searchRuns(database, { ...search, ...(after === undefined ? {} : { after }) })
      names.push(...page.runs.map((one) => one.name))
      if (page.next === null) break
      after = page.next
    }
    expect(names).toEqual(Array.from({ length: 100 }, (_, n) => `found ${5000 - 50 * n}`))
  } finally {
    await own.drop()
  }
})

test('where Postgres has no room for workers, a search goes without them', async () => {
  const { database } = fixture
  const search = { filter: parseFilter('params.lr exists'), limit: 100 }
  const before = await searchRuns(database, search)
  await database.tx(async (tx) => {
    await tx.query(`create function no_room() returns boolean volatile language plpgsql as $$
      begin
        if current_setting('max_parallel_workers_per_gather') <> '0' then
          raise exception 'could not resize shared memory segment' using errcode = 'disk_full';
        end if;
        return true;
      end $$`)
    await tx.query('alter table runs rename to kept_runs')
    await tx.query('create view runs as select * from kept_runs where no_room()')
  })
  try {
    expect(await searchRuns(database, search)).toEqual(before)
    expect(before.runs.length).toBeGreaterThan(0)
  } finally {
    await database.tx(async (tx) => {
      await tx.query('drop view runs; drop function no_room')
      await tx.query('alter table kept_runs rename to runs')
    })
  }
})
