import { CAUSE_POLICY, type Cause } from './attempt.ts'
import { didYouMeanHint } from './did-you-mean.ts'
import type { Retry } from './document/sweep-document.ts'
import type { SweepState } from './sweep-state.ts'
import type { TrialEvent } from './trial.ts'

/** A metric that a trial must report, and what it has: values over all its attempts, and how many were finite. */
export interface MetricSeen {
  readonly name: string
  readonly reports: number
  readonly finiteReports: number
}

export interface AttemptEnd {
  /** What the agent saw, or `lost`. */
  readonly cause: Cause
  readonly message: string
  readonly retry: Retry
  readonly sweepState: SweepState
  /** Those that the sweep names as its objectives and in its constraints; none for a sweep without a metric. */
  readonly metrics: readonly MetricSeen[]
  /** Metrics seen, for a did-you-mean. */
  readonly namesSeen: readonly string[]
  /** Failures of the trial's attempts before this one. */
  readonly userFailures: number
  readonly lostFailures: number
  /** Other hosts on which the program of the trial has failed before. */
  readonly failedOn: readonly string[]
}

export interface AfterAttempt {
  /** The cause to store; `succeeded` turns into `no-metric` or `nan`. */
  readonly cause: Cause
  readonly message: string
  /** `retry`: a further attempt is queued. Otherwise the trial ends or is paused by this event. */
  readonly event: TrialEvent
  readonly userFailures: number
  readonly lostFailures: number
  /** Why the trial goes on or ends, for people. */
  readonly reason: string
}

/** What the end of a running attempt means to its trial. */
export function afterAttempt(end: AttemptEnd): AfterAttempt {
  const { cause, message } = judged(end)
  const policy = CAUSE_POLICY[cause]
  const userFailures = end.userFailures + (policy.fault === 'user' ? 1 : 0)
  const lostFailures = end.lostFailures + (policy.fault === 'ours' ? 1 : 0)
  const after = { cause, message, userFailures, lostFailures }
  const why = message === '' ? policy.says : message
  if (policy.fault === 'none' && policy.event !== 'retry') return { ...after, event: policy.event, reason: why }

  const [failures, most] = policy.fault === 'user' ? [userFailures, end.retry.max] : [lostFailures, end.retry.lostMax]
  const isSpent = policy.fault !== 'none' && failures > most
  if (isSpent) {
    const tries = most === 0 ? '' : ` (failure ${failures}, ${most} ${most === 1 ? 'retry' : 'retries'} allowed)`
    return { ...after, event: 'fail', reason: `${why}${tries}` }
  }
  if (policy.fault === 'user' && end.failedOn.length > 0) {
    const hosts = end.failedOn.join(', ')
    return { ...after, event: 'fail', reason: `${why}; it failed on ${hosts} too, so no further host is tried` }
  }
  // A sweep that winds down starts nothing again: what failed has failed, what was only unlucky is called off.
  if (end.sweepState !== 'running' && end.sweepState !== 'paused') {
    const event = policy.fault === 'user' ? 'fail' : 'cancel'
    return { ...after, event, reason: `${why}; not tried again because the sweep is ${end.sweepState}` }
  }
  const count = policy.fault === 'none' ? '' : ` (retry ${failures} of ${most})`
  return { ...after, event: 'retry', reason: `${why}; tried again${count}` }
}

/** A program that ends well without a usable value of every metric has not succeeded at what the sweep is for. */
function judged({ cause, message, metrics, namesSeen }: AttemptEnd): { cause: Cause; message: string } {
  if (cause !== 'succeeded') return { cause, message }
  const missing = metrics.find(({ reports }) => reports === 0)
  if (missing !== undefined) return { cause: 'no-metric', message: noMetricMessage(missing.name, namesSeen) }
  const unusable = metrics.find(({ finiteReports }) => finiteReports === 0)
  if (unusable === undefined) return { cause, message }
  const { name, reports } = unusable
  return { cause: 'nan', message: `Every value of ${JSON.stringify(name)} was NaN or infinite (${reports} reported).` }
}

/** Names listed in a message; more would hide the point. */
const NAMES_SHOWN = 10

function noMetricMessage(metric: string, namesSeen: readonly string[]): string {
  const names = namesSeen.filter((name) => !name.startsWith('system/'))
  const said = `The program ended without reporting ${JSON.stringify(metric)}`
  if (names.length === 0) return `${said}, nor any other metric.`
  const shown = names.slice(0, NAMES_SHOWN).map((name) => JSON.stringify(name))
  const rest = names.length > shown.length ? ` and ${names.length - shown.length} more` : ''
  const hint = didYouMeanHint(metric, names)
  return `${said}; it reported ${shown.join(', ')}${rest}.${hint === undefined ? '' : ` ${hint}`}`
}
