import { SweepError } from '@sweep/spec/errors'
import { changeRun, changeTags } from '@sweep/store/tracking/change-run'
import { readRunSeries } from '@sweep/store/tracking/run-series'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { MetricsLog } from './log-mlflow-metrics.ts'
import { mlflowMetric } from './mlflow-entities.ts'
import { logMlflowParams } from './mlflow-params.ts'
import { requireRun } from './mlflow-scope.ts'
import { Int64, listOf, Metric, Param, plain, RunReference, recordOf, runIdOf, Tag } from './mlflow-values.ts'

/** MLflow's own limits. */
const BATCH_METRICS = 1000
const BATCH_PARAMS = 100
const BATCH_TAGS = 100
const BATCH_ALL = 1000
const HISTORY_POINTS = 25_000

const Batch = RunReference.extend({
  metrics: listOf(Metric, BATCH_METRICS),
  params: listOf(Param, BATCH_PARAMS),
  tags: listOf(Tag, BATCH_TAGS),
}).refine(({ metrics, params, tags }) => metrics.length + params.length + tags.length <= BATCH_ALL, {
  error: `a batch has at most ${BATCH_ALL} metrics, params and tags together`,
})
const History = RunReference.extend({
  metric_key: plain(1000).min(1),
  max_results: Int64.nullish(),
  page_token: z.string().max(500).nullish(),
})

const READ = { access: 'mlflow-read' } as const
const WRITE = { access: 'mlflow-write' } as const

export function addMlflowMetricRoutes(app: App, context: ApiContext): void {
  const { database } = context
  const metricsLog = new MetricsLog(context)

  app.post(
    '/runs/log-metric',
    { config: WRITE, schema: { hide: true, body: RunReference.extend(Metric.shape) } },
    async (request) => {
      const { key, value, timestamp, step } = request.body
      await metricsLog.log(request.principal, runIdOf(request.body), [{ key, value, timestamp, step }])
      return {}
    },
  )

  app.post('/runs/log-batch', { config: WRITE, schema: { hide: true, body: Batch } }, async (request) => {
    const { metrics, params, tags } = request.body
    const id = runIdOf(request.body)
    // What may be refused comes first: each part is safe to repeat, so a client sends all of it again after a fault.
    if (params.length > 0 || tags.length > 0) {
      const run = await requireRun(context, request.principal, id)
      if (params.length > 0) await logMlflowParams(context, run, params)
      if (tags.length > 0) await changeTags(database, id, { set: recordOf(tags), remove: [] })
      const name = recordOf(tags)['mlflow.runName']
      if (name) await changeRun(database, id, { name: name.slice(0, 500) })
    }
    await metricsLog.log(request.principal, id, metrics)
    return {}
  })

  app.get('/metrics/get-history', { config: READ, schema: { hide: true, querystring: History } }, async (request) => {
    const { metric_key: key, max_results: most, page_token: token } = request.query
    const run = await requireRun(context, request.principal, runIdOf(request.query))
    const limit = most ?? HISTORY_POINTS
    if (limit < 1 || limit > HISTORY_POINTS) {
      throw new SweepError('invalid-request', `max_results: must lie between 1 and ${HISTORY_POINTS}`)
    }
    const from = token ? decodeCursor(token, z.int().min(0)) : 0
    const { steps, times, values } = await readRunSeries(database, run.key, key)
    const page = values.slice(from, from + limit).map((value, index) => {
      const place = from + index
      return mlflowMetric(key, value, steps[place] ?? 0, times[place] ?? 0)
    })
    const next = from + page.length
    return { metrics: page, ...(next < values.length ? { next_page_token: encodeCursor(next) } : {}) }
  })
}
