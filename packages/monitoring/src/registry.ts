import { collectDefaultMetrics, type OpenMetricsContentType, Registry } from 'prom-client'

/** What a service counts, in OpenMetrics' words. Each process has one; standalone's services share theirs. */
export type Metrics = Registry<OpenMetricsContentType>

/**
 * Upper bounds of histograms of times, in seconds: from the fraction of a millisecond that a suggestion takes to the
 * half minute after which a lease runs out.
 */
export const TIME_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** A registry with nothing in it: for tests, and for what nobody scrapes. */
export function emptyMetrics(): Metrics {
  const metrics = new Registry<OpenMetricsContentType>()
  metrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  return metrics
}

/** A registry with the metrics of the process in it: memory, CPU, lag of the event loop. */
export function openMetrics(): Metrics {
  const metrics = emptyMetrics()
  collectDefaultMetrics({ register: metrics })
  return metrics
}
