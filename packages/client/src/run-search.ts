import type { Chart, ChartRequest } from '@sweep/spec/wire/tracking/charts'
import type { ExperimentSummary, RunAggregate, RunComparison } from '@sweep/spec/wire/tracking/compare'
import type { MetricValues, RunList } from '@sweep/spec/wire/tracking/runs'
import type { SearchRuns } from '@sweep/spec/wire/tracking/search'
import type { Http } from './http.ts'

export interface JudgedOptions {
  /** Name of a metric, beside or instead of what the experiments of the runs are judged by. */
  readonly metric?: string | undefined
  readonly goal?: 'minimize' | 'maximize' | undefined
  /** By the best value that a run ever had (the default), or by its newest. */
  readonly by?: 'best' | 'last' | undefined
}

/** Finding, comparing and charting runs. docs/tracking/search.md has the languages of filters, orders and columns. */
export interface RunSearches {
  /** Newest first without an order; at most 1,000 a page. */
  search(request?: SearchRuns): Promise<RunList>
  /** In the order of the ids. */
  compare(runIds: readonly string[], options?: JudgedOptions): Promise<RunComparison>
  /** One metric over several runs, by at most `buckets` buckets of steps. */
  aggregate(runIds: readonly string[], metric: string, options?: { buckets?: number }): Promise<RunAggregate>
  /** What the runs of an experiment, or the trials of a sweep, have come to. */
  summary(experimentId: string, options?: JudgedOptions & { baseline?: string | undefined }): Promise<ExperimentSummary>
  chart(request: ChartRequest): Promise<Chart>
}

export function createRunSearches(http: Http): RunSearches {
  const post = (path: string, body: unknown) => http.json({ method: 'POST', path, body })
  return {
    search: async (request = {}) => decodeRunList(await post('/runs/search', request)),
    compare: async (runIds, options = {}) =>
      decodeComparison(await http.json({ path: '/runs/compare', query: { ids: runIds.join(','), ...options } })),
    aggregate: async (runIds, metric, options = {}) => {
      const query = { ids: runIds.join(','), metric, ...options }
      return (await http.json({ path: '/runs/aggregate', query })) as RunAggregate
    },
    summary: async (experimentId, options = {}) => {
      const path = `/experiments/${encodeURIComponent(experimentId)}/summary`
      return decodeSummary(await http.json({ path, query: { ...options } }))
    },
    chart: async (request) => decodeChart(await post('/runs/chart', request)),
  }
}

/** As in decode.ts: NaN and infinities travel as strings. */
const value = (wire: number | string): number => Number(wire)
const valueOrNull = (wire: number | string | null): number | null => (wire === null ? null : Number(wire))

function decodeValues({ last, lastStep, min, max }: MetricValues): MetricValues {
  return { last: value(last), lastStep, min: valueOrNull(min), max: valueOrNull(max) }
}

export function decodeRunList(reply: unknown): RunList {
  const list = reply as RunList
  const runs = list.runs.map((run) => {
    if (run.metrics === undefined) return run
    const metrics = Object.entries(run.metrics).map(([name, values]) => [name, decodeValues(values)] as const)
    return { ...run, metrics: Object.fromEntries(metrics) }
  })
  return { ...list, runs }
}

function decodeComparison(reply: unknown): RunComparison {
  const comparison = reply as RunComparison
  const metrics = comparison.metrics.map((metric) => {
    return { ...metric, values: metric.values.map((values) => (values === null ? null : decodeValues(values))) }
  })
  return { ...comparison, metrics }
}

function decodeSummary(reply: unknown): ExperimentSummary {
  const summary = reply as ExperimentSummary
  const { improvement } = summary
  if (improvement === null || improvement.comparison === null) return summary
  const comparison = { ...improvement.comparison, statistic: value(improvement.comparison.statistic) }
  return { ...summary, improvement: { ...improvement, comparison } }
}

function decodeChart(reply: unknown): Chart {
  const chart = reply as Chart
  if (chart.kind !== 'line') return chart
  const lines = chart.lines.map(({ values, min, max, ...line }) => ({
    ...line,
    values: values.map(value),
    ...(min === undefined ? {} : { min: min.map(valueOrNull) }),
    ...(max === undefined ? {} : { max: max.map(valueOrNull) }),
  }))
  return { ...chart, lines }
}
