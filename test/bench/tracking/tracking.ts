import { parseArgs } from 'node:util'
import type { RunList } from '@sweep/spec/wire/tracking/runs'
import { postgresOf, querySql } from '../../support/postgres-of.ts'
import { TestServer } from '../../support/server.ts'
import { atLeast, atMost, type Check, figure, quantile } from '../check.ts'
import { inDigits, printTable } from '../table.ts'
import { loadRuns, METRICS, POINTS_PER_RUN } from './load-runs.ts'
import { runIngest } from './run-ingest.ts'
import { SEARCHES } from './searches.ts'

/** 100 percent. */
const RUNS = 100_000
const REPEATS = 9

interface Cost {
  readonly percent: number
  readonly runs: number
  readonly points: number
  readonly loadSeconds: number
  /** Milliseconds, medians: of each search by its name. */
  readonly searches: ReadonlyMap<string, number>
  readonly chartMs: number
  readonly chartsMs: number
  readonly tableMs: number
  readonly storeRate: number
  readonly copyRate: number
  readonly bytesPerPoint: number
  /** With runs, params, summaries and every index. */
  readonly bytesInAll: number
}

/**
 * How the costs of tracking grow: `--percent 1,10,100` of 100,000 runs with 200 million points, over HTTP. The largest
 * needs 10 GB of disk.
 */
export async function tracking(options: readonly string[]): Promise<Check[]> {
  const { values } = parseArgs({ args: [...options], options: { percent: { type: 'string' } } })
  const percents = (values.percent ?? '1,10').split(',').map(Number)
  if (percents.some((percent) => !(percent >= 1 && percent <= 100 && Number.isInteger(percent)))) {
    throw new Error(`--percent ${values.percent}: give whole numbers from 1 to 100 with commas between them`)
  }
  const costs: Cost[] = []
  for (const percent of percents) costs.push(await measure(percent))
  printCosts(costs)
  return costs.flatMap(checksOf)
}

async function measure(percent: number): Promise<Cost> {
  const server = await TestServer.start({ agent: false })
  try {
    const url = await postgresOf(server)
    const runs = (RUNS * percent) / 100
    const begin = performance.now()
    await loadRuns(url, runs)
    const loadSeconds = (performance.now() - begin) / 1000
    const sizes = await sizesOf(url)
    const searches = new Map<string, number>()
    for (const [name, search] of Object.entries(SEARCHES)) {
      searches.set(name, await medianOf(() => server.call('POST', '/runs/search', { limit: 50, ...search })))
    }
    const chartMs = await chartOf(server, url, METRICS.slice(0, 1))
    const chartsMs = await chartOf(server, url, METRICS)
    const tableMs = await medianOf(async () => {
      const { runs: found } = await server.call<RunList>('POST', '/runs/search', { limit: 1000, columns: 'metrics.*' })
      const shown = found.reduce((sum, run) => sum + Object.keys(run.metrics ?? {}).length, 0)
      if (found.length !== 1000 || shown !== 1000 * METRICS.length) throw new Error(`a table of ${shown} values`)
    })
    const { store: storeRate, copy: copyRate } = await runIngest(url)
    const points = runs * POINTS_PER_RUN
    return { percent, runs, points, loadSeconds, searches, chartMs, chartsMs, tableMs, storeRate, copyRate, ...sizes }
  } finally {
    await server.remove()
  }
}

async function medianOf(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  // The first call reads pages that the next ones find in memory, and is not counted.
  for (let repeat = 0; repeat <= REPEATS; repeat += 1) {
    const begin = performance.now()
    await work()
    if (repeat > 0) times.push(performance.now() - begin)
  }
  return quantile(times, 0.5)
}

/** Metrics of one of the long runs, all asked for at once; of another run each time. */
async function chartOf(server: TestServer, url: string, metrics: readonly string[]): Promise<number> {
  const { rows } = await querySql(url, 'select id from runs where key % 100 = 0 order by random() limit $1', [
    REPEATS + 1,
  ])
  const ids = rows.map((row) => String(row.id))
  return medianOf(async () => {
    const id = ids.pop()
    const read = metrics.map((name) =>
      server.call<{ total: number }>('GET', `/runs/${id}/metrics/${encodeURIComponent(name)}?points=500`),
    )
    const totals = (await Promise.all(read)).map(({ total }) => total)
    if (totals.some((total) => total < 2000)) throw new Error(`charts of ${totals.join(', ')} points`)
  })
}

async function sizesOf(url: string): Promise<Pick<Cost, 'bytesPerPoint' | 'bytesInAll'>> {
  const { rows } = await querySql(
    url,
    `select (select sum(count)::float8 from metric_chunks) as points,
            pg_total_relation_size('metric_chunks')::float8 as chunks,
            (select sum(pg_total_relation_size(name::regclass))::float8
               from unnest(array['metric_chunks', 'run_metrics', 'runs', 'run_streams', 'trials', 'attempts']) as name) as all`,
  )
  const { points, chunks, all } = rows[0] as { points: number; chunks: number; all: number }
  return { bytesPerPoint: chunks / points, bytesInAll: all / points }
}

function slowest({ searches }: Cost): [string, number] {
  return [...searches].reduce((a, b) => (b[1] > a[1] ? b : a))
}

function checksOf(cost: Cost): Check[] {
  const { percent, searches, chartMs, tableMs, storeRate, copyRate, bytesPerPoint } = cost
  const [name, ms] = slowest(cost)
  const at = `${percent} %: `
  return [
    figure(`${at}points`, cost.points, ''),
    figure(`${at}a search, median of ${searches.size}`, quantile([...searches.values()], 0.5), 'ms'),
    atMost(`${at}the slowest search (${name})`, ms, 'ms', 200),
    atMost(`${at}a chart of a run`, chartMs, 'ms', 100),
    figure(`${at}all ten charts of a run`, cost.chartsMs, 'ms'),
    atMost(`${at}latest metrics of 1,000 runs`, tableMs, 'ms', 300),
    figure(`${at}points logged by 64 writers`, storeRate, '1/s'),
    atLeast(`${at}the same beside plain COPY`, storeRate / copyRate, '', 0.5),
    atMost(`${at}bytes per point`, bytesPerPoint, 'B', 16),
    figure(`${at}bytes per point, with all of the run`, cost.bytesInAll, 'B'),
  ]
}

function printCosts(costs: readonly Cost[]): void {
  const row = (name: string, read: (cost: Cost) => number | undefined) => [
    name,
    ...costs.map((cost) => inDigits(read(cost))),
  ]
  printTable(
    ['Milliseconds, medians over HTTP', ...costs.map(({ percent, runs }) => `${percent} % (${runs} runs)`)],
    [
      ...Object.keys(SEARCHES).map((name) => row(name, ({ searches }) => searches.get(name))),
      row('a chart of a run', ({ chartMs }) => chartMs),
      row('all ten charts of a run', ({ chartsMs }) => chartsMs),
      row('latest metrics of 1,000 runs', ({ tableMs }) => tableMs),
    ],
  )
  printTable(
    ['Rates and sizes', ...costs.map(({ percent }) => `${percent} %`)],
    [
      row('seconds to load', ({ loadSeconds }) => loadSeconds),
      row('thousand points/s, 64 writers', ({ storeRate }) => storeRate / 1000),
      row('thousand points/s, COPY', ({ copyRate }) => copyRate / 1000),
      row('bytes per point', ({ bytesPerPoint }) => bytesPerPoint),
      row('with all of the run', ({ bytesInAll }) => bytesInAll),
    ],
  )
}
