import { aggregateCurves } from '@sweep/analysis/runs/aggregate-curves'
import { compareRuns } from '@sweep/analysis/runs/compare-runs'
import { experimentSummary } from '@sweep/analysis/runs/experiment-summary'
import type { Goal, RunData } from '@sweep/analysis/runs/run-data'
import { SweepError } from '@sweep/spec/errors'
import { ExperimentId, type RunId } from '@sweep/spec/ids'
import {
  AggregateQuery,
  CompareQuery,
  ExperimentSummary,
  RunAggregate,
  RunComparison,
  SummaryQuery,
} from '@sweep/spec/wire/tracking/compare'
import type { Database } from '@sweep/store/database'
import { type FoundRun, searchRuns } from '@sweep/store/run-search/search-runs'
import { type ExperimentRecord, getExperiment } from '@sweep/store/tracking/experiments'
import { runMetrics } from '@sweep/store/tracking/run-metrics'
import { type RunSeries, readRunSeries } from '@sweep/store/tracking/run-series'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { runData, runsToAnalyse } from './run-search.ts'

/** Of an experiment, the newest: reading them takes a second. */
const MOST_SUMMARISED = 10_000
/** Of all runs together; more would take hundreds of megabytes of memory. */
const MOST_POINTS = 2_000_000

export function addCompareRoutes(app: App, { database }: ApiContext): void {
  app.get(
    '/runs/compare',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Runs side by side: params that differ first, metrics with the best marked',
        querystring: CompareQuery,
        response: { 200: RunComparison },
      },
    },
    async (request): Promise<RunComparison> => {
      const { ids, metric, goal, by } = request.query
      const runs = await namedRuns(database, ids)
      const goals = await goalsOf(database, runs)
      if (metric !== undefined) goals.set(metric, goal ?? goals.get(metric) ?? 'minimize')
      const data = await Promise.all(runs.map((run) => withFreshMetrics(database, run)))
      const { params, metrics } = compareRuns(data, Object.fromEntries(goals), by)
      return {
        runs: runs.map(({ id, name, experiment, group, status }) => ({ id, name, experiment, group, status })),
        params: params.map((param) => ({ ...param, values: param.values.map((value) => value && [value[0]]) })),
        metrics: metrics.map(({ values, best, ...rest }) => ({
          ...rest,
          values: values as RunComparison['metrics'][number]['values'],
          best: [...best],
        })),
      }
    },
  )

  app.get(
    '/runs/aggregate',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'One metric over several runs, by buckets of steps',
        querystring: AggregateQuery,
        response: { 200: RunAggregate },
      },
    },
    async (request): Promise<RunAggregate> => {
      const { ids, metric, buckets: most } = request.query
      const runs = await namedRuns(database, ids)
      const curves = await curvesOf(database, runs, metric)
      const { bucketSteps, buckets } = aggregateCurves(curves, most)
      return { metric, runs: curves.length, bucketSteps, buckets: [...buckets] }
    },
  )

  app.get(
    '/experiments/:id/summary',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What the runs of an experiment have come to, and how much better the best is than a baseline',
        params: z.strictObject({ id: ExperimentId }),
        querystring: SummaryQuery,
        response: { 200: ExperimentSummary },
      },
    },
    async (request): Promise<ExperimentSummary> => {
      const experiment = await getExperiment(database, request.params.id)
      const { by, baseline } = request.query
      const metric = judgingMetric(experiment, request.query)
      const names = [metric.name]
      const [{ runs, isAll }, base] = await Promise.all([
        runsToAnalyse(database, { experimentId: experiment.id, metrics: names, archived: 'include' }, MOST_SUMMARISED),
        baseline === undefined ? undefined : namedRuns(database, [baseline], names),
      ])
      const { improvement, ...summary } = experimentSummary(runs.map(runData), {
        metric: metric.name,
        goal: metric.goal,
        by,
        ...(base?.[0] === undefined ? {} : { baseline: runData(base[0]) }),
      })
      return {
        metric,
        by,
        isAll,
        ...summary,
        improvement: improvement && improvementView(improvement),
      } as ExperimentSummary
    },
  )
}

type Improvement = NonNullable<ReturnType<typeof experimentSummary>['improvement']>

function improvementView({ comparison, doubts, ...rest }: Improvement) {
  if (comparison === null) return { ...rest, comparison, doubts: [...doubts] }
  const { test, statistic, p, effect, difference, interval, counts } = comparison
  return { ...rest, comparison: { test, statistic, p, effect, difference, interval, counts }, doubts: [...doubts] }
}

/** Runs in the order of their ids, deleted ones too. Throws `not-found` for those that are not there. */
async function namedRuns(
  database: Database,
  ids: readonly RunId[],
  metrics: readonly string[] = [],
): Promise<FoundRun[]> {
  const { runs } = await searchRuns(database, {
    filter: { kind: 'in', field: { kind: 'attribute', name: 'id' }, negated: false, values: ids },
    metrics,
    deleted: 'include',
    archived: 'include',
    limit: ids.length,
  })
  const byId = new Map(runs.map((run) => [run.id, run]))
  const missing = ids.filter((id) => !byId.has(id))
  if (missing.length > 0) throw new SweepError('not-found', `there is no run ${missing.join(', ')}`)
  return ids.map((id) => byId.get(id)!)
}

/** Of the runs that have the metric, one after the other. Throws `too-large` where they have too many points. */
async function curvesOf(
  database: Database,
  runs: readonly FoundRun[],
  metric: string,
): Promise<Pick<RunSeries, 'steps' | 'values'>[]> {
  const curves: Pick<RunSeries, 'steps' | 'values'>[] = []
  let points = 0
  for (const { key } of runs) {
    const { steps, values } = await readRunSeries(database, key, metric)
    points += steps.length
    if (points > MOST_POINTS) {
      throw new SweepError('too-large', `the runs have more than ${MOST_POINTS} points of ${metric} together`, {
        hint: 'Take fewer runs at a time.',
      })
    }
    if (steps.length > 0) curves.push({ steps, values })
  }
  return curves
}

/** Up to the last report, also of a trial that runs. */
async function withFreshMetrics(database: Database, run: FoundRun): Promise<RunData> {
  const metrics = await runMetrics(database, run.key)
  const values = metrics.map(({ name, last, lastStep, min, max }) => [name, { last, lastStep, min, max }] as const)
  return { ...runData(run), metrics: Object.fromEntries(values) }
}

/** What the experiments of the runs are judged by. */
async function goalsOf(database: Database, runs: readonly FoundRun[]): Promise<Map<string, Goal>> {
  const ids = [...new Set(runs.map((run) => run.experimentId))]
  const experiments = await Promise.all(ids.map((id) => getExperiment(database, id)))
  return new Map(experiments.flatMap(({ metric }) => (metric === null ? [] : [[metric.name, metric.goal] as const])))
}

/** @throws SweepError `invalid-request` where neither the request nor the experiment names one */
function judgingMetric(
  { metric: own }: ExperimentRecord,
  { metric, goal }: z.output<typeof SummaryQuery>,
): { name: string; goal: Goal } {
  const name = metric ?? own?.name
  if (name === undefined) {
    throw new SweepError('invalid-request', 'the experiment names no metric to judge its runs by', {
      hint: 'Name one with metric= and goal=, or set the metric of the experiment.',
    })
  }
  return { name, goal: goal ?? (name === own?.name ? own.goal : 'minimize') }
}
