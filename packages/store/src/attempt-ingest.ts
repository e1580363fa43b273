import type { AttemptId } from '@sweep/spec/ids'
import { encodeMetric } from '@sweep/spec/number'
import { isFeasible, type SideMetric } from '@sweep/spec/objectives'
import type { AttemptReport, AttemptStatus, Point } from '@sweep/spec/wire/agent-protocol'
import { type EndedAttempts, LIVE_COLUMNS, type LiveAttempt } from './end-attempts.ts'
import { plainText } from './json-text.ts'
import type { LogPiece } from './logs.ts'
import { lossOf } from './loss.ts'
import type { Compaction, MetricBatch } from './metrics.ts'
import { encodeLines, type Line } from './points-codec.ts'
import {
  parseSideValues,
  type SideValues,
  sideValueOf,
  spelledSideValues,
  valuesOf,
  withReport,
} from './side-values.ts'
import type { SweepChange } from './sweep-change.ts'
import type { LoggedRequest, NewRequests } from './tracking/logged-requests.ts'

/** Names of metrics that one attempt may use; values of further ones are counted and dropped. */
export const NAMES_PER_ATTEMPT = 2000

const BATCHES_UNTIL_COMPACTED = 256

/** What taking a report needs to know of its attempt. */
export interface ReportingAttempt extends LiveAttempt {
  readonly metrics_offset: number
  readonly output_offset: number
  readonly log_offset: number
  readonly reports: number
  readonly last_step: number | null
  readonly batches: number
  readonly points: number
  readonly name_ids: number[]
  /** Those that the program sends itself. */
  readonly direct_ids: number[]
  readonly dropped_points: number
  readonly samples: number
  readonly last_sample_at: number | null
  readonly last_value: number | null
  readonly trial_last_step: number | null
  readonly best_value: number | null
  readonly best_step: number | null
}

export const REPORTING_COLUMNS = `${LIVE_COLUMNS}, a.metrics_offset, a.output_offset, a.log_offset, a.reports,
  a.last_step, a.batches, a.points, a.name_ids, a.direct_ids, a.dropped_points, a.samples, a.last_sample_at, t.last_value,
  t.last_step as trial_last_step, t.best_value, t.best_step`

/**
 * Points that the attempt's program has sent itself, rather than written to a file that its agent follows. They are
 * MLflow's, whose clients say step 0 where the program names none.
 */
export interface DirectPoints {
  readonly points: readonly Point[]
  /** See tracking/logged-requests.ts. */
  readonly fingerprint: Buffer
}

/** What is taken of an attempt: from its agent, or from its program. */
export type TakenReport = AttemptReport & { readonly direct?: readonly DirectPoints[] }

/** One report of one attempt being taken: gathers facts and the rows to store. */
export class IngestedAttempt {
  hasEnded = false
  readonly #change: SweepChange
  readonly #row: ReportingAttempt
  readonly #report: TakenReport
  readonly #lines: Line[] = []
  readonly #names: Set<number>
  readonly #direct: Set<number>
  readonly #offsets: { metrics: number; output: number; log: number }
  #logPiece: LogPiece | undefined
  #reports: number
  #lastStep: number | null
  #points: number
  #dropped: number
  #samples: number
  #lastSampleAt: number | null
  #sideValues: SideValues
  #hasSideReports = false
  #trial: Pick<
    ReportingAttempt,
    'trial_reports' | 'finite_reports' | 'last_value' | 'trial_last_step' | 'best_value' | 'best_step' | 'value'
  >

  constructor(change: SweepChange, row: ReportingAttempt, report: TakenReport) {
    this.#change = change
    this.#row = row
    this.#report = report
    this.#names = new Set(row.name_ids)
    this.#direct = new Set(row.direct_ids)
    this.#offsets = { metrics: row.metrics_offset, output: row.output_offset, log: row.log_offset }
    this.#reports = row.reports
    this.#lastStep = row.last_step
    this.#points = row.points
    this.#dropped = row.dropped_points
    this.#samples = row.samples
    this.#lastSampleAt = row.last_sample_at
    this.#sideValues = parseSideValues(row.side_values)
    this.#trial = row
  }

  /** Names in the report that have no id yet as far as this process knows, no more than the attempt may still use. */
  unknownNames(known: ReadonlyMap<string, number>): string[] {
    const room = Math.max(0, NAMES_PER_ATTEMPT - this.#names.size)
    const unknown = new Set<string>()
    for (const name of this.#namesUsed()) {
      if (unknown.size >= room) break
      if (!known.has(name)) unknown.add(name)
    }
    return [...unknown]
  }

  *#namesUsed(): Generator<string> {
    for (const batch of [...this.#report.batches, ...(this.#report.direct ?? [])]) {
      for (const point of batch.points) {
        for (const name of Object.keys(point.values)) yield plainText(name)
      }
    }
    for (const sample of this.#report.samples) {
      for (const key of Object.keys(sample.values)) yield systemName(key)
    }
  }

  /** Ids that have to be named should the attempt end without the metric; this process may not have met them. */
  idsToName(): readonly number[] {
    return this.#report.ended !== undefined && this.#lacksMetric ? this.#row.name_ids : []
  }

  get #lacksMetric(): boolean {
    if (this.#change.sweep.metric_name === null) return false
    const beside = [...this.#change.sideMetrics.keys()]
    return this.#trial.trial_reports === 0 || beside.some((name) => sideValueOf(this.#sideValues, name).reports === 0)
  }

  /** What its program has sent itself, to be noted before `take`. */
  requests(): LoggedRequest[] {
    return (this.#report.direct ?? []).map((direct) => this.#requestOf(direct))
  }

  #requestOf({ fingerprint }: DirectPoints): LoggedRequest {
    return { runKey: this.#row.run_key, fingerprint }
  }

  take(ids: ReadonlyMap<string, number>, ended: EndedAttempts, fresh: NewRequests): void {
    const isComplete = this.#takeBatches(ids)
    for (const direct of this.#report.direct ?? []) {
      if (fresh.take(this.#requestOf(direct))) for (const point of direct.points) this.#takeDirect(point, ids)
    }
    this.#takeSamples(ids)
    this.#takeLog()
    const end = this.#report.ended
    // With a gap before it the end has come too early: the agent goes on from the offsets it is told, and ends again.
    if (end === undefined || !isComplete) return
    const { trial_reports, finite_reports, value } = this.#trial
    const attempt = { ...this.#row, trial_reports, finite_reports, value, side_values: this.#sideValues }
    ended.end(attempt, end, this.#lacksMetric ? namesSeen(ids, this.#names) : [])
    this.hasEnded = true
  }

  /**
   * Takes the batches that begin where the server stands; false when something is still to come before the end may
   * count: one begins beyond, or reaches further than what is known of it (a report that was resent after it grew).
   */
  #takeBatches(ids: ReadonlyMap<string, number>): boolean {
    let isComplete = true
    for (const batch of this.#report.batches) {
      const stored = this.#offsets[batch.source]
      if (batch.from !== stored) {
        isComplete &&= batch.to <= stored
        continue
      }
      if (batch.to < batch.from) continue
      const isPrinted = batch.source === 'output' && this.#direct.size > 0
      for (const point of batch.points) {
        if (isPrinted) this.#takePrinted(point, ids)
        else this.#takePoint(point, ids)
      }
      this.#offsets[batch.source] = batch.to
    }
    return isComplete
  }

  /** What a program sends itself it prints only for people. */
  #takePrinted(point: Point, ids: ReadonlyMap<string, number>): void {
    const isDirect = (name: string) => this.#direct.has(ids.get(plainText(name)) ?? -1)
    const values = Object.entries(point.values).filter(([name]) => !isDirect(name))
    if (values.length > 0) this.#takePoint({ ...point, values: Object.fromEntries(values) }, ids)
  }

  #takeDirect(point: Point, ids: ReadonlyMap<string, number>): void {
    const metric = this.#change.sweep.metric_name
    const before = this.#lastStep ?? 0
    // The metric again at step 0 is the next report, or no pruner would ever see the trial get on.
    const isNext = point.step === 0 && this.#reports > 0 && metric !== null && Object.hasOwn(point.values, metric)
    const { step: _, ...unnumbered } = point
    this.#takePoint(isNext ? unnumbered : point, ids)
    for (const name of Object.keys(point.values)) {
      const id = ids.get(plainText(name))
      if (id !== undefined && this.#names.has(id)) this.#direct.add(id)
    }
    if (point.step === 0) this.#lastStep = Math.max(before, this.#lastStep ?? 0)
  }

  #takePoint(point: Point, ids: ReadonlyMap<string, number>): void {
    const step = point.step ?? (this.#lastStep ?? 0) + 1
    this.#lastStep = step
    const { sweep, sideMetrics } = this.#change
    const values: { nameId: number; value: number }[] = []
    let objective: number | undefined
    for (const [name, value] of Object.entries(point.values)) {
      const beside = sideMetrics.get(name)
      if (beside !== undefined) this.#takeSideMetric(step, value, beside)
      if (name === sweep.metric_name) objective = value
      const nameId = this.#nameId(plainText(name), ids)
      if (nameId !== undefined) values.push({ nameId, value })
    }
    // Whoever judges the report is to know what the same line says beside it.
    if (objective !== undefined) this.#takeMetric(step, objective)
    this.#addLine({ step, at: Math.round(point.at), values })
  }

  #takeSideMetric(step: number, value: number, metric: SideMetric): void {
    const { trial, number: attempt } = this.#row
    const { name } = metric
    this.#change.fact({ kind: 'side-report', trial, attempt, step, name, value })
    const known = sideValueOf(this.#sideValues, name)
    this.#sideValues = { ...this.#sideValues, [name]: withReport(known, value, metric) }
    this.#hasSideReports = true
  }

  #takeMetric(step: number, value: number): void {
    const { trial, number: attempt } = this.#row
    const { metric_goal: goal, metric_summary: summary } = this.#change.sweep
    this.#reports += 1
    this.#change.fact({ kind: 'report', trial, attempt, step, ordinal: this.#reports, value })
    const before = this.#trial
    const loss = lossOf(goal, value)
    const bestLoss = lossOf(goal, before.best_value)
    const isBetter = loss !== null && (bestLoss === null || loss < bestLoss)
    const best = isBetter ? value : before.best_value
    const finite = before.finite_reports + (Number.isFinite(value) ? 1 : 0)
    this.#trial = {
      trial_reports: before.trial_reports + 1,
      finite_reports: finite,
      last_value: value,
      trial_last_step: step,
      best_value: best,
      best_step: isBetter ? step : before.best_step,
      value: summary === 'last' && finite > 0 ? value : best,
    }
  }

  #takeSamples(ids: ReadonlyMap<string, number>): void {
    for (const sample of this.#report.samples) {
      // Samples have no offset: what is not newer than the newest has come before.
      if (this.#lastSampleAt !== null && sample.at <= this.#lastSampleAt) continue
      this.#lastSampleAt = sample.at
      this.#samples += 1
      const values: { nameId: number; value: number }[] = []
      for (const [key, value] of Object.entries(sample.values)) {
        const nameId = this.#nameId(systemName(key), ids)
        if (nameId !== undefined) values.push({ nameId, value })
      }
      this.#addLine({ step: this.#samples, at: Math.round(sample.at), values })
    }
  }

  #nameId(name: string, ids: ReadonlyMap<string, number>): number | undefined {
    const id = ids.get(name)
    if (id !== undefined && this.#names.has(id)) return id
    if (id === undefined || this.#names.size >= NAMES_PER_ATTEMPT) {
      this.#dropped += 1
      return undefined
    }
    this.#names.add(id)
    return id
  }

  #addLine(line: Line): void {
    if (line.values.length === 0) return
    this.#lines.push(line)
    this.#points += line.values.length
  }

  #takeLog(): void {
    const log = this.#report.log
    if (log === undefined || log.offset < this.#offsets.log) return
    const text = plainText(log.text)
    const stop = log.to ?? log.offset + Buffer.byteLength(log.text)
    if (stop <= log.offset) return
    this.#logPiece = { attemptKey: this.#row.key, start: log.offset, stop, text }
    this.#offsets.log = stop
  }

  get #hasNewNames(): boolean {
    return this.#names.size > this.#row.name_ids.length
  }

  /** Its id and what its row is to hold. */
  attemptRow(): [AttemptId, unknown][] {
    const row = this.#row
    const { metrics, output, log } = this.#offsets
    const { note, started } = this.#report
    const isSame =
      note === undefined &&
      started === undefined &&
      metrics === row.metrics_offset &&
      output === row.output_offset &&
      log === row.log_offset &&
      this.#samples === row.samples &&
      this.#reports === row.reports
    if (isSame && this.#lines.length === 0) return []
    return [
      [
        row.id,
        {
          metrics_offset: metrics,
          output_offset: output,
          log_offset: log,
          reports: this.#reports,
          last_step: this.#lastStep,
          batches: row.batches + (this.#lines.length > 0 ? 1 : 0),
          points: this.#points,
          name_ids: this.#hasNewNames ? [...this.#names] : undefined,
          direct_ids: this.#direct.size > row.direct_ids.length ? [...this.#direct] : undefined,
          dropped_points: this.#dropped,
          samples: this.#samples,
          last_sample_at: this.#lastSampleAt,
          argv: started?.argv,
          environment: started?.environment,
          run_dir: started?.runDir,
          slots: started?.slots,
          note: note === undefined ? undefined : plainText(note),
        },
      ],
    ]
  }

  /** Also tells the sweep when this trial is its best. */
  trialRow(): { number: number }[] {
    const { trial } = this.#row
    const after = this.#trial
    const { checkpoint } = this.#report
    const { aims, sideMetrics, sweep } = this.#change
    const isSame = after.trial_reports === this.#row.trial_reports && !this.#hasSideReports
    if (isSame && checkpoint === undefined) return []
    const loss = lossOf(sweep.metric_goal, after.value)
    const values = valuesOf(aims, after.value, this.#sideValues)
    const feasible = aims.constraints === undefined || isFeasible(aims.constraints, values ?? {})
    if (loss !== null && after.value !== null && feasible) this.#change.offerBest(trial, after.value, loss)
    const row = {
      number: trial,
      reports: after.trial_reports,
      finite_reports: after.finite_reports,
      last_value: spelled(after.last_value),
      last_step: after.trial_last_step,
      best_value: after.best_value,
      best_step: after.best_step,
      value: spelled(after.value),
      loss,
      side_values: sideMetrics.size === 0 ? null : spelledSideValues(this.#sideValues),
      infeasible: !feasible,
      checkpoint,
    }
    return [row]
  }

  batch(): MetricBatch[] {
    if (this.#lines.length === 0) return []
    return [{ attemptKey: this.#row.key, batch: this.#row.batches, points: encodeLines(this.#lines) }]
  }

  /** Now and then a running attempt is packed too, so that reading a series of a long one stays cheap. */
  compactions(): Compaction[] {
    const isDue = this.#lines.length > 0 && (this.#row.batches + 1) % BATCHES_UNTIL_COMPACTED === 0
    return isDue ? [{ attemptKey: this.#row.key, runKey: this.#row.run_key }] : []
  }

  log(): LogPiece[] {
    return this.#logPiece === undefined ? [] : [this.#logPiece]
  }

  status(): Omit<AttemptStatus, 'stop'> {
    return { attemptId: this.#row.id, status: 'ok', offsets: { ...this.#offsets } }
  }
}

function systemName(key: string): string {
  return `system/${plainText(key)}`
}

function spelled(value: number | null): number | string | null {
  return value === null ? null : encodeMetric(value)
}

/** Names by id; only wanted when an attempt ends without the metric, so the map is turned around only then. */
function namesSeen(ids: ReadonlyMap<string, number>, used: ReadonlySet<number>): string[] {
  return [...ids].flatMap(([name, id]) => (used.has(id) ? [name] : []))
}
