import { stepBuckets } from '@sweep/analysis/step-buckets'
import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import { RunId } from '@sweep/spec/ids'
import { metricPlace } from '@sweep/spec/tracking/metric-context'
import { BatchTaken, MetricHistory, MetricSummaries, MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import { runMetrics } from '@sweep/store/tracking/run-metrics'
import { type RunSeries, readRunSeries, thinnedSteps } from '@sweep/store/tracking/run-series'
import { getRun, noRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { MetricsLine } from './metrics-line.ts'
import { RunPath } from './run-routes.ts'

/** 10,000 points with long names. */
export const BATCH_BYTES = 4_194_304

/**
 * `*`, because the names of metrics have slashes in them and are longer than a parameter may be. Any text: trials report
 * names too that may not be logged.
 */
const KeyPath = z.strictObject({ id: RunId, '*': z.string().min(1).max(1024) })
const Step = z.coerce.number().int()
const HistoryQuery = z.strictObject({
  /** Both included. */
  from: Step.optional(),
  to: Step.optional(),
  /** Where there are more, they come in buckets. */
  points: z.coerce.number().int().min(2).max(1_000_000).default(10_000),
})

export function addRunMetricRoutes(app: App, { clock, database }: ApiContext): void {
  const line = new MetricsLine(database)

  app.post(
    '/runs/:id/metrics/batch',
    {
      config: { access: 'log' },
      bodyLimit: BATCH_BYTES,
      schema: {
        summary: 'Log metrics, exactly once for writers that number their batches',
        params: RunPath,
        body: MetricsBatch,
        response: { 200: BatchTaken },
      },
    },
    async (request) => {
      const { id } = request.params
      const result = await line.take({ ...request.body, runId: id, now: clock.now() })
      switch (result.result) {
        case 'taken':
          return { taken: true, seq: result.seq, dropped: result.dropped }
        case 'repeated':
          return { taken: false, seq: result.seq, dropped: 0 }
        case 'gap':
          throw new SweepError(
            'conflict',
            `batches are missing: of this writer the server has those up to ${result.seq}`,
            {
              hint: 'Send them again from there on.',
              details: { seq: result.seq },
            },
          )
        case 'deleted':
          throw new SweepError('conflict', `run ${id} is deleted`, { hint: 'Restore it first.' })
        case 'not-found':
          throw noRun(id)
        default:
          return assertNever(result)
      }
    },
  )

  app.get(
    '/runs/:id/metrics',
    {
      config: { access: 'run' },
      schema: {
        summary: 'What every metric of a run has come to: last value, minimum and maximum',
        params: RunPath,
        response: { 200: MetricSummaries },
      },
    },
    async (request) => {
      const { id } = request.params
      const { key } = await getRun(database, id)
      const metrics = (await runMetrics(database, key)).map(({ name, ...summary }) => ({
        key: name,
        context: metricPlace(name).context,
        ...summary,
      }))
      return { runId: id, metrics }
    },
  )

  app.get(
    '/runs/:id/metrics/*',
    {
      config: { access: 'run' },
      schema: {
        summary: 'One metric of a run, between two steps, as points or in buckets',
        params: KeyPath,
        querystring: HistoryQuery,
        response: { 200: MetricHistory },
      },
    },
    async (request) => {
      const { id, '*': name } = request.params
      const { key, thinnedAt } = await getRun(database, id)
      const { from, to, points } = request.query
      const series = between(await readRunSeries(database, key, name), from, to)
      if (series.steps.length === 0) await refuseUnknown(id, key, name)
      const thinned = thinnedAt === null ? null : await thinnedSteps(database, key, name)
      return history(name, series, points, thinned)
    },
  )

  async function refuseUnknown(id: RunId, key: number, name: string): Promise<void> {
    const metrics = await runMetrics(database, key)
    if (metrics.some((metric) => metric.name === name)) return
    throw new SweepError('not-found', `run ${id} has no metric ${JSON.stringify(name)}`, {
      hint: `List those it has with GET /runs/${id}/metrics.`,
    })
  }
}

function between(series: RunSeries, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY): RunSeries {
  const begin = series.steps.findIndex((step) => step >= from)
  const end = series.steps.findLastIndex((step) => step <= to) + 1
  const cut = (list: readonly number[]) => (begin === -1 ? [] : list.slice(begin, Math.max(begin, end)))
  return { steps: cut(series.steps), times: cut(series.times), values: cut(series.values) }
}

function history(key: string, series: RunSeries, points: number, thinned: number | null): MetricHistory {
  const about = { key, context: metricPlace(key).context, total: series.steps.length, thinnedSteps: thinned }
  if (series.steps.length <= points) return { ...about, bucketSteps: null, ...series }
  const { width, ...buckets } = stepBuckets(series, points, thinned ?? 1)
  return { ...about, bucketSteps: width, ...buckets }
}
