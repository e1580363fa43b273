import { createHash } from 'node:crypto'
import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import type { RunId } from '@sweep/spec/ids'
import { noRun } from '@sweep/store/tracking/runs'
import type { Principal } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import { MetricsLine } from '../tracking/metrics-line.ts'
import { DirectLine } from '../trials/direct-line.ts'
import { requireRun, trialScope } from './mlflow-scope.ts'
import type { Metric } from './mlflow-values.ts'

interface TakenPoint {
  readonly step: number
  readonly at: number
  readonly values: Record<string, number>
}

/**
 * Where MLflow's metrics go: those that a trial's program logs to its trial are reports of the trial, all others points of
 * their run. Its clients don't number what they send, so a request that comes again is known by what it says: names,
 * values, times in milliseconds and steps. Of points that are alike in all of them MLflow keeps one too.
 */
export class MetricsLog {
  readonly #context: ApiContext
  readonly #runs: MetricsLine
  readonly #trials: DirectLine

  constructor(context: ApiContext) {
    this.#context = context
    this.#runs = new MetricsLine(context.database)
    this.#trials = new DirectLine(context.ingestLine, context.notifier)
  }

  /** Returns once they are stored. Throws `not-found`, `forbidden`, `conflict` for a deleted run, or `fenced`. */
  async log(principal: Principal, runId: RunId, metrics: readonly Metric[]): Promise<void> {
    if (metrics.length === 0) return
    const request = { points: pointsOf(metrics), fingerprint: fingerprintOf(metrics) }
    if (principal.kind === 'trial' && trialScope(principal)?.runId === runId) {
      await this.#trials.take(principal, request)
      return
    }
    await requireRun(this.#context, principal, runId)
    const result = await this.#runs.take({ runId, now: this.#context.clock.now(), ...request })
    switch (result.result) {
      case 'taken':
      case 'repeated':
        return
      case 'deleted':
        throw new SweepError('conflict', `run ${runId} is deleted`, { hint: 'Restore it first.' })
      case 'not-found':
        throw noRun(runId)
      case 'gap':
        throw new Error('a batch without a number can leave no gap')
      default:
        assertNever(result)
    }
  }
}

/** What was logged together at one step is one line, so that whoever judges the one metric sees the others. */
function pointsOf(metrics: readonly Metric[]): TakenPoint[] {
  const seen = new Set<string>()
  const points: TakenPoint[] = []
  for (const metric of metrics) {
    const { key, value, timestamp: at, step } = metric
    const text = textOf(metric)
    if (seen.has(text)) continue
    seen.add(text)
    const open = points.findLast((point) => point.step === step && point.at === at)
    // Not by assignment, which `__proto__` would fool.
    const named = { value, enumerable: true, configurable: true, writable: true }
    if (open !== undefined && !Object.hasOwn(open.values, key)) Object.defineProperty(open.values, key, named)
    else points.push({ step, at, values: Object.fromEntries([[key, value]]) })
  }
  return points
}

function fingerprintOf(metrics: readonly Metric[]): Buffer {
  const hash = createHash('sha256')
  for (const metric of metrics) hash.update(textOf(metric)).update('\n')
  return hash.digest().subarray(0, 16)
}

function textOf({ key, value, timestamp, step }: Metric): string {
  return JSON.stringify([key, String(value), timestamp, step])
}
