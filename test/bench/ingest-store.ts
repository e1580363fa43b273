import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { AgentId, type AttemptId, SweepId } from '@sweep/spec/ids'
import type { AttemptReport } from '@sweep/spec/wire/agent-protocol'
import { registerAgent } from '@sweep/store/agents'
import { claimAttempts } from '@sweep/store/attempts'
import { type Database, openDatabase } from '@sweep/store/database'
import { compactAttempts } from '@sweep/store/metrics'
import { migrate } from '@sweep/store/migrate'
import { acquireSweeps } from '@sweep/store/ownership'
import { ingestReports } from '@sweep/store/reports'
import { createSweep } from '@sweep/store/sweeps'
import { createTrials } from '@sweep/store/trials'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { atLeast, type Check, figure, quantile } from './check.ts'

const ATTEMPTS = 64
const METRICS = ['val_loss', 'val_accuracy', 'loss', 'accuracy', 'lr', 'grad_norm', 'epoch_seconds', 'examples']
const LINES = 100
const POINTS = ATTEMPTS * METRICS.length * LINES

/**
 * Points a second into the store, with everything that a report brings along (facts, bests, offsets), beside plain COPY
 * of the same points into a table of one row a point without an index, whose text is made ready before the clock
 * starts; and two other forms that points could have been stored in. Rounds are interleaved, and medians compared.
 * docs/decisions/0001-metric-points.md draws the conclusions.
 */
export async function ingestBench(databaseUrl: string, { points = 8 * POINTS } = {}): Promise<Check[]> {
  const database = openDatabase({ url: databaseUrl, applicationName: 'bench', max: 4 })
  const plain = new pg.Client(databaseUrl)
  await plain.connect()
  try {
    await migrate(database)
    await plain.query(`
      create table bench_plain (attempt int8, name int, step int8, value float8, at int8);
      create table bench_keyed (like bench_plain, n int generated always as identity, primary key (attempt, name, n));
      create table bench_arrays (attempt int8, name int, batch int, steps int8[], values float8[], times int8[],
        primary key (attempt, name, batch))`)
    const store = await running(database)
    const ways: Record<string, (round: number) => Promise<number>> = {
      'the store': (round) => storeRound(database, store, round),
      'plain COPY': (round) => copyRound(plain, 'bench_plain', round),
      'COPY into a table with a primary key': (round) => copyRound(plain, 'bench_keyed', round),
      'arrays per metric and batch': (round) => arraysRound(plain, round),
    }
    const rates = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]))
    // The first round prepares statements and grows files, and is not counted.
    for (let round = 0; round <= points / POINTS; round += 1) {
      for (const [name, run] of Object.entries(ways)) {
        const milliseconds = await run(round)
        if (round > 0) rates.get(name)?.push(POINTS / (milliseconds / 1000))
      }
    }
    const rounds = Math.floor(points / POINTS) + 1
    const median = (name: string) => quantile(rates.get(name) ?? [], 0.5)
    const checks = Object.keys(ways).map((name) => figure(`points into ${name}`, median(name), '1/s'))
    checks.push(atLeast('the store beside plain COPY', median('the store') / median('plain COPY'), '', 0.5))
    return [...checks, ...(await sizes(database, store, rounds))]
  } finally {
    await plain.query('drop table if exists bench_plain, bench_keyed, bench_arrays').catch(() => undefined)
    await plain.end()
    await database.close()
  }
}

interface Running {
  readonly agentId: AgentId
  readonly attempts: readonly { readonly attemptId: AttemptId; readonly epoch: number }[]
}

/** A sweep of 64 running attempts. */
async function running(database: Database): Promise<Running> {
  const sweepId = SweepId.parse('ngestbench'.replaceAll(/[ilou]/g, 'x'))
  const agentId = AgentId.parse('ngestagent'.replaceAll(/[ilou]/g, 'x'))
  await registerAgent(database, agentId, {
    name: 'bench',
    host: 'here',
    slots: [{ index: 0 }],
    cpus: 1,
    memoryBytes: 1e9,
    queues: ['default'],
    launchers: ['process'],
    labels: {},
    version: '0',
  })
  const document = SweepDocument.parse({
    method: 'random',
    metric: { name: METRICS[0], goal: 'minimize' },
    space: { parameters: [] },
    command: ['true'],
    seed: 1,
  })
  await createSweep(database, { id: sweepId, name: 'ingest', document, source: '', file: 'bench.yaml', workdir: '/' })
  const owned = await acquireSweeps(database, 'bench', 3_600_000)
  const ownerEpoch = owned.find((sweep) => sweep.id === sweepId)?.ownerEpoch ?? 0
  const trials = Array.from({ length: ATTEMPTS }, (_, x) => ({ config: { x }, source: 'sampler' as const, reason: '' }))
  const { created } = await createTrials(database, { sweepId, ownerEpoch, basis: 1, trials })
  const attemptIds = created.map((trial) => trial.attemptId)
  const claimed = await claimAttempts(database, { attemptIds, agentId, leaseMs: 3_600_000 })
  return { agentId, attempts: claimed.flatMap((claim) => (claim.result === 'claimed' ? [claim] : [])) }
}

/** The same numbers for every way: curves with full mantissas, one line a second. */
function value(attempt: number, metric: number, step: number): number {
  return Math.sin(attempt * 7 + metric * 3 + step / 50) / (1 + step / 1000) + 1
}

function time(step: number, attempt: number): number {
  return 1_700_000_000_000 + step * 1000 + ((step * 37 + attempt * 11) % 29)
}

async function storeRound(database: Database, { agentId, attempts }: Running, round: number): Promise<number> {
  const reports = attempts.map(({ attemptId, epoch }, attempt): AttemptReport => {
    const points = Array.from({ length: LINES }, (_, line) => {
      const step = round * LINES + line + 1
      const values = Object.fromEntries(METRICS.map((name, metric) => [name, value(attempt, metric, step)]))
      return { step, at: time(step, attempt), values }
    })
    const batch = { source: 'metrics' as const, from: round * 1000, to: (round + 1) * 1000, points }
    return { attemptId, epoch, batches: [batch], samples: [] }
  })
  const begin = performance.now()
  const { statuses } = await ingestReports(database, agentId, reports)
  const milliseconds = performance.now() - begin
  if (statuses.some((status) => status.status !== 'ok')) throw new Error('a report was refused')
  return milliseconds
}

async function copyRound(client: pg.Client, table: string, round: number): Promise<number> {
  const rows: string[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    for (let line = 0; line < LINES; line += 1) {
      const step = round * LINES + line + 1
      METRICS.forEach((_, metric) => {
        rows.push(`${attempt}\t${metric}\t${step}\t${value(attempt, metric, step)}\t${time(step, attempt)}\n`)
      })
    }
  }
  const text = rows.join('')
  const begin = performance.now()
  const target = client.query(copyFrom(`copy ${table} (attempt, name, step, value, at) from stdin`))
  await pipeline(Readable.from([text]), target)
  return performance.now() - begin
}

async function arraysRound(client: pg.Client, round: number): Promise<number> {
  const rows = Array.from({ length: ATTEMPTS * METRICS.length }, (_, row) => {
    const attempt = Math.floor(row / METRICS.length)
    const name = row % METRICS.length
    const steps = Array.from({ length: LINES }, (_, line) => round * LINES + line + 1)
    const values = steps.map((step) => value(attempt, name, step))
    return { attempt, name, batch: round, steps, values, times: steps.map((step) => time(step, attempt)) }
  })
  const begin = performance.now()
  await client.query(
    `insert into bench_arrays select * from jsonb_to_recordset($1::jsonb)
       as x (attempt int8, name int, batch int, steps int8[], values float8[], times int8[])`,
    [JSON.stringify(rows)],
  )
  return performance.now() - begin
}

/** Bytes a point takes with its index, TOAST included, and how fast points are packed. */
async function sizes(database: Database, store: Running, rounds: number): Promise<Check[]> {
  const total = rounds * POINTS
  const perPoint = async (...tables: readonly string[]) => {
    const { rows } = await database.query<{ bytes: number }>(
      'select sum(pg_total_relation_size(name::regclass))::int8 as bytes from unnest($1::text[]) as list (name)',
      [tables],
    )
    return (rows[0]?.bytes ?? 0) / total
  }
  const asReported = await perPoint('metric_batches')
  await ingestReports(
    database,
    store.agentId,
    store.attempts.map(({ attemptId, epoch }) => ({
      attemptId,
      epoch,
      batches: [],
      samples: [],
      ended: { at: 0, cause: 'succeeded', message: '', exitCode: 0, signal: null, seconds: 1 },
    })),
  )
  const begin = performance.now()
  while ((await compactAttempts(database)) > 0);
  const seconds = (performance.now() - begin) / 1000
  return [
    figure('points packed', total / seconds, '1/s'),
    figure('bytes per point as reported', asReported, 'B'),
    figure('bytes per point packed', await perPoint('metric_chunks'), 'B'),
    figure('bytes per point in arrays', await perPoint('bench_arrays'), 'B'),
    figure('bytes per point in rows, no index', await perPoint('bench_plain'), 'B'),
    figure('bytes per point in rows, primary key', await perPoint('bench_keyed'), 'B'),
  ]
}
