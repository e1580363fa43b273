import { type AgentId, AttemptId } from '@sweep/spec/ids'
import { Started } from '@sweep/spec/wire/agent-protocol'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { getAttempt, wholeEnvironment } from './attempt-record.ts'
import { claimAttempt, expireLeases } from './attempts.ts'
import { loadFacts } from './facts.ts'
import { readLog } from './logs.ts'
import { metricNames, readSeries } from './metrics.ts'
import { ingestReports } from './reports.ts'
import { controlSweep } from './sweep-control.ts'
import { getSweep } from './sweeps.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { getTrial } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterEach(async () => {
  expect(await checkInvariants(fixture.database)).toEqual([])
})
afterAll(() => fixture.drop())

async function running(changes: Parameters<typeof ownedSweep>[1] = {}) {
  const { database } = fixture
  const sweep = await ownedSweep(database, changes)
  const agent = await sampleAgent(database)
  const attempt = AttemptId.parse((await issue(database, sweep, [1]))[0])
  const epoch = await claim(database, attempt, agent)
  const send = async (rest: Parameters<typeof report>[2]) => {
    const { statuses } = await ingestReports(database, agent, [report(attempt, epoch, rest)])
    return statuses[0]
  }
  const values = async (name = 'loss') => (await readSeries(database, { sweepId: sweep.id, trial: 1, name }))?.values
  const trial = () => getTrial(database, sweep.id, 1)
  return { database, sweep, agent, attempt, epoch, send, values, trial }
}

test('nothing reported is nothing done', async () => {
  const agent = await sampleAgent(fixture.database)
  expect(await ingestReports(fixture.database, agent, [])).toEqual({
    statuses: [],
    sweepIds: [],
    queued: [],
    claims: [],
  })
})

test('points are taken once: what comes again is ignored, what comes too early is refused', async () => {
  const { send, values } = await running()
  const offset = async (from: number, list: readonly number[]) =>
    (await send({ batches: [lossBatch(from, list)] }))?.offsets?.metrics
  expect(await offset(0, [1, 2])).toBe(20)
  expect(await offset(0, [1, 2])).toBe(20)
  expect(await offset(10, [2, 3])).toBe(20)
  expect(await offset(30, [4])).toBe(20)
  expect(await offset(20, [3])).toBe(30)
  expect(await values()).toEqual([1, 2, 3])
})

test('one report that arrives ten times at once counts once', async () => {
  const { send, values, sweep, database } = await running()
  await Promise.all(Array.from({ length: 10 }, () => send({ batches: [lossBatch(0, [1, 2, 3])] })))
  expect(await values()).toEqual([1, 2, 3])
  const facts = await loadFacts(database, sweep.id, 0)
  expect(facts.filter((fact) => fact.kind === 'report').map((fact) => fact.ordinal)).toEqual([1, 2, 3])
})

test('metrics and output are numbered apart, and both may come in one report', async () => {
  const { send, values } = await running()
  const status = await send({
    batches: [lossBatch(0, [1]), { source: 'output', from: 0, to: 7, points: [{ at: 5, values: { loss: 0.5 } }] }],
  })
  expect(status?.offsets).toEqual({ metrics: 10, output: 7, log: 0 })
  expect(await values()).toEqual([1, 0.5])
})

test('a line without a step counts on from the last; steps repeated or out of order are kept as they come', async () => {
  const { database, sweep, send } = await running()
  const steps = [undefined, undefined, 10, undefined, 3, 3, -4, undefined]
  const points = steps.map((step, index) => ({
    ...(step === undefined ? {} : { step }),
    at: index,
    values: { loss: 1 },
  }))
  await send({ batches: [{ source: 'metrics', from: 0, to: 100, points }] })
  const series = await readSeries(database, { sweepId: sweep.id, trial: 1, name: 'loss' })
  expect(series?.steps).toEqual([1, 2, 10, 11, 3, 3, -4, -3])
  const facts = (await loadFacts(database, sweep.id, 0)).flatMap((fact) => (fact.kind === 'report' ? [fact.step] : []))
  expect(facts).toEqual(series?.steps)
})

test('NaN and infinities are stored as they are, count as reports, and are never the best', async () => {
  const { database, sweep, send, values, trial } = await running()
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, 2, Number.NEGATIVE_INFINITY, Number.NaN]
  await send({ batches: [lossBatch(0, odd)] })
  expect(await values()).toEqual(odd)
  expect(await trial()).toMatchObject({ value: 2, bestValue: 2, bestStep: 3, lastValue: Number.NaN, reports: 5 })
  const facts = (await loadFacts(database, sweep.id, 0)).flatMap((fact) => (fact.kind === 'report' ? [fact.value] : []))
  expect(facts).toEqual(odd)
  await send({ ended: ending('succeeded') })
  expect((await trial())?.state).toBe('completed')
})

test('a goal to maximize turns the best around', async () => {
  const { send, trial, sweep, database } = await running({
    metric: { name: 'loss', goal: 'maximize', summary: 'best' },
  })
  await send({ batches: [lossBatch(0, [0.1, 0.9, 0.5])] })
  expect(await trial()).toMatchObject({ value: 0.9, bestStep: 2, lastValue: 0.5 })
  expect((await getSweep(database, sweep.id))?.best).toMatchObject({ trial: 1, value: 0.9 })
})

test('with summary last the last value stands, and a best trial that got worse gives way', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { metric: { name: 'loss', goal: 'minimize', summary: 'last' } })
  const agent = await sampleAgent(database)
  const [one, two] = (await issue(database, sweep, [1, 2])).map((id) => AttemptId.parse(id))
  if (one === undefined || two === undefined) throw new Error('two trials were issued')
  for (const attempt of [one, two]) await claim(database, attempt, agent)
  const best = async () => (await getSweep(database, sweep.id))?.best
  await ingestReports(database, agent, [report(one, 1, { batches: [lossBatch(0, [0.1])] })])
  await ingestReports(database, agent, [report(two, 1, { batches: [lossBatch(0, [0.3])] })])
  expect(await best()).toMatchObject({ trial: 1, value: 0.1 })
  await ingestReports(database, agent, [report(one, 1, { batches: [lossBatch(10, [0.5])] })])
  expect(await best()).toMatchObject({ trial: 2, value: 0.3 })
  await ingestReports(database, agent, [report(two, 1, { batches: [lossBatch(10, [Number.NaN])] })])
  expect(await best()).toMatchObject({ trial: 1, value: 0.5 })
})

test('an old epoch, another agent, an ended and an unknown attempt are fenced and leave no trace', async () => {
  const { database, sweep, agent, attempt, epoch, send, values } = await running()
  const batches = [lossBatch(0, [1])]
  const other = await sampleAgent(database)
  const unknown = AttemptId.parse('zzzzzzzzzz-1-1')
  const reports = [report(attempt, epoch + 1, { batches }), report(unknown, 1, { batches })]
  const { statuses } = await ingestReports(database, agent, reports)
  expect(statuses.map((status) => status.status)).toEqual(['fenced', 'fenced'])
  const foreign = await ingestReports(database, other, [report(attempt, epoch, { batches })])
  expect(foreign).toMatchObject({ statuses: [{ status: 'fenced' }], sweepIds: [] })
  expect(await values()).toEqual([])

  await send({ batches, ended: ending('succeeded') })
  expect((await send({ batches: [lossBatch(10, [2])] }))?.status).toBe('fenced')
  expect(await values()).toEqual([1])
  expect((await loadFacts(database, sweep.id, 0)).filter((fact) => fact.kind === 'report')).toHaveLength(1)
})

test('a host that comes back from the dead can not write into its successor', async () => {
  const { database, sweep, agent, attempt, epoch, values } = await running()
  await database.query(`update attempts set lease_until = now() - interval '1 s' where id = $1`, [attempt])
  await expireLeases(database, { agentLeaseMs: 60_000 })
  const successor = AttemptId.parse(`${sweep.id}-1-2`)
  const next = await claim(database, successor, agent)
  const late = await ingestReports(database, agent, [
    report(attempt, epoch, { batches: [lossBatch(0, [9])], ended: ending('succeeded') }),
    report(successor, epoch, { batches: [lossBatch(0, [9])] }),
    report(successor, next, { batches: [lossBatch(0, [0.5])] }),
  ])
  expect(late.statuses.map((status) => status.status)).toEqual(['fenced', 'fenced', 'ok'])
  expect(await values()).toEqual([0.5])
})

test('an end that comes before its points waits for them', async () => {
  const { send, trial, values } = await running()
  await send({ batches: [lossBatch(0, [1])] })
  const early = await send({ batches: [lossBatch(20, [3])], ended: ending('succeeded') })
  expect(early).toMatchObject({ status: 'ok', offsets: { metrics: 10 } })
  expect((await trial())?.state).toBe('running')
  await send({ batches: [lossBatch(10, [2, 3])], ended: ending('succeeded') })
  expect((await trial())?.state).toBe('completed')
  expect(await values()).toEqual([1, 2, 3])
})

test('an end whose report grew while the first sending was still on its way waits for the rest', async () => {
  const { send, trial, values } = await running()
  // The first report took so long that it was sent again, by now with more lines and the end; then the first arrived.
  await send({ batches: [lossBatch(0, [1])] })
  const grown = await send({ batches: [lossBatch(0, [1, 2, 3])], ended: ending('succeeded') })
  expect(grown).toMatchObject({ status: 'ok', offsets: { metrics: 10 } })
  expect((await trial())?.state).toBe('running')
  await send({ batches: [lossBatch(10, [2, 3])], ended: ending('succeeded') })
  expect((await trial())?.state).toBe('completed')
  expect(await values()).toEqual([1, 2, 3])
})

test('ending well without the metric fails with the names seen, also those of earlier reports', async () => {
  const { database, send, trial } = await running({ metric: { name: 'val_loss', goal: 'minimize', summary: 'best' } })
  await send({ batches: [lossBatch(0, [1], 'valloss')] })
  await send({ ended: ending('succeeded') })
  expect((await trial())?.failure).toEqual({
    cause: 'no-metric',
    message: 'The program ended without reporting "val_loss"; it reported "valloss". Did you mean "valloss"?',
  })
  expect(await metricNames(database, (await trial())?.sweepId ?? fixtureSweep(), 1)).toEqual(['valloss'])
})

function fixtureSweep(): never {
  throw new Error('the trial is there')
}

test('a program that fails is tried again while retry.max allows', async () => {
  const { database, sweep, agent, send } = await running({ retry: { max: 1, lostMax: 0 } })
  await send({ ended: ending('user-error', { exitCode: 1, message: 'exit code 1' }) })
  const second = AttemptId.parse(`${sweep.id}-1-2`)
  const epoch = await claim(database, second, agent)
  const again = await ingestReports(database, agent, [report(second, epoch, { ended: ending('oom') })])
  expect(again.queued).toEqual([])
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({ state: 'failed', userFailures: 2, cause: 'oom' })
})

test('a failed trial has no place among the best, though it was the best while it ran', async () => {
  const { database, sweep, agent, send } = await running()
  const second = AttemptId.parse((await issue(database, sweep, [2]))[0])
  await claim(database, second, agent)
  await ingestReports(database, agent, [report(second, 1, { batches: [lossBatch(0, [0.5])] })])
  await send({ batches: [lossBatch(0, [0.1])], ended: ending('user-error') })
  expect((await getSweep(database, sweep.id))?.best).toMatchObject({ trial: 2, value: 0.5 })
})

test('what the run is and where it ran is stored with its start, and GPUs by the slots it took', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const slots = [{ index: 0, gpu: { index: 0 } }, { index: 1, gpu: { index: 1 } }, { index: 2 }]
  const agent = await sampleAgent(database, { slots })
  const attempt = AttemptId.parse((await issue(database, sweep, [1]))[0])
  await claim(database, attempt, agent)
  const started = Started.parse({
    at: 1,
    argv: ['python', 'a b\0c'],
    slots: [0, 1, 2],
    runDir: '/runs/1',
    environment: { commit: 'abc', nested: { dirty: true } },
  })
  await ingestReports(database, agent, [report(attempt, 1, { started })])
  expect(await getAttempt(database, attempt)).toMatchObject({
    argv: ['python', 'a b\ufffdc'],
    slots: [0, 1, 2],
    gpus: 2,
    runDir: '/runs/1',
    environment: { commit: 'abc', nested: { dirty: true } },
  })
})

test('an environment is made whole with the diff and the packages that another attempt of the sweep has', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const other = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const run = async (sweepOf: typeof sweep, n: number, environment: object) => {
    const attempt = AttemptId.parse((await issue(database, sweepOf, [n]))[0])
    await claim(database, attempt, agent)
    const started = Started.parse({ at: 1, argv: ['x'], slots: [0], runDir: '/runs', environment })
    await ingestReports(database, agent, [report(attempt, 1, { started, ended: ending('user-error') })])
    const record = await getAttempt(database, attempt)
    return wholeEnvironment(database, sweepOf.id, record!.environment)
  }
  const git = { commit: 'abc', diffHash: 'd1' }
  await run(other, 1, { packagesHash: 'p2', packages: { other: '1' } })
  await run(sweep, 1, { git: { ...git, diff: '+x' }, packagesHash: 'p1', packages: { numpy: '2' } })
  await run(sweep, 2, { git: { commit: 'abc', diffHash: 'd2', diff: '+y' }, packagesHash: 'p1' })
  expect(await run(sweep, 3, { git, packagesHash: 'p1', seed: 3 })).toEqual({
    ...{ git: { ...git, diff: '+x' }, packagesHash: 'p1', packages: { numpy: '2' }, seed: 3 },
  })
  // That of another sweep may be another's to see; a hash that nobody explains stays one.
  expect(await run(sweep, 4, { git: { commit: 'abc' }, packagesHash: 'p2' })).toEqual({
    ...{ git: { commit: 'abc' }, packagesHash: 'p2' },
  })
  expect(await run(sweep, 5, {})).toEqual({})
})

test('use of the machine becomes metrics, once', async () => {
  const { send, values } = await running()
  const samples = [
    { at: 1000, values: { cpu_percent: 50 } },
    { at: 2000, values: { cpu_percent: 60 } },
  ]
  await send({ samples })
  await send({ samples })
  await send({ samples: [{ at: 3000, values: { cpu_percent: 70 } }] })
  expect(await values('system/cpu_percent')).toEqual([50, 60, 70])
})

test('names beyond 2,000 are dropped and counted, the metric of the sweep still counts', async () => {
  const { database, attempt, send, trial } = await running()
  const many = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`metric ${from + n}`, n]))
  await send({ batches: [{ source: 'metrics', from: 0, to: 1, points: [{ step: 1, at: 0, values: many(0, 1500) }] }] })
  const values = { ...many(1000, 1500), loss: 0.5 }
  await send({ batches: [{ source: 'metrics', from: 1, to: 2, points: [{ step: 2, at: 0, values }] }] })
  const { rows } = await database.query(
    'select cardinality(name_ids) as names, dropped_points as dropped, points from attempts where id = $1',
    [attempt],
  )
  expect(rows).toEqual([{ names: 2000, dropped: 501, points: 2500 }])
  expect((await trial())?.value).toBe(0.5)
})

test('output is appended, skipped ahead, and of a long one the beginning and the end stay', async () => {
  const { database, sweep, send } = await running()
  const read = (from?: number) => readLog(database, { sweepId: sweep.id, trial: 1, from })
  expect((await send({ log: { offset: 0, text: 'one\0\n' } }))?.offsets?.log).toBe(5)
  expect((await send({ log: { offset: 0, text: 'one\0\n' } }))?.offsets?.log).toBe(5)
  expect((await send({ log: { offset: 5, to: 12, text: 'two\n' } }))?.offsets?.log).toBe(12)
  expect(await read()).toEqual({
    chunks: [
      { start: 0, stop: 5, text: 'one\ufffd\n' },
      { start: 5, stop: 12, text: 'two\n' },
    ],
    end: 12,
    open: true,
  })
  expect((await read(12))?.chunks).toEqual([])
  const piece = 'x'.repeat(200_000)
  for (let offset = 12; offset < 4_000_000; offset += piece.length) await send({ log: { offset, text: piece } })
  const { rows } = await database.query<{ kept: number; low: number }>(
    `select sum(stop - start)::int8 as kept, min(start) as low from log_chunks l join attempts a on a.key = l.attempt_key
      where a.sweep_id = $1`,
    [sweep.id],
  )
  expect(rows[0]?.low).toBe(0)
  expect(rows[0]?.kept).toBeGreaterThan(256 * 1024 + 1024 * 1024)
  expect(rows[0]?.kept).toBeLessThan(256 * 1024 + 1024 * 1024 + 500_000)
})

test('reports of many sweeps by many agents at once all arrive', async () => {
  const { database } = fixture
  const sweeps = [await ownedSweep(database), await ownedSweep(database), await ownedSweep(database)]
  const agents = await Promise.all([1, 2, 3, 4].map(() => sampleAgent(database)))
  const work = new Map<AgentId, { attempt: AttemptId; epoch: number }[]>(agents.map((agent) => [agent, []]))
  for (const sweep of sweeps) {
    const attempts = await issue(database, sweep, [1, 2, 3, 4])
    for (const [index, agent] of agents.entries()) {
      const attempt = AttemptId.parse(attempts[index])
      work.get(agent)?.push({ attempt, epoch: await claim(database, attempt, agent) })
    }
  }
  const rounds = 20
  await Promise.all(
    [...work].map(async ([agent, attempts], place) => {
      for (let round = 0; round < rounds; round += 1) {
        // Every agent names its attempts in an order of its own.
        const order = place % 2 === 0 ? attempts : [...attempts].reverse()
        await ingestReports(
          database,
          agent,
          order.map(({ attempt, epoch }) => report(attempt, epoch, { batches: [lossBatch(round * 10, [round])] })),
        )
      }
    }),
  )
  for (const sweep of sweeps) {
    const series = await readSeries(database, { sweepId: sweep.id, trial: 2, name: 'loss' })
    expect(series?.values).toEqual(Array.from({ length: rounds }, (_, round) => round))
  }
})

describe('claiming along with a report', () => {
  const along = (attemptIds: readonly AttemptId[]) => ({ leaseMs: 60_000, attemptIds })

  test('the end makes room under the parallelism of the sweep for what is claimed with it, and for no more', async () => {
    const { database, sweep, agent, attempt, epoch } = await running({ parallelism: 1 })
    const [second, third] = (await issue(database, sweep, [2, 3])) as [AttemptId, AttemptId]
    const before = await ingestReports(database, agent, [report(attempt, epoch)], along([second]))
    expect(before.claims).toEqual([{ result: 'held', attemptId: second }])
    const last = report(attempt, epoch, { batches: [lossBatch(0, [1])], ended: ending('succeeded') })
    const { claims, statuses } = await ingestReports(database, agent, [last], along([second, third]))
    expect(statuses[0]?.status).toBe('ok')
    expect(claims).toMatchObject([
      { result: 'claimed', attemptId: second, epoch: 1, config: { x: 2 } },
      { result: 'held', attemptId: third },
    ])
    const kinds = (await loadFacts(database, sweep.id, 0)).map((fact) => fact.kind)
    expect(kinds.slice(-3)).toEqual(['attempt-ended', 'trial-ended', 'attempt-started'])
  })

  test('of two agents that claim the same attempt, one gets it', async () => {
    const { database, sweep, agent, attempt, epoch } = await running()
    const [second] = (await issue(database, sweep, [2])) as [AttemptId]
    const other = await sampleAgent(database)
    const [own, others] = await Promise.all([
      ingestReports(database, agent, [report(attempt, epoch)], along([second])),
      claimAttempt(database, { attemptId: second, agentId: other, leaseMs: 60_000 }),
    ])
    expect([own.claims[0]?.result, others.result].sort()).toEqual(['claimed', 'gone'])
  })

  test('an agent that was given up still has its reports looked at, and gets nothing', async () => {
    const { database, sweep, agent, attempt, epoch } = await running()
    const [second] = (await issue(database, sweep, [2])) as [AttemptId]
    await database.query(`update agents set state = 'gone' where id = $1`, [agent])
    const { claims, statuses } = await ingestReports(database, agent, [report(attempt, epoch)], along([second]))
    expect([statuses[0]?.status, claims[0]?.result]).toEqual(['ok', 'held'])
  })

  test('a paused sweep gives nothing out, a stopped one has nothing left', async () => {
    const { database, sweep, agent, attempt, epoch } = await running()
    const [second] = (await issue(database, sweep, [2])) as [AttemptId]
    await controlSweep(database, sweep.id, 'pause', 'somebody')
    const ingest = async () => (await ingestReports(database, agent, [report(attempt, epoch)], along([second]))).claims
    expect((await ingest())[0]?.result).toBe('held')
    await controlSweep(database, sweep.id, 'cancel', 'somebody')
    expect((await ingest())[0]?.result).toBe('gone')
  })
})

test('GPU time counts the shares of GPUs that the slots are, once the attempt tells which it has', async () => {
  const { database } = fixture
  const slots = [0, 0, 0, 1, 1, 1].map((gpu, index) => ({ index, gpu: { index: gpu }, shares: 3 }))
  const agent = await sampleAgent(database, { slots })
  const gpusOf = async (resources: { gpus?: number }, held: number[]) => {
    const sweep = await ownedSweep(database, { resources })
    const [attempt] = await issue(database, sweep, [1])
    if (attempt === undefined) throw new Error('no attempt')
    const epoch = await claim(database, attempt, agent)
    const started = { at: 0, argv: ['train'], slots: held, runDir: '/nowhere', environment: {} }
    await ingestReports(database, agent, [report(attempt, epoch, { started })])
    const { rows } = await database.query<{ gpus: number }>('select gpus from attempts where id = $1', [attempt])
    return rows[0]?.gpus
  }
  expect(await gpusOf({}, [0])).toBeCloseTo(1 / 3)
  expect(await gpusOf({ gpus: 0.5 }, [0, 1])).toBeCloseTo(2 / 3)
  expect(await gpusOf({ gpus: 1 }, [3, 4, 5])).toBeCloseTo(1)
  expect(await gpusOf({ gpus: 0 }, [2])).toBe(0)
})
