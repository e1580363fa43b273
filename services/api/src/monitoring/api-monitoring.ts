import { emptyMetrics, type Metrics, TIME_BUCKETS } from '@sweep/monitoring/registry'
import type { AttemptReport } from '@sweep/spec/wire/agent-protocol'
import type { Database } from '@sweep/store/database'
import { readTotals, type Totals } from '@sweep/store/totals'
import { Gauge, Histogram } from 'prom-client'
import type { App } from '../http/app.ts'

/** Several that scrape at once, or one that does so without pause, cost the database no more than this often. */
const TOTALS_KEPT_MS = 2000

/** What the API counts of its own work, and what the database says there is in all. */
export class ApiMonitoring {
  readonly metrics: Metrics
  readonly #requests: Histogram<'method' | 'route' | 'status'>
  readonly #reportLag: Histogram
  readonly #database: Database
  #totals: { readonly at: number; readonly reading: Promise<Totals> } | undefined

  constructor(database: Database, metrics: Metrics = emptyMetrics()) {
    this.#database = database
    this.metrics = metrics
    const registers = [metrics]
    this.#requests = new Histogram({
      name: 'sweep_http_request_seconds',
      help: 'Time to answer a request, long polls and streams included.',
      labelNames: ['method', 'route', 'status'],
      buckets: TIME_BUCKETS,
      registers,
    })
    this.#reportLag = new Histogram({
      name: 'sweep_report_lag_seconds',
      help: 'From the moment an agent read a line of a run to the moment that its report was stored.',
      buckets: TIME_BUCKETS,
      registers,
    })
    this.#gauge('sweep_trials', 'Trials of all sweeps by state.', 'state', ({ trials }) => trials)
    this.#gauge('sweep_attempts_queued', 'Attempts that wait for an agent.', 'queue', ({ queued }) => queued)
    this.#gauge('sweep_agents', 'Agents that are not gone.', 'state', ({ agents }) => agents)
    this.#gauge('sweep_slots', 'Slots of agents that are not gone.', 'state', ({ slots, freeSlots }) => ({
      free: freeSlots,
      used: slots - freeSlots,
    }))
  }

  /** Times every request by the pattern of its route: an address with an id in it would be a new series each. */
  watch(app: App): void {
    app.addHook('onResponse', async (request, reply) => {
      const route = request.routeOptions.url ?? 'none'
      this.#requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    })
  }

  /**
   * Call once reports are stored.
   * @param now milliseconds since 1970; the agent's clock may be ahead of it, which counts as no lag
   */
  reported(reports: readonly AttemptReport[], now: number): void {
    for (const { batches } of reports) {
      const oldest = batches[0]?.points[0]
      if (oldest !== undefined) this.#reportLag.observe(Math.max(0, now - oldest.at) / 1000)
    }
  }

  #gauge(name: string, help: string, label: string, pick: (totals: Totals) => Readonly<Record<string, number>>): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.metrics],
      collect: async (): Promise<void> => {
        const values = Object.entries(pick(await this.#read()))
        const gauge = this.metrics.getSingleMetric(name) as Gauge
        gauge.reset()
        for (const [value, count] of values) gauge.set({ [label]: value }, count)
      },
    })
  }

  /** The same for all gauges of one scrape. */
  #read(): Promise<Totals> {
    const now = performance.now()
    if (this.#totals === undefined || now - this.#totals.at > TOTALS_KEPT_MS) {
      const reading = readTotals(this.#database)
      this.#totals = { at: now, reading }
      reading.catch(() => {
        if (this.#totals?.reading === reading) this.#totals = undefined
      })
    }
    return this.#totals.reading
  }
}
