import { watchFolder } from '@sweep/capture/tail'
import type { Exit, Launched, Launcher, Running } from '@sweep/launchers/launcher'
import { assertNever } from '@sweep/spec/assert-never'
import type { Cause, StopReason } from '@sweep/spec/attempt'
import { expandCommand } from '@sweep/spec/command-line'
import type { Verdict } from '@sweep/spec/facts'
import type { Assignment, AttemptStatus } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { AgentHome, LiveRecord } from '../home/agent-home.ts'
import { interpreterFor } from '../host/interpreter.ts'
import type { RunEnvironments } from '../host/run-environment.ts'
import type { Reporter, Reporting } from '../report/reporter.ts'
import type { Held, SlotTable } from '../slots/slot-table.ts'
import { endCause, lastLineOf } from './end-cause.ts'
import { programEnvironment } from './program-environment.ts'
import { RunFolder } from './run-folder.ts'
import { RunReports, type Times } from './run-reports.ts'
import { stopPlan } from './stop-plan.ts'

/** What a program leaves behind gets this long between SIGTERM and SIGKILL. */
const LEFTOVERS_MS = 1000
/** The end is told after this long even when something can't be killed; its slot stays taken. */
const UNKILLABLE_MS = 10_000
/** The end waits this long for what is recorded of the code, which takes longer than the shortest trials. */
const ENVIRONMENT_MS = 2000
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface RunContext {
  readonly home: AgentHome
  readonly launcher: Launcher
  readonly reporter: Reporter
  readonly slots: SlotTable
  readonly environments: RunEnvironments
  /** What all programs inherit. */
  readonly inherited: Readonly<Record<string, string>>
  readonly sdkFolder: string | undefined
  readonly url: string
  readonly times: () => Times
  readonly log: Logger
  /** Slots became free. */
  readonly onFree: () => void
  /** The run is over and the server knows, or it is no longer ours. */
  readonly onGone: (run: AttemptRun) => void
  /** This host could not start a program. */
  readonly onNodeFault: () => void
}

interface Stop {
  readonly reason: StopReason
  readonly verdict: Verdict
}

/** One attempt from its assignment to the moment the server knows how it ended. */
export class AttemptRun implements Reporting {
  readonly id: string
  readonly assignment: Assignment
  readonly reports: RunReports
  readonly #context: RunContext
  readonly #folder: RunFolder
  readonly #held: Held
  readonly #log: Logger
  readonly #timers = new Set<NodeJS.Timeout>()
  #running: Running | undefined
  #record: LiveRecord | undefined
  #watcher: { close(): void } | undefined
  #stop: Stop | null = null
  #startedAt = 0
  #startedSteadyMs: number | undefined
  /** Why this host could not go on with a program that it had started. */
  #fault: string | undefined
  #isFenced = false
  /** Nothing of it lives any more. */
  #isCleared = false
  #isOver = false

  private constructor(context: RunContext, assignment: Assignment, held: Held, isResumed: boolean) {
    this.id = assignment.attemptId
    this.assignment = assignment
    this.#context = context
    this.#held = held
    this.#log = context.log.child({ attemptId: assignment.attemptId })
    this.#folder = new RunFolder(context.home.runFolder(assignment.attemptId))
    this.reports = new RunReports(assignment, this.#folder, { isResumed, log: context.log })
    context.reporter.add(this)
  }

  /** Makes the run folder and starts the program. What goes wrong becomes the end of the attempt. */
  static async start(context: RunContext, assignment: Assignment, held: Held): Promise<AttemptRun> {
    const run = new AttemptRun(context, assignment, held, true)
    await run.#launch()
    return run
  }

  /** Gives back what came too late, when the agent is about to end: the trial goes to somebody else. */
  static decline(context: RunContext, assignment: Assignment): AttemptRun {
    const run = new AttemptRun(context, assignment, { slots: [], cpus: 0, memoryBytes: 0 }, true)
    run.#isCleared = true
    const exit = { code: null, signal: null, outOfMemory: false }
    run.#end('withdrawn', 'the agent was told to end before it could start', exit, 0, context.times().wall)
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
    const exitPath = run.#folder.exit
    const running = await context.launcher.adopt({ id: run.id, pid: record.pid, startTime: record.startTime, exitPath })
    run.#begin(running, record.argv)
    if (record.stop !== null) run.#schedule(record.stop.reason, assignment.graceMs)
    return run
  }

  get held(): Held {
    return this.#held
  }

  get clearedSlots(): Held | undefined {
    return this.#isCleared ? this.#held : undefined
  }

  /** Over and done with: the server knows, or does not want to. */
  get isGone(): boolean {
    return this.#isOver
  }

  /** The program has been started, and its end is not known yet. */
  get isRunning(): boolean {
    return this.#running !== undefined && !this.reports.isEnded
  }

  /** Asks the program to end; what it is asked first stands, but a kill on request makes it quick. */
  stop(reason: StopReason, verdict: Verdict, graceMs = this.assignment.graceMs): void {
    if (this.#isOver || this.reports.isEnded || this.#isFenced) return
    const isEscalation = this.#stop !== null && reason === 'cancelled' && this.#stop.reason !== 'cancelled'
    if (this.#stop !== null && !isEscalation) return
    this.#stop = { reason, verdict }
    this.#log.info({ reason, why: verdict.reason }, 'stop asked')
    try {
      // The record first: whoever restarts us must know why the program is ending.
      if (this.#record !== undefined) {
        this.#record = { ...this.#record, stop: this.#stop }
        this.#context.home.keepLive(this.#record)
      }
      const save = reason === 'paused' || reason === 'preempted'
      this.#folder.writeControl({ stop: reason, save, reason: verdict.reason })
    } catch (error) {
      this.#log.warn({ err: error }, 'control.json not written; signals will do')
    }
    this.#schedule(reason, graceMs)
  }

  /** Hurries a stop that is under way. */
  hurry(graceMs: number): void {
    if (this.#stop === null) return
    this.#clearTimers()
    this.#running?.signal('SIGTERM')
    this.#after(graceMs, () => this.#running?.signal('SIGKILL'))
  }

  /** The attempt is somebody else's now: nothing of it may go on here, and nobody wants to hear of it. */
  fence(): void {
    if (this.#isFenced || this.#isOver) return
    this.#isFenced = true
    this.#log.warn('attempt is no longer ours')
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
    this.#clearTimers()
    this.#watcher?.close()
    this.reports.close()
    this.#context.reporter.remove(this)
  }

  async #launch(): Promise<void> {
    const { assignment } = this
    const { home, inherited, launcher, sdkFolder, times, url } = this.#context
    try {
      this.#folder.create(assignment)
    } catch (error) {
      this.#fail(
        'node-fault',
        `The run folder ${this.#folder.path} can't be made: ${(error as Error).message}. Free some disk space on this host.`,
      )
      return
    }
    const env = programEnvironment({
      inherited,
      assignment,
      folder: this.#folder,
      held: this.#held,
      url,
      agentHome: home.path,
      sdkFolder,
    })
    const argv = expandCommand(assignment.command, {
      space: assignment.space,
      config: assignment.config,
      program: assignment.program,
      // Looked for only where it is asked for: that is a dozen system calls.
      interpreter: assignment.command.some((item) => item.includes('${interpreter}'))
        ? interpreterFor(assignment.workdir, env['PATH'])
        : 'python3',
      paramsFile: this.#folder.params,
      env,
    })
    const launched = await launcher.launch({
      id: this.id,
      argv,
      cwd: assignment.workdir,
      env,
      outputPath: this.#folder.output,
      exitPath: this.#folder.exit,
    })
    const { wall, steady } = times()
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
      case 'started': {
        const { running } = launched
        this.#record = {
          assignment: this.assignment,
          pid: running.pid,
          startTime: running.startTime,
          slots: this.#held.slots.map((slot) => slot.index),
          gpus: this.#held.slots.flatMap((slot) => (slot.gpu === undefined ? [] : [slot.gpu.index])),
          argv: [...argv],
          startedAt: this.#startedAt,
          stop: null,
        }
        this.#begin(running, argv)
        try {
          this.#context.home.keepLive(this.#record)
        } catch (error) {
          // A program that nobody would find again must not run.
          this.#log.error({ err: error }, 'attempt not recorded')
          this.#fault = `The agent's folder can't be written to: ${(error as Error).message}. Free some disk space on this host.`
          running.signal('SIGKILL')
        }
        return
      }
      default:
        assertNever(launched)
    }
  }

  #begin(running: Running, argv: readonly string[]): void {
    this.#running = running
    if (this.#isFenced) running.signal('SIGKILL')
    const { reporter, times } = this.#context
    this.#watcher = watchFolder(this.#folder.path, (name) => {
      if (name === 'metrics.jsonl' || name === 'output.log') reporter.wake(this)
    })
    if (this.assignment.timeoutMs !== undefined && this.#stop === null) {
      const leftMs = this.#startedAt + this.assignment.timeoutMs - times().wall
      this.#after(leftMs, () => this.stop('timeout', { reason: `ran longer than ${this.assignment.timeoutMs} ms` }))
    }
    const recorded = this.#recordStart(running, argv)
    void this.#finish(running, recorded)
  }

  /** Tells the server what runs, once what there is to know of the code is known. */
  async #recordStart(running: Running, argv: readonly string[]): Promise<void> {
    const environment = await this.#context.environments.of(this.assignment, argv, this.#held)
    const slots = this.#held.slots.map((slot) => slot.index)
    this.reports.started(
      { at: this.#startedAt, pid: running.pid, argv: [...argv], slots, runDir: this.#folder.path, environment },
      this.#context.times().steady,
    )
    this.#context.reporter.wake(this)
  }

  async #finish(running: Running, recorded: Promise<void>): Promise<void> {
    const exit = await running.exited
    const stop = this.#stop
    const { times } = this.#context
    const { wall, steady } = times()
    const seconds =
      Math.max(0, this.#startedSteadyMs === undefined ? wall - this.#startedAt : steady - this.#startedSteadyMs) / 1000
    this.#clearTimers()
    const cleared = running.clear(this.#isFenced ? 0 : LEFTOVERS_MS).then((count) => {
      if (count > 0) this.#log.info({ count }, 'leftover processes ended')
      this.#cleared()
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
    this.#end(cause, message, exit, seconds, wall)
  }

  #causeOf(exit: Exit, stop: Stop | null): { cause: Cause; message: string } {
    if (this.#fault !== undefined) return { cause: 'node-fault', message: this.#fault }
    const asked = stop === null ? null : { reason: stop.reason, why: stop.verdict.reason }
    return endCause(exit, asked, () => lastLineOf(this.#folder.output))
  }

  /** The program could not be started. */
  #fail(cause: 'bad-command' | 'node-fault', message: string): void {
    this.#log.warn({ cause, message }, 'attempt not started')
    if (cause === 'node-fault') this.#context.onNodeFault()
    this.#cleared()
    this.#end(
      cause,
      message.slice(0, 2000),
      { code: null, signal: null, outOfMemory: false },
      0,
      this.#context.times().wall,
    )
  }

  #end(cause: Cause, message: string, exit: Exit, seconds: number, at: number): void {
    if (this.#isFenced) {
      this.#forget()
      return
    }
    const checkpoint = this.#folder.newestCheckpoint()
    this.reports.ended({
      at,
      cause,
      message,
      exitCode: exit.code,
      signal: exit.signal,
      seconds,
      ...(checkpoint === undefined ? {} : { checkpoint }),
    })
    this.#watcher?.close()
    this.#context.reporter.wake(this)
  }

  #schedule(reason: StopReason, graceMs: number): void {
    this.#clearTimers()
    const plan = stopPlan(reason, this.reports.usesMetricsFile, graceMs)
    this.#after(plan.termAfterMs, () => this.#running?.signal('SIGTERM'))
    this.#after(plan.killAfterMs, () => this.#running?.signal('SIGKILL'))
  }

  #after(ms: number, act: () => void): void {
    if (ms <= 0) {
      act()
      return
    }
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        act()
      },
      Math.min(ms, LONGEST_TIMER_MS),
    )
    this.#timers.add(timer)
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #cleared(): void {
    this.#isCleared = true
    if (this.#isOver) this.#free()
  }

  /**
   * The slots are offered again once nothing of the attempt lives and the server has taken its end: before that, it
   * would count more attempts here than there are slots.
   */
  #free(): void {
    this.#context.slots.release(this.#held)
    this.#context.onFree()
  }

  #forget(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#clearTimers()
    this.#watcher?.close()
    this.reports.close()
    this.#context.reporter.remove(this)
    try {
      this.#context.home.forgetLive(this.assignment.attemptId)
    } catch (error) {
      this.#log.warn({ err: error }, 'record of an ended attempt not removed')
    }
    if (this.#isCleared) this.#free()
    this.#context.onGone(this)
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
