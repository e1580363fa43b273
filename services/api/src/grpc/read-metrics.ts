import { setTimeout as delay } from 'node:timers/promises'
import { SweepError } from '@sweep/spec/errors'
import { RunId } from '@sweep/spec/ids'
import { isOver } from '@sweep/spec/tracking/run-status'
import { MetricSummaries, type MetricSummary } from '@sweep/spec/wire/tracking/metrics'
import { RunDetail } from '@sweep/spec/wire/tracking/runs'
import type { Database } from '@sweep/store/database'
import { type RunSeries, readRunSeries } from '@sweep/store/tracking/run-series'
import { getRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import type { Caller, RouteCaller } from './call-route.ts'
import { fromStep, type MetricPoints, newPoints } from './new-points.ts'
import { ROUTES, type Values } from './routes.ts'

/** Time between two looks at a run that is followed. */
const LOOK_MS = 500
/** Of all metrics of one stream that follows: so many are remembered, to tell what is new. */
const MOST_FOLLOWED = 1_000_000
/** Streams that follow at a time; each asks the database twice a second. */
const MOST_STREAMS = 500
const NOTHING: RunSeries = { steps: [], times: [], values: [] }

const Request = z.object({
  runId: z.string().default(''),
  keys: z.array(z.string()).max(2000).default([]),
  fromStep: z.int().optional(),
  follow: z.boolean().default(false),
})

/** Reads the points of runs for streams, and goes on with what comes. */
export class MetricReader {
  readonly #database: Database
  readonly #routes: RouteCaller
  #following = 0

  constructor(database: Database, routes: RouteCaller) {
    this.#database = database
    this.#routes = routes
  }

  /**
   * Every look goes through the routes, which refuse whoever may not, or no longer may, read the run.
   * @throws RouteRefusal; SweepError `too-many-requests`, `too-large`, and `not-found` for a metric that the run does not have
   */
  async *read(fields: Values, caller: Caller, signal: AbortSignal): AsyncGenerator<MetricPoints> {
    const { follow, ...request } = Request.parse(fields)
    if (!follow) {
      const { metrics } = await this.#look(request.runId, caller, signal)
      refuseUnknown(request, metrics)
      for await (const { now, key } of this.#changed(request, metrics)) yield* newPoints(key, NOTHING, now)
      return
    }
    if (this.#following >= MOST_STREAMS) {
      throw new SweepError('too-many-requests', `${MOST_STREAMS} streams follow runs already`, { retryable: true })
    }
    this.#following += 1
    try {
      yield* this.#follow(request, caller, signal)
    } finally {
      this.#following -= 1
    }
  }

  async *#follow(request: Wanted, caller: Caller, signal: AbortSignal): AsyncGenerator<MetricPoints> {
    const sent = new Map<string, Sent>()
    for (;;) {
      // The status first: what was logged before the end is then there for the look after it.
      const { isDone, metrics } = await this.#look(request.runId, caller, signal)
      const changed = metrics.filter((metric) => sent.get(metric.key)?.mark !== markOf(metric))
      for await (const { key, now, mark } of this.#changed(request, changed)) {
        const before = sent.get(key)?.series ?? NOTHING
        sent.set(key, { mark, series: now })
        refuseTooMany(sent)
        yield* newPoints(key, before, now)
      }
      if (isDone) return
      await delay(LOOK_MS, undefined, { signal })
    }
  }

  async #look(runId: string, caller: Caller, signal: AbortSignal): Promise<Look> {
    const ask = (name: 'GetRun' | 'ListMetrics') => this.#routes.call(ROUTES[name]!, { runId }, caller, signal)
    const { status } = RunDetail.pick({ status: true })
      .loose()
      .parse(await ask('GetRun'))
    const { metrics } = MetricSummaries.parse(await ask('ListMetrics'))
    return { isDone: isOver(status), metrics }
  }

  async *#changed({ runId, keys, fromStep: step }: Wanted, metrics: readonly MetricSummary[]) {
    const { key: runKey } = await getRun(this.#database, RunId.parse(runId))
    for (const metric of metrics) {
      if (keys.length > 0 && !keys.includes(metric.key)) continue
      const series = await readRunSeries(this.#database, runKey, metric.key)
      yield { key: metric.key, mark: markOf(metric), now: fromStep(series, step) }
    }
  }
}

type Wanted = Omit<z.output<typeof Request>, 'follow'>

interface Look {
  readonly isDone: boolean
  readonly metrics: readonly MetricSummary[]
}

interface Sent {
  /** Of the summary at the time of the last look. */
  readonly mark: string
  readonly series: RunSeries
}

/** Differs whenever the metric has got another point. */
function markOf({ points, lastStep, lastAt }: MetricSummary): string {
  return `${points} ${lastStep} ${lastAt}`
}

function refuseUnknown({ runId, keys }: Wanted, metrics: readonly MetricSummary[]): void {
  const unknown = keys.find((key) => !metrics.some((metric) => metric.key === key))
  if (unknown === undefined) return
  throw new SweepError('not-found', `run ${runId} has no metric ${JSON.stringify(unknown)}`, {
    hint: 'ListMetrics names those it has; with follow it is waited for.',
  })
}

function refuseTooMany(sent: ReadonlyMap<string, Sent>): void {
  const points = [...sent.values()].reduce((sum, { series }) => sum + series.steps.length, 0)
  if (points <= MOST_FOLLOWED) return
  throw new SweepError('too-large', `more than ${MOST_FOLLOWED} points can't be followed in one stream`, {
    hint: 'Name fewer metrics in keys, or a later step in from_step.',
  })
}
