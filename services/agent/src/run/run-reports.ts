import { execFile } from 'node:child_process'
import { parseMetricsLine } from '@sweep/capture/metrics-lines'
import { StdoutLines } from '@sweep/capture/stdout-lines'
import type { Line } from '@sweep/capture/tail'
import type { RunFolder } from '@sweep/launchers/run-folder'
import type {
  Assignment,
  AttemptStatus,
  Ended,
  Sample,
  SavedCheckpoint,
  Started,
} from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import { type LogPiece, LogReader } from '../report/log-reader.ts'
import { GrowingFile, PointReader } from '../report/point-reader.ts'
import type { WireReport } from '../server/server-api.ts'

/** `started` waits this long for company, so that a trial that is over by then costs one request. */
export const STARTED_WAITS_MS = 50
/** Output without metrics is shipped this often. */
export const LOG_WAITS_MS = 200
/** Metrics found in the first output wait this long for a metrics file: a program that has one says everything there. */
const OUTPUT_WAITS_MS = 50
/** Output that has been shipped is cut out of the file in pieces of this size, where the file system can. */
const PUNCH_BYTES = 64 * 1024 * 1024
const MOST_SAMPLES = 100
const LONGEST_NOTE = 1000

export interface Times {
  /** Milliseconds since 1970. */
  readonly wall: number
  /** Milliseconds by a clock that does not jump. */
  readonly steady: number
}

export interface Sent {
  readonly report: WireReport
  readonly piece: LogPiece | undefined
  readonly samples: number
  /** Nothing is left in the files, so `ended` could go along. */
  readonly isLast: boolean
}

export interface RunReportsOptions {
  /** False for a run of an earlier agent, until the server has said what it has. */
  readonly isResumed: boolean
  readonly log: Logger
  /** The server has been told of a checkpoint. */
  readonly onCheckpoint?: (saved: SavedCheckpoint) => void
}

/** What one run has to say: reads its files from where the server's knowledge ends, and puts reports together. */
export class RunReports {
  readonly #assignment: Assignment
  readonly #log: Logger
  readonly #folder: RunFolder
  readonly #metricsFile: GrowingFile
  readonly #outputFile: GrowingFile
  readonly #metrics: PointReader
  readonly #output: PointReader
  readonly #stdout: StdoutLines
  readonly #logs: LogReader
  #note = ''
  #noteTold = ''
  #started: Started | undefined
  #ended: Ended | undefined
  #isCut = false
  readonly #onCheckpoint: ((saved: SavedCheckpoint) => void) | undefined
  #checkpointTold: SavedCheckpoint | undefined
  #samples: Sample[] = []
  #startedAtMs = 0
  #logSentAtMs = Number.NEGATIVE_INFINITY
  #outputHeldSince: number | undefined
  #badLines = 0
  #punched = 0
  /** False for an adopted run until the server has said what it has. */
  #isResumed: boolean

  constructor(assignment: Assignment, folder: RunFolder, options: RunReportsOptions) {
    this.#onCheckpoint = options.onCheckpoint
    this.#assignment = assignment
    this.#log = options.log
    this.#folder = folder
    this.#isResumed = options.isResumed
    this.#metricsFile = new GrowingFile(folder.metrics)
    this.#outputFile = new GrowingFile(folder.output)
    this.#stdout = new StdoutLines(assignment.capture, (message) =>
      this.#log.warn({ attemptId: assignment.attemptId }, message),
    )
    this.#metrics = new PointReader('metrics', this.#metricsFile, (lines) =>
      lines.map((line) => this.#parseMetrics(line)),
    )
    this.#output = new PointReader('output', this.#outputFile, (lines) =>
      this.#stdout.parse(lines.map((line) => line.text)),
    )
    this.#logs = new LogReader(this.#outputFile)
  }

  /** Whether the program writes a metrics file, as those do that use the SDK. */
  get usesMetricsFile(): boolean {
    return this.#metricsFile.size > 0
  }

  /** What the attempt waits for; empty when it does not. */
  note(text: string): void {
    this.#note = text.slice(0, LONGEST_NOTE)
  }

  started(started: Started, steadyMs: number): void {
    this.#started = started
    this.#startedAtMs = steadyMs
  }

  /** @param isCut the program may have been kept from writing the rest of its last line */
  ended(ended: Ended, isCut: boolean): void {
    this.#ended = ended
    this.#isCut = isCut
  }

  get isEnded(): boolean {
    return this.#ended !== undefined
  }

  sample(sample: Sample): void {
    if (this.#samples.length < MOST_SAMPLES) this.#samples.push(sample)
  }

  /** The next report, or when (ms from now) to ask again, or null when nothing is waiting. */
  async next(times: Times): Promise<Sent | { readonly againInMs: number } | null> {
    if (!this.#isResumed) return null
    const final = this.#ended !== undefined
    // Half a line may be half a number.
    const takesHalfLines = final && !this.#isCut
    const metrics = await this.#metrics.collect(times.wall, final)
    const output = await this.#collectOutput(times, final, takesHalfLines)
    const isLast = final && metrics.atEnd && output.atEnd
    const batches = [metrics.batch, output.batch].filter((batch) => batch !== undefined)
    const startedWaitsMs =
      this.#started === undefined ? Number.POSITIVE_INFINITY : this.#startedAtMs + STARTED_WAITS_MS - times.steady
    const logWaitsMs =
      this.#logs.waiting === 0 ? Number.POSITIVE_INFINITY : this.#logSentAtMs + LOG_WAITS_MS - times.steady
    const hasNote = this.#note !== this.#noteTold
    const isDue =
      batches.length > 0 || isLast || startedWaitsMs <= 0 || logWaitsMs <= 0 || this.#samples.length > 0 || hasNote
    const again = Math.min(startedWaitsMs, logWaitsMs, output.againInMs)
    if (!isDue) {
      if (!metrics.atEnd || !output.atEnd) return { againInMs: 0 }
      return Number.isFinite(again) ? { againInMs: Math.max(1, again) } : null
    }
    const piece = this.#logs.next(times.steady, final)
    const logIsDone = piece === undefined || piece.bytes >= this.#logs.waiting
    const sendsEnd = isLast && logIsDone
    if (
      batches.length === 0 &&
      piece === undefined &&
      this.#started === undefined &&
      this.#samples.length === 0 &&
      !hasNote &&
      !sendsEnd
    ) {
      // Output is waiting, but there was too much of it lately.
      return { againInMs: LOG_WAITS_MS }
    }
    const { attemptId, epoch } = this.#assignment
    const samples = [...this.#samples]
    const checkpoint = this.#folder.newestCheckpoint()
    const isNew = checkpoint !== undefined && checkpoint.step !== this.#checkpointTold?.step
    return {
      report: {
        attemptId,
        epoch,
        batches,
        samples,
        ...(hasNote ? { note: this.#note } : {}),
        ...(this.#started === undefined ? {} : { started: this.#started }),
        ...(piece === undefined ? {} : { log: piece.chunk }),
        ...(isNew ? { checkpoint } : {}),
        ...(sendsEnd && this.#ended !== undefined ? { ended: this.#ended } : {}),
      },
      piece,
      samples: samples.length,
      isLast: sendsEnd,
    }
  }

  /**
   * The server has answered a report. `whole`: it has all the points, and with them the end. `none`: it took nothing of
   * a file, so that sending on at once is no use. `part`: it stood elsewhere; what is missing, and the end, goes again.
   */
  accept(sent: Sent, offsets: AttemptStatus['offsets'], steadyMs: number): 'whole' | 'part' | 'none' {
    let taken: 'whole' | 'part' | 'none' = 'whole'
    if (sent.report.started === this.#started) this.#started = undefined
    this.#noteTold = sent.report.note ?? this.#noteTold
    if (sent.report.checkpoint !== undefined) {
      this.#checkpointTold = sent.report.checkpoint
      this.#onCheckpoint?.(sent.report.checkpoint)
    }
    this.#samples = this.#samples.slice(sent.samples)
    if (sent.piece !== undefined) {
      this.#logs.advance(sent.piece.chunk.offset, sent.piece.bytes)
      this.#logSentAtMs = steadyMs
    }
    for (const batch of sent.report.batches ?? []) {
      const reader = batch.source === 'metrics' ? this.#metrics : this.#output
      const offset = offsets === undefined ? batch.to : offsets[batch.source]
      if (offset === batch.from && batch.to > batch.from) taken = 'none'
      else if (offset < batch.to && taken === 'whole') taken = 'part'
      reader.accept(offset)
    }
    this.#punch()
    return taken
  }

  /** Where the server is, for a run from before a restart of the agent. */
  resume(offsets: NonNullable<AttemptStatus['offsets']>): void {
    if (this.#isResumed) return
    this.#isResumed = true
    this.#metrics.accept(offsets.metrics)
    this.#output.accept(offsets.output)
    this.#logs.resume(offsets.log)
  }

  get isResumed(): boolean {
    return this.#isResumed
  }

  /** The server refuses what this run has to say: leave it out, so that its end gets through. */
  passOver(sent: Sent): void {
    for (const batch of sent.report.batches ?? [])
      (batch.source === 'metrics' ? this.#metrics : this.#output).passOver(batch.to)
    this.#samples = []
    this.#started = undefined
    if (sent.piece !== undefined) this.#logs.advance(sent.piece.chunk.offset, sent.piece.bytes)
  }

  close(): void {
    this.#metricsFile.close()
    this.#outputFile.close()
  }

  async #collectOutput(times: Times, final: boolean, takesHalfLines: boolean) {
    const nothing = { batch: undefined, atEnd: true, againInMs: Number.POSITIVE_INFINITY }
    if (!this.#isOutputSearched) return nothing
    const collected = await this.#output.collect(times.wall, takesHalfLines)
    if (collected.batch === undefined || this.#assignment.capture.stdout === 'regex' || final) {
      return { ...collected, againInMs: Number.POSITIVE_INFINITY }
    }
    this.#outputHeldSince ??= times.steady
    const waitsMs = this.#outputHeldSince + OUTPUT_WAITS_MS - times.steady
    return waitsMs > 0
      ? { batch: undefined, atEnd: true, againInMs: waitsMs }
      : { ...collected, againInMs: Number.POSITIVE_INFINITY }
  }

  /** Unless the sweep asks by patterns, a program with a metrics file prints the same numbers only for people. */
  get #isOutputSearched(): boolean {
    const { stdout, patterns } = this.#assignment.capture
    return stdout === 'regex' || (stdout === 'auto' && (patterns.length > 0 || !this.usesMetricsFile))
  }

  #parseMetrics(line: Line) {
    const parsed = parseMetricsLine(line.text)
    switch (parsed.kind) {
      case 'point':
        return parsed.point
      case 'empty':
        return null
      case 'bad':
        this.#badLines += 1
        if (this.#badLines === 1) {
          this.#log.warn(
            { attemptId: this.#assignment.attemptId, reason: parsed.reason },
            'line of metrics.jsonl skipped',
          )
        }
        return null
    }
  }

  /** Gives the disk back what was shipped of a very long output. Best effort: not every file system can. */
  #punch(): void {
    const done = this.#isOutputSearched ? Math.min(this.#logs.sent, this.#output.scanned) : this.#logs.sent
    if (done - this.#punched < PUNCH_BYTES || process.platform !== 'linux') return
    const range = ['--punch-hole', '--offset', String(this.#punched), '--length', String(done - this.#punched)]
    this.#punched = done
    execFile('fallocate', [...range, this.#outputFile.path], () => undefined)
  }
}
