import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ExperimentId, RunId } from '@sweep/spec/ids'
import { CreateRun } from '@sweep/spec/wire/tracking/runs'
import { type Database, openDatabase } from '@sweep/store/database'
import { logMetrics } from '@sweep/store/tracking/log-metrics'
import { createRun } from '@sweep/store/tracking/runs'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { quantile } from '../check.ts'

const WRITERS = 64
const LINES = 100
const METRICS = ['val_loss', 'val_accuracy', 'loss', 'accuracy', 'lr', 'grad_norm', 'epoch_seconds', 'examples']
const POINTS = WRITERS * LINES * METRICS.length
const ROUNDS = 12

/**
 * Points a second that 64 writers log to runs of their own, numbered batches with summaries and all, and beside it plain
 * COPY of the same points into a table of one row a point without an index, whose text is made ready before the clock
 * starts. Rounds are interleaved, and medians compared.
 */
export async function runIngest(url: string): Promise<{ store: number; copy: number }> {
  const database = openDatabase({ url, applicationName: 'bench', max: 4 })
  const plain = new pg.Client(url)
  await plain.connect()
  try {
    await plain.query('create table bench_plain (run int8, name int, step int8, value float8, at int8)')
    const runs = await newRuns(database)
    const times: Record<'store' | 'copy', number[]> = { store: [], copy: [] }
    // The first round prepares statements and grows files, and is not counted.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const [store, copy] = [await storeRound(database, runs, round), await copyRound(plain, round)]
      if (round === 0) continue
      times.store.push(store)
      times.copy.push(copy)
    }
    const rate = (list: readonly number[]) => POINTS / (quantile(list, 0.5) / 1000)
    return { store: rate(times.store), copy: rate(times.copy) }
  } finally {
    await plain.query('drop table if exists bench_plain').catch(() => undefined)
    await plain.end()
    await database.close()
  }
}

async function newRuns(database: Database): Promise<RunId[]> {
  const runs: RunId[] = []
  for (let n = 0; n < WRITERS; n += 1) {
    const id = RunId.parse(`9${String(n).padStart(9, '0')}`)
    const newExperimentId = ExperimentId.parse('9999999999')
    const run = CreateRun.parse({ experiment: 'ingest', project: 'bench' })
    await createRun(database, { ...run, id, newExperimentId, createdBy: 'bench' })
    runs.push(id)
  }
  return runs
}

function value(run: number, metric: number, step: number): number {
  return Math.sin(run * 7 + metric * 3 + step / 50) / (1 + step / 1000) + 1
}

function time(step: number, run: number): number {
  return 1_700_000_000_000 + step * 1000 + ((step * 37 + run * 11) % 29)
}

async function storeRound(database: Database, runs: readonly RunId[], round: number): Promise<number> {
  const batches = runs.map((runId, run) => {
    const points = Array.from({ length: LINES }, (_, line) => {
      const step = round * LINES + line + 1
      const values = Object.fromEntries(METRICS.map((name, metric) => [name, value(run, metric, step)]))
      return { step, at: time(step, run), values }
    })
    return { runId, now: 0, writer: { id: 'bench', seq: round + 1 }, points }
  })
  const begin = performance.now()
  const results = await logMetrics(database, batches)
  const milliseconds = performance.now() - begin
  if (results.some(({ result }) => result !== 'taken')) throw new Error('a batch was refused')
  return milliseconds
}

async function copyRound(client: pg.Client, round: number): Promise<number> {
  const rows: string[] = []
  for (let run = 0; run < WRITERS; run += 1) {
    for (let line = 0; line < LINES; line += 1) {
      const step = round * LINES + line + 1
      METRICS.forEach((_, metric) => {
        rows.push(`${run}\t${metric}\t${step}\t${value(run, metric, step)}\t${time(step, run)}\n`)
      })
    }
  }
  const text = rows.join('')
  const begin = performance.now()
  await pipeline(Readable.from([text]), client.query(copyFrom('copy bench_plain from stdin')))
  return performance.now() - begin
}
