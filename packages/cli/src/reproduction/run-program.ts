import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import type { CapturedPoint } from '@sweep/capture/captured-point'
import { parseMetricsLine } from '@sweep/capture/metrics-lines'
import { StdoutLines } from '@sweep/capture/stdout-lines'
import { readLines, watchFolder } from '@sweep/capture/tail'
import type { RunFolder } from '@sweep/launchers/run-folder'
import type { Capture } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import type { MetricSeries } from '@sweep/spec/wire/api'

/** Where the system tells of no changes, the files are looked at this often. */
const LOOK_MS = 500

export interface ProgramRun {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly folder: RunFolder
  readonly capture: Capture
  /** Asked to stop once it has reported this step, as the pruner had asked; undefined: it runs to its end. */
  readonly stopAt: number | undefined
  /** From being asked to SIGTERM, where the program reads what it is asked, and from there to SIGKILL. */
  readonly graceMs: number
  readonly interrupted: AbortSignal
  readonly onWarning: (message: string) => void
}

export interface ProgramEnd {
  readonly code: number | null
  readonly signal: string | null
  readonly wasStopped: boolean
  readonly wasInterrupted: boolean
  readonly series: readonly MetricSeries[]
}

/**
 * Runs a program in its run folder, as an agent does, and reads its metrics.
 *
 * @throws SweepError `not-found` when it can't be started
 */
export async function runProgram(run: ProgramRun): Promise<ProgramEnd> {
  const { argv, cwd, env, folder, interrupted } = run
  const output = openSync(folder.output, 'a')
  const reports = new RunMetrics(run)
  const timers: NodeJS.Timeout[] = []
  let wasStopped = false
  let wasInterrupted = false
  const after = (ms: number, action: () => void) => timers.push(setTimeout(action, ms))
  const [program = '', ...args] = argv
  // A group of its own, so that what it starts ends with it.
  const child = spawn(program, args, { cwd, env: { ...env }, stdio: ['ignore', output, output], detached: true })
  closeSync(output)
  const look = () => {
    reports.read(false)
    if (wasStopped || run.stopAt === undefined || reports.lastStep < run.stopAt) return
    wasStopped = true
    folder.writeControl({ stop: 'pruned', save: false, reason: `its record ends at step ${run.stopAt}` })
    const termAfterMs = reports.usesMetricsFile ? run.graceMs : 0
    after(termAfterMs, () => signalGroup(child, 'SIGTERM'))
    after(termAfterMs + run.graceMs, () => signalGroup(child, 'SIGKILL'))
  }
  const interrupt = () => {
    wasInterrupted = true
    signalGroup(child, 'SIGTERM')
    after(run.graceMs, () => signalGroup(child, 'SIGKILL'))
  }
  const watcher = watchFolder(folder.path, look)
  const looking = setInterval(look, LOOK_MS)
  interrupted.addEventListener('abort', interrupt, { once: true })
  if (interrupted.aborted) interrupt()
  // The program is not of the terminal's group, so a terminal that is closed does not end it.
  process.once('SIGHUP', interrupt)
  try {
    const end = await new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code, signal) => resolve({ code, signal }))
    }).catch((error: unknown) => {
      throw new SweepError('not-found', `${program} can't be started: ${(error as Error).message}`, { cause: error })
    })
    // What it left running must not write any more.
    signalGroup(child, 'SIGKILL')
    reports.read(true)
    return { ...end, wasStopped, wasInterrupted, series: reports.series }
  } finally {
    for (const timer of timers) clearTimeout(timer)
    clearInterval(looking)
    watcher.close()
    interrupted.removeEventListener('abort', interrupt)
    process.removeListener('SIGHUP', interrupt)
    reports.close()
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody is left.
  }
}

/** The numbers in a growing `metrics.jsonl`, and in the output where the program has none. */
class RunMetrics {
  readonly #capture: Capture
  readonly #metrics: GrowingLines
  readonly #output: GrowingLines
  readonly #stdout: StdoutLines
  readonly #reported = new SeriesList()
  readonly #printed = new SeriesList()

  constructor({ capture, folder, onWarning }: Pick<ProgramRun, 'capture' | 'folder' | 'onWarning'>) {
    this.#capture = capture
    this.#metrics = new GrowingLines(folder.metrics)
    this.#output = new GrowingLines(folder.output)
    this.#stdout = new StdoutLines(capture, onWarning)
  }

  get usesMetricsFile(): boolean {
    return this.#metrics.size > 0
  }

  get lastStep(): number {
    return Math.max(this.#reported.lastStep, this.#countsOutput ? this.#printed.lastStep : 0)
  }

  get series(): MetricSeries[] {
    const printed = this.#countsOutput ? this.#printed.series : []
    const names = new Set(this.#reported.series.map(({ name }) => name))
    return [...this.#reported.series, ...printed.filter(({ name }) => !names.has(name))]
  }

  read(final: boolean): void {
    for (const text of this.#metrics.next(final)) {
      const line = parseMetricsLine(text)
      if (line.kind === 'point') this.#reported.add(line.point)
    }
    if (!this.#countsOutput) return
    for (const point of this.#stdout.parse([...this.#output.next(final)])) if (point !== null) this.#printed.add(point)
  }

  /** As to an agent: unless the sweep asks by patterns, a program with a metrics file prints numbers only for people. */
  get #countsOutput(): boolean {
    const { stdout, patterns } = this.#capture
    return stdout === 'regex' || (stdout === 'auto' && (patterns.length > 0 || !this.usesMetricsFile))
  }

  close(): void {
    this.#metrics.close()
    this.#output.close()
  }
}

class SeriesList {
  readonly #series = new Map<string, { steps: number[]; values: number[] }>()
  lastStep = 0

  get series(): MetricSeries[] {
    return [...this.#series].map(([name, { steps, values }]) => ({ name, steps, values }))
  }

  add({ step = this.lastStep + 1, values }: CapturedPoint): void {
    this.lastStep = step
    for (const [name, value] of Object.entries(values)) {
      const series = this.#series.get(name) ?? { steps: [], values: [] }
      this.#series.set(name, series)
      series.steps.push(step)
      series.values.push(value)
    }
  }
}

/** A file that may not exist yet, read line by line as it grows. */
class GrowingLines {
  readonly #path: string
  #file: number | undefined
  #offset = 0

  constructor(path: string) {
    this.#path = path
  }

  get size(): number {
    const file = this.#handle
    return file === undefined ? 0 : fstatSync(file).size
  }

  *next(final: boolean): Generator<string> {
    const file = this.#handle
    if (file === undefined) return
    for (;;) {
      const { lines, to, atEnd } = readLines(file, this.#offset, { final })
      this.#offset = to
      for (const { text } of lines) yield text
      if (atEnd) return
    }
  }

  get #handle(): number | undefined {
    if (this.#file === undefined) {
      try {
        this.#file = openSync(this.#path, 'r')
      } catch {
        return undefined
      }
    }
    return this.#file
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
