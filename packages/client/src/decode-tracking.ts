import type { MetricHistory, MetricSummaries, MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import type { ModelVersionView } from '@sweep/spec/wire/tracking/models'

/** As in decode.ts: NaN and infinities travel as strings. */
const value = (wire: number | string): number => Number(wire)
const valueOrNull = (wire: number | string | null): number | null => (wire === null ? null : Number(wire))

export function decodeSummaries(reply: unknown): MetricSummaries {
  const summaries = reply as MetricSummaries
  const metrics = summaries.metrics.map((metric) => ({
    ...metric,
    last: value(metric.last),
    min: valueOrNull(metric.min),
    max: valueOrNull(metric.max),
  }))
  return { ...summaries, metrics }
}

export function decodeHistory(reply: unknown): MetricHistory {
  const { min, max, ...history } = reply as MetricHistory
  return {
    ...history,
    values: history.values.map(value),
    ...(min === undefined ? {} : { min: min.map(valueOrNull) }),
    ...(max === undefined ? {} : { max: max.map(valueOrNull) }),
  }
}

export function decodeModelVersion(reply: unknown): ModelVersionView {
  const version = reply as ModelVersionView
  const entries = Object.entries(version.origin.metrics).map(([name, { last, min, max, ...rest }]) => [
    name,
    { ...rest, last: value(last), min: valueOrNull(min), max: valueOrNull(max) },
  ])
  return { ...version, origin: { ...version.origin, metrics: Object.fromEntries(entries) } }
}

/** JSON would make null of a NaN. */
export function encodeBatch({ points, ...batch }: MetricsBatch): unknown {
  return { ...batch, points: points.map((point) => ({ ...point, values: spelled(point.values) })) }
}

function spelled(values: MetricsBatch['points'][number]['values']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, one]) => [name, Number.isFinite(one) ? one : String(one)]),
  )
}
