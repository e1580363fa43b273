import type { HealthFinding, HealthPolicy } from '@sweep/spec/health'
import { judgeRun } from './judge-run.ts'
import { type MetricRole, metricRole, type Objective } from './metric-role.ts'
import { ThinnedSeries } from './thinned-series.ts'

/** Series of one run that are kept; a run with a loss for each of 1,000 layers is judged by the first ones. */
const MOST_SERIES = 40

export interface RunAims {
  readonly objective?: Objective | undefined
  readonly policy?: HealthPolicy | undefined
  readonly memoryLimitBytes?: number | undefined
}

interface Watched {
  readonly name: string
  readonly role: MetricRole
  readonly points: ThinnedSeries
  isNewAttempt: boolean
}

/**
 * What is kept of a run while it is watched: its points as they come, thinned out, so that a look costs the same after
 * a day as after a minute.
 */
export class RunWatch {
  readonly #aims: RunAims
  readonly #series = new Map<string, Watched>()

  constructor(aims: RunAims) {
    this.#aims = aims
  }

  /** Takes a point of any metric; those that no rule looks at are left out. Points of a metric come in their order. */
  take(name: string, step: number, at: number, value: number): void {
    const watched = this.#series.get(name) ?? this.#added(name)
    if (watched === undefined) return
    if (watched.isNewAttempt) {
      watched.isNewAttempt = false
      // Samples of the machine are numbered by attempt; nothing of them is repeated.
      if (!name.startsWith('system/')) watched.points.cutFrom(step)
    }
    watched.points.add(step, at, value)
  }

  /** What comes now is of a further attempt, which begins anew or goes on from a checkpoint. */
  nextAttempt(): void {
    for (const watched of this.#series.values()) watched.isNewAttempt = true
  }

  findings(): HealthFinding[] {
    const series = [...this.#series.values()].map(({ name, role, points }) => ({
      name,
      role,
      steps: points.steps,
      times: points.times,
      values: points.values,
    }))
    const { memoryLimitBytes, policy } = this.#aims
    return judgeRun({ series, memoryLimitBytes }, policy)
  }

  #added(name: string): Watched | undefined {
    const role = this.#series.size < MOST_SERIES ? metricRole(name, this.#aims.objective) : undefined
    if (role === undefined) return undefined
    const watched = { name, role, points: new ThinnedSeries(), isNewAttempt: false }
    this.#series.set(name, watched)
    return watched
  }
}
