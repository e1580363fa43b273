import { lastLineOf } from '@sweep/launchers/last-line'
import {
  type Exit,
  type LaunchCalls,
  type Launched,
  type Launcher,
  type Running,
  UNKNOWN_EXIT,
  type Usage,
} from '@sweep/launchers/launcher'
import type { Place } from '@sweep/launchers/place'
import { RunFolder } from '@sweep/launchers/run-folder'
import { assertNever } from '@sweep/spec/assert-never'
import type { Cause, StopReason } from '@sweep/spec/attempt'
import type { Verdict } from '@sweep/spec/facts'
import type { Assignment, AttemptStatus } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { LiveRecord } from '../home/live-record.ts'
import { whyDiskIsFull } from '../host/disk-watch.ts'
import type { Reporting } from '../report/reporter.ts'
import { SlotHold } from '../slots/slot-hold.ts'
import type { Held } from '../slots/slot-table.ts'
import { adoptProgram } from './adopt-program.ts'
import { endCause } from './end-cause.ts'
import { launchProgram } from './launch-program.ts'
import type { RunContext } from './run-context.ts'
import { RunReports } from './run-reports.ts'
import { stopPlan } from './stop-plan.ts'
import { StopSignals } from './stop-signals.ts'
import { watchRun } from './watch-run.ts'
import { writeStop } from './write-stop.ts'

/** What a program leaves behind gets this long between SIGTERM and SIGKILL. */
const LEFTOVERS_MS = 1000
/** The end is told after this long even when something can't be killed; its slot stays taken. */
const UNKILLABLE_MS = 10_000
/** The end waits this long for what is recorded of the code, which takes longer than the shortest trials. */
const ENVIRONMENT_MS = 2000

/** So long the end waits for artifacts; then it is told, and they follow. */
const UPLOADED_MS = 60_000
/** And so long where the next attempt, maybe on another host, goes on from the checkpoint. */
const RESUMED_MS = 600_000

interface Stop {
  readonly reason: StopReason
  readonly verdict: Verdict
}

/** One attempt from its assignment to the moment the server knows how it ended. */
export class AttemptRun implements Reporting {
  readonly id: string
  readonly reports: RunReports
  readonly #context: RunContext
  readonly #folder: RunFolder
  readonly #slots: SlotHold
  readonly #log: Logger
  readonly #signals = new StopSignals((signal) => this.#running?.signal(signal))
  readonly #abort = new AbortController()
  #running: Running | undefined
  #record: LiveRecord | undefined
  #watcher: { close(): void } | undefined
  #stop: Stop | null = null
  #startedAt = 0
  #startedSteadyMs: number | undefined
  /** Its program does not run yet. */
  #isWaiting = false
  /** Why this host could not go on with a program that it had started. */
  #fault: string | undefined
  #isFenced = false
  /** The program is over, and what it left is on its way. */
  #isUploading = false
  #isOver = false
  /** Its `workdir` is that of the server until the program runs, then the folder in which it does. */
  #assignment: Assignment

  private constructor(context: RunContext, assignment: Assignment, held: Held, isResumed: boolean) {
    this.id = assignment.attemptId
    this.#assignment = assignment
    this.#context = context
    this.#slots = new SlotHold(held, context.slots, context.onFree)
    this.#log = context.log.child({ attemptId: assignment.attemptId })
    this.#folder = new RunFolder(context.home.runFolder(assignment.attemptId))
    const { attemptId, epoch } = assignment
    this.reports = new RunReports(assignment, this.#folder, {
      isResumed,
      log: context.log,
      ...(this.#copiesCheckpoints
        ? { onCheckpoint: (saved) => context.uploads.checkpoint({ attemptId, epoch }, saved) }
        : {}),
    })
    context.reporter.add(this)
  }

  /** An attempt that was given to us; `launch` starts it. */
  static of(context: RunContext, assignment: Assignment, held: Held): AttemptRun {
    return new AttemptRun(context, assignment, held, true)
  }

  /** Gives back what came too late, when nothing can be started here any more: the trial goes to somebody else. */
  static decline(context: RunContext, assignment: Assignment, why: string): AttemptRun {
    const run = new AttemptRun(context, assignment, { slots: [], cpus: 0, memoryBytes: 0 }, true)
    run.#slots.cleared()
    run.#end('withdrawn', why, UNKNOWN_EXIT, 0, context.times().wall)
    return run
  }

  /** Takes over what an agent before this one had started, whether it still lives or not. */
  static async adopt(context: RunContext, record: LiveRecord): Promise<AttemptRun> {
    const { assignment } = record
    const held = context.slots.retake(record.slots, record.gpus, assignment.shape)
    const run = new AttemptRun(context, assignment, held, false)
    run.#record = record
    run.#stop = record.stop
    run.#startedAt = record.startedAt
    const launcher = run.#launcher
    if (launcher === undefined) {
      run.#fail('node-fault', run.#withoutLauncher)
      return run
    }
    run.#onLaunched(await adoptProgram(launcher, record, run.#folder, context.home, run.#calls), record.argv)
    return run
  }

  get assignment(): Assignment {
    return this.#assignment
  }

  get held(): Held {
    return this.#slots.held
  }

  get clearedSlots(): Held | undefined {
    return this.#slots.isCleared ? this.held : undefined
  }

  /** Over and done with: the server knows, or does not want to. */
  get isGone(): boolean {
    return this.#isOver
  }

  /** It is being killed, because this host could not take care of it. */
  get hasFault(): boolean {
    return this.#fault !== undefined
  }

  /** Undefined where it can be seen at the processes of this host. */
  async usage(): Promise<Usage | undefined> {
    return this.#running === undefined ? undefined : this.#launcher?.usage?.(this.#running)
  }

  /** The program has been started, and its end is not known yet. */
  get isRunning(): boolean {
    return this.#running !== undefined && !this.reports.isEnded
  }

  /** Asks the program to end; what it is asked first stands, but a kill on request makes it quick. */
  stop(reason: StopReason, verdict: Verdict, graceMs = this.assignment.graceMs): void {
    if (this.#isOver || this.reports.isEnded || this.#isFenced || this.#isUploading) return
    const isEscalation = this.#stop !== null && reason === 'cancelled' && this.#stop.reason !== 'cancelled'
    if (this.#stop !== null && !isEscalation) return
    this.#stop = { reason, verdict }
    this.#log.info({ reason, why: verdict.reason }, 'stop asked')
    if (this.#record !== undefined) this.#record = { ...this.#record, stop: this.#stop }
    const isTold = writeStop(this.#stop, this.#record, this.#folder, this.#context.home, this.#log)
    this.#abort.abort()
    if (this.#running !== undefined) this.#planSignals(reason, graceMs, isTold)
  }

  /** Hurries a stop that is under way. */
  hurry(graceMs: number): void {
    if (this.#stop === null) return
    this.#signals.plan({ termAfterMs: 0, killAfterMs: graceMs })
  }

  /** The attempt is somebody else's now: nothing of it may go on here, and nobody wants to hear of it. */
  fence(): void {
    if (this.#isFenced || this.#isOver) return
    this.#isFenced = true
    this.#log.warn('attempt is no longer ours')
    this.#abort.abort()
    this.#running?.signal('SIGKILL')
    if (this.reports.isEnded) this.#forget()
  }

  onStatus(status: AttemptStatus): void {
    if (status.status === 'fenced') {
      this.fence()
      return
    }
    if (status.offsets !== undefined && !this.reports.isResumed) {
      this.reports.resume(status.offsets)
      this.#context.reporter.wake(this)
    }
    if (status.stop !== null) this.stop(status.stop.reason, status.stop.verdict)
  }

  onAcknowledged(): void {
    this.#forget()
  }

  /** Lets go of a program that is to live on without us. */
  leave(): void {
    this.#isOver = true
    this.#abort.abort()
    this.#running?.release?.()
    this.#signals.clear()
    this.#watcher?.close()
    this.reports.close()
    this.#context.reporter.remove(this)
  }

  /** Makes the run folder and starts the program, which may take long. What goes wrong becomes the end of the attempt. */
  async launch(): Promise<void> {
    const launcher = this.#launcher
    if (launcher === undefined) {
      this.#fail('node-fault', this.#withoutLauncher)
      return
    }
    const { assignment, held } = this
    const { launched, argv } = await launchProgram(
      this.#context,
      launcher,
      assignment,
      this.#folder,
      held,
      this.#calls,
      (argv, workdir) => {
        this.#assignment = { ...assignment, workdir }
        this.#startedAt = this.#context.times().wall
        this.#keepRecord(argv, null)
      },
    )
    const { wall, steady } = this.#context.times()
    this.#startedAt = wall
    this.#startedSteadyMs = steady
    this.#onLaunched(launched, argv)
  }

  #onLaunched(launched: Launched, argv: readonly string[]): void {
    switch (launched.kind) {
      case 'bad-command':
      case 'node-fault':
        this.#fail(launched.kind, launched.message)
        return
      case 'aborted':
        this.#fail(this.#stop?.reason ?? 'withdrawn', this.#stop?.verdict.reason ?? 'given up before it was started')
        return
      case 'started': {
        const { running } = launched
        if (this.#isOver) {
          // We let go of it before it was there, so nobody would find it again.
          void running.clear(0)
          return
        }
        this.#begin(running, argv)
        try {
          // One that was taken over has its record already.
          if (this.#record?.place == null) this.#keepRecord(argv, running.place)
        } catch (error) {
          // A program that nobody would find again must not run.
          this.#log.error({ err: error }, 'attempt not recorded')
          this.#fault = `The agent's folder can't be written to: ${(error as Error).message}. Free some disk space on this host.`
          running.signal('SIGKILL')
        }
        if (this.#stop !== null) this.#planSignals(this.#stop.reason, this.assignment.graceMs, true)
        return
      }
      default:
        assertNever(launched)
    }
  }

  /** @throws when it can't be written */
  #keepRecord(argv: readonly string[], place: Place | null): void {
    const { slots } = this.held
    this.#record = {
      assignment: this.assignment,
      place,
      slots: slots.map((slot) => slot.index),
      gpus: slots.flatMap((slot) => (slot.gpu === undefined ? [] : [slot.gpu.index])),
      argv: [...argv],
      startedAt: this.#startedAt,
      stop: this.#stop,
    }
    this.#context.home.keepLive(this.#record)
  }

  #begin(running: Running, argv: readonly string[]): void {
    this.#running = running
    if (this.#isFenced) running.signal('SIGKILL')
    const { reporter } = this.#context
    this.#watcher = watchRun(this.#folder, () => reporter.wake(this))
    const begun = this.#count(running)
    const recorded = begun.then(() => this.#recordStart(running, argv))
    void this.#finish(running, recorded)
  }

  /** Counts the time of the program from when it runs: what it waits for a place is not its own. */
  async #count({ begun, exited }: Running): Promise<void> {
    const { times } = this.#context
    if (begun !== undefined) {
      this.#isWaiting = true
      const agoMs = await Promise.race([begun, exited.then(() => undefined)])
      if (agoMs === undefined) return
      this.#isWaiting = false
      this.#startedAt = times().wall - agoMs
      this.#startedSteadyMs = times().steady - agoMs
    }
    if (this.assignment.timeoutMs === undefined || this.#stop !== null) return
    const leftMs = this.#startedAt + this.assignment.timeoutMs - times().wall
    this.#signals.after(leftMs, () =>
      this.stop('timeout', { reason: `ran longer than ${this.assignment.timeoutMs} ms` }),
    )
  }

  /** Tells the server what runs, once what there is to know of the code is known. */
  async #recordStart(running: Running, argv: readonly string[]): Promise<void> {
    const environment = await this.#context.environments.of(this.assignment, argv, this.held)
    const slots = this.held.slots.map((slot) => slot.index)
    const pid = running.place.kind === 'process' ? { pid: running.place.pid } : {}
    this.reports.started(
      { at: this.#startedAt, ...pid, argv: [...argv], slots, runDir: this.#folder.path, environment },
      this.#context.times().steady,
    )
    this.#context.reporter.wake(this)
  }

  async #finish(running: Running, recorded: Promise<void>): Promise<void> {
    const exit = await running.exited
    const stop = this.#stop
    const { times } = this.#context
    const { wall, steady } = times()
    const ranMs = this.#startedSteadyMs === undefined ? wall - this.#startedAt : steady - this.#startedSteadyMs
    const seconds = this.#isWaiting ? 0 : Math.max(0, ranMs) / 1000
    this.#signals.clear()
    const cleared = running.clear(this.#isFenced ? 0 : LEFTOVERS_MS).then((count) => {
      if (count > 0) this.#log.info({ count }, 'leftover processes ended')
      this.#slots.cleared()
    })
    await Promise.race([cleared, delay(UNKILLABLE_MS)])
    if (this.#isOver) return
    if (this.#isFenced) {
      this.#forget()
      return
    }
    await Promise.race([recorded, delay(ENVIRONMENT_MS)])
    const { cause, message } = this.#causeOf(exit, stop)
    this.#log.info({ cause, exitCode: exit.code, signal: exit.signal, seconds }, 'attempt ended')
    if (cause === 'node-fault') this.#context.onNodeFault()
    await this.#uploaded(cause)
    if (!this.#isOver) this.#end(cause, message, exit, seconds, wall)
  }

  #causeOf(exit: Exit, stop: Stop | null): { cause: Cause; message: string } {
    if (this.#fault !== undefined) return { cause: 'node-fault', message: this.#fault }
    const asked = stop === null ? null : { reason: stop.reason, why: stop.verdict.reason }
    return endCause(exit, asked, {
      lastLine: () => lastLineOf(this.#folder.output),
      fullDisk: () => whyDiskIsFull(this.#folder.path),
    })
  }

  /** Waits a while for what the program left to be stored, so that it is there when its end is told. */
  async #uploaded(cause: Cause): Promise<void> {
    const { times, uploads, uploadsUntil } = this.#context
    const { attemptId, epoch } = this.assignment
    const checkpoint = this.#copiesCheckpoints ? this.#folder.newestCheckpoint() : undefined
    const uploading = uploads.end({ attemptId, epoch }, { checkpoint, artifacts: this.#folder.artifacts })
    if (uploading === undefined) return
    this.#isUploading = true
    const mostMs = cause === 'paused' || cause === 'preempted' ? RESUMED_MS : UPLOADED_MS
    const isDone = uploading.then(() => true)
    const isLeft = delay(Math.max(0, Math.min(mostMs, uploadsUntil() - times().steady))).then(() => false)
    if (!(await Promise.race([isDone, isLeft]))) this.#log.info('attempt ends while its files are still being uploaded')
  }

  #planSignals(reason: StopReason, graceMs: number, isTold: boolean): void {
    // What is written in the run folder reaches nobody elsewhere.
    const readsControl = isTold && this.reports.usesMetricsFile && this.#launcher?.isRemote !== true
    this.#signals.plan(stopPlan(reason, readsControl, graceMs))
  }

  /** What a program elsewhere has saved can't be read here: it makes the copies itself. */
  get #copiesCheckpoints(): boolean {
    return this.#assignment.keepsCheckpoints === true && this.#launcher?.isRemote !== true
  }

  get #launcher(): Launcher | undefined {
    return this.#context.launchers.get(this.assignment.launcher)
  }

  get #withoutLauncher(): string {
    const names = [...this.#context.launchers.keys()].join(', ')
    return `This agent can't launch ${this.assignment.launcher}, only ${names}.`
  }

  /** What the launcher tells us of a program that is not running yet, and hears from us. */
  get #calls(): LaunchCalls {
    return {
      aborted: this.#abort.signal,
      progress: (text) => {
        if (this.#isOver) return
        if (text !== '') this.#log.info({ text }, 'attempt waits')
        this.reports.note(text)
        this.#context.reporter.wake(this)
      },
    }
  }

  /** The program could not be started. */
  #fail(cause: Cause, message: string): void {
    this.#log.warn({ cause, message }, 'attempt not started')
    if (cause === 'node-fault') this.#context.onNodeFault()
    this.#slots.cleared()
    this.#end(cause, message.slice(0, 2000), UNKNOWN_EXIT, 0, this.#context.times().wall)
  }

  #end(cause: Cause, message: string, exit: Exit, seconds: number, at: number): void {
    if (this.#isFenced) {
      this.#forget()
      return
    }
    const checkpoint = this.#folder.newestCheckpoint()
    const { code: exitCode, signal } = exit
    const ended = { at, cause, message, exitCode, signal, seconds, ...(checkpoint === undefined ? {} : { checkpoint }) }
    this.#context.monitoring.ended(cause)
    this.reports.ended(ended, exitCode === null || signal !== null || whyDiskIsFull(this.#folder.path) !== undefined)
    this.#watcher?.close()
    this.#context.reporter.wake(this)
  }

  #forget(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#signals.clear()
    this.#watcher?.close()
    this.reports.close()
    this.#context.reporter.remove(this)
    try {
      this.#context.home.forgetLive(this.assignment.attemptId)
    } catch (error) {
      this.#log.warn({ err: error }, 'record of an ended attempt not removed')
    }
    this.#slots.over()
    this.#context.onGone(this)
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
