import { emptyMetrics, type Metrics, TIME_BUCKETS } from '@sweep/monitoring/registry'
import { Counter, Gauge, Histogram } from 'prom-client'
import { KINDS, type Resource } from './resource.ts'

/** What the operator counts of its own work. */
export class OperatorMonitoring {
  readonly #looks: Counter<'result'>
  readonly #seconds: Histogram

  constructor(resources: () => Iterable<Resource>, metrics: Metrics = emptyMetrics()) {
    const registers = [metrics]
    new Gauge({
      name: 'sweep_operator_resources',
      help: 'Resources Sweep and Experiment, by phase.',
      labelNames: ['kind', 'phase'],
      registers,
      collect(): void {
        this.reset()
        for (const kind of KINDS) this.set({ kind, phase: 'Pending' }, 0)
        for (const { kind, status } of resources()) this.inc({ kind, phase: status.phase ?? 'Pending' })
      },
    })
    this.#looks = new Counter({
      name: 'sweep_operator_looks',
      help: 'Looks at a resource, by whether they came to their end.',
      labelNames: ['result'],
      registers,
    })
    for (const result of ['done', 'failed']) this.#looks.inc({ result }, 0)
    this.#seconds = new Histogram({
      name: 'sweep_operator_look_seconds',
      help: 'How long a look at a resource took.',
      buckets: TIME_BUCKETS,
      registers,
    })
  }

  looked(result: 'done' | 'failed', seconds: number): void {
    this.#looks.inc({ result })
    this.#seconds.observe(seconds)
  }
}
