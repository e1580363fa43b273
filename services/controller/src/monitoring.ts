import { emptyMetrics, type Metrics, TIME_BUCKETS } from '@sweep/monitoring/registry'
import { Counter, Gauge, Histogram } from 'prom-client'

/** What the controller counts of its own work. */
export class ControllerMonitoring {
  /** Sweeps that this controller owns. */
  readonly sweeps: Gauge
  readonly factsFolded: Counter
  readonly #suggestion: Histogram<'method'>
  readonly #decision: Histogram

  constructor(metrics: Metrics = emptyMetrics()) {
    const registers = [metrics]
    this.sweeps = new Gauge({ name: 'sweep_controller_sweeps', help: 'Sweeps owned by this controller.', registers })
    this.factsFolded = new Counter({ name: 'sweep_facts_folded', help: 'Facts folded.', registers })
    this.#suggestion = new Histogram({
      name: 'sweep_suggestion_seconds',
      help: 'Time in which a sampler chose the config of one trial.',
      labelNames: ['method'],
      buckets: TIME_BUCKETS,
      registers,
    })
    this.#decision = new Histogram({
      name: 'sweep_decision_seconds',
      help: 'From the moment a report was stored to the moment that the decision on it was.',
      buckets: TIME_BUCKETS,
      registers,
    })
  }

  /** @param seconds for all of them together */
  suggested(method: string, count: number, seconds: number): void {
    for (let i = 0; i < count; i += 1) this.#suggestion.observe({ method }, seconds / count)
  }

  /** Clocks of two hosts may differ by more than this takes, so it never counts as less than nothing. */
  decided(seconds: number): void {
    this.#decision.observe(Math.max(0, seconds))
  }
}
