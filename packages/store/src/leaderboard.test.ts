import { AttemptId, SweepId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { type LeaderboardRequest, leaderboard } from './leaderboard.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'

let fixture: TestDatabase
let sweepId: SweepId
beforeAll(async () => {
  fixture = await testDatabase()
  const { database } = fixture
  const sweep = await ownedSweep(database)
  sweepId = sweep.id
  const agent = await sampleAgent(database)
  // Trials 1 to 8: values, ties, NaN only, failed, no report at all, still queued.
  const values: (readonly number[])[] = [[0.5], [0.1], [0.5], [Number.NaN, 0.3], [Number.NaN], [-0.2], []]
  const attempts = await issue(database, sweep, [1, 2, 3, 4, 5, 6, 7, 8])
  for (const [index, list] of values.entries()) {
    const attempt = AttemptId.parse(attempts[index])
    const epoch = await claim(database, attempt, agent)
    const ended = index === 5 ? undefined : ending('succeeded')
    await ingestReports(database, agent, [
      report(attempt, epoch, { batches: list.length === 0 ? [] : [lossBatch(0, list)], ended }),
    ])
  }
})
afterAll(() => fixture.drop())

const order = async (request: Omit<LeaderboardRequest, 'sweepId'> = {}) =>
  (await leaderboard(fixture.database, { sweepId, ...request })).rows.map((row) => [row.rank, row.number])

test('best first, ties by number, those without a finite value last and without a rank', async () => {
  expect(await order()).toEqual([
    [1, 6],
    [2, 2],
    [3, 4],
    [4, 1],
    [5, 3],
    [null, 5],
    [null, 7],
    [null, 8],
  ])
})

test('pages of every size, put together, are the whole', async () => {
  const whole = await order()
  for (const limit of [1, 2, 3, 5, 7, 8, 9]) {
    const pages: (readonly (number | null)[])[] = []
    let after: string | undefined
    for (;;) {
      const page = await leaderboard(fixture.database, { sweepId, limit, ...(after === undefined ? {} : { after }) })
      pages.push(...page.rows.map((row) => [row.rank, row.number]))
      if (page.next === null) break
      after = page.next
    }
    expect(pages, `pages of ${limit}`).toEqual(whole)
  }
})

test('filtered by state, ranks count what is shown', async () => {
  expect(await order({ states: ['completed'] })).toEqual([
    [1, 2],
    [2, 4],
    [3, 1],
    [4, 3],
  ])
  expect(await order({ states: ['failed', 'queued'] })).toEqual([
    [null, 5],
    [null, 7],
    [null, 8],
  ])
  expect(await order({ states: [] })).toEqual([])
})

test('an unknown sweep is not found, an empty page is not an error', async () => {
  await expect(leaderboard(fixture.database, { sweepId: SweepId.parse('zzzzzzzzzz') })).rejects.toMatchObject({
    code: 'not-found',
  })
  const empty = await ownedSweep(fixture.database)
  expect(await leaderboard(fixture.database, { sweepId: empty.id })).toEqual({ rows: [], next: null })
})

test('a cursor that we never gave is refused', async () => {
  for (const after of ['', 'zzz', '%', 'W10', Buffer.from('[1,2]').toString('base64url')]) {
    await expect(leaderboard(fixture.database, { sweepId, after }), after).rejects.toMatchObject({
      code: 'invalid-request',
    })
  }
})

test('ten thousand trials: every page is read from the index, not sorted', async () => {
  const { database } = fixture
  const big = await ownedSweep(database)
  await database.query(
    `insert into trials (sweep_id, number, config, hash, source, reason, loss, value)
     select $1, n, '{"x": 1}', n::text, 'sampler', 'bench', case when n % 10 > 0 then abs(hashint4(n)) end, n
       from generate_series(1, 10000) n`,
    [big.id],
  )
  const page = await leaderboard(database, { sweepId: big.id, limit: 50 })
  const second = await leaderboard(database, { sweepId: big.id, limit: 50, after: page.next ?? '' })
  expect(second.rows.map((row) => row.rank)).toEqual(Array.from({ length: 50 }, (_, n) => 51 + n))
  // The planner's own words: an index scan under the limit, no sort of the sweep.
  for (const after of [
    '',
    'and (t.standing, t.loss, t.number) > (0, 1e8, 5)',
    'and t.standing = 2 and t.number > 50',
  ]) {
    const { rows } = await database.query<{ 'QUERY PLAN': string }>(
      `explain select * from trials t where t.sweep_id = '${big.id}' and t.state = any('{completed,queued}') ${after}
        order by t.sweep_id, t.standing, t.loss, t.number limit 50`,
    )
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan, after).toContain('trials_by_standing')
    expect(plan, after).not.toContain('Sort')
  }
})
