import type {
  Leaderboard,
  LeaderboardRow,
  MetricsReply,
  SweepDetail,
  SweepList,
  SweepView,
  TrialDetail,
  TrialList,
  TrialView,
} from '@sweep/spec/wire/api'
import type { FindingView, HealthReply } from '@sweep/spec/wire/health'

/**
 * Replies hold NaN and infinities as strings; these functions make numbers of them. They stand in for the zod schemas,
 * whose loading alone would cost a short command more than its request: the server's tests hold its replies to the
 * schemas, and a field that only a newer server knows must not break an older client.
 */
type MetricText = 'NaN' | 'Infinity' | '-Infinity'

const value = (wire: number | MetricText): number => Number(wire)
const valueOrNull = (wire: number | MetricText | null): number | null => (wire === null ? null : Number(wire))

export function decodeSweep<T extends SweepView>(reply: unknown): T {
  const sweep = reply as T
  return sweep.best === null ? sweep : { ...sweep, best: { ...sweep.best, value: value(sweep.best.value) } }
}

export const decodeSweepDetail = (reply: unknown): SweepDetail => decodeSweep<SweepDetail>(reply)

export function decodeSweepList(reply: unknown): SweepList {
  const list = reply as SweepList
  return { ...list, sweeps: list.sweeps.map((sweep) => decodeSweep<SweepView>(sweep)) }
}

export function decodeTrial<T extends TrialView>(reply: unknown): T {
  const trial = reply as T
  const decoded = { ...trial, value: valueOrNull(trial.value), lastValue: valueOrNull(trial.lastValue) }
  return trial.values === undefined ? decoded : { ...decoded, values: decodeValues(trial.values) }
}

function decodeValues(values: Readonly<Record<string, number | MetricText>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, wire]) => [name, value(wire)]))
}

export function decodeTrialDetail(reply: unknown): TrialDetail {
  const trial = decodeTrial<TrialDetail>(reply)
  return trial.findings === undefined ? trial : { ...trial, findings: trial.findings.map(decodeFinding) }
}

export function decodeHealth(reply: unknown): HealthReply {
  const health = reply as HealthReply
  return { ...health, findings: health.findings.map(decodeFinding) }
}

function decodeFinding(finding: FindingView): FindingView {
  return { ...finding, evidence: decodeValues(finding.evidence) }
}

export function decodeTrialList(reply: unknown): TrialList {
  const list = reply as TrialList
  return { ...list, trials: list.trials.map((trial) => decodeTrial<TrialView>(trial)) }
}

export function decodeLeaderboard(reply: unknown): Leaderboard {
  const board = reply as Leaderboard
  return { ...board, rows: board.rows.map((row) => decodeTrial<LeaderboardRow>(row)) }
}

export function decodeMetrics(reply: unknown): MetricsReply {
  const metrics = reply as MetricsReply
  return { ...metrics, series: metrics.series.map((one) => ({ ...one, values: one.values.map(value) })) }
}
