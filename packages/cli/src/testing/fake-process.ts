import { setTimeout as delay } from 'node:timers/promises'
import { runCli } from '../cli.ts'
import type { CliProcess } from '../context.ts'
import type { Terminal } from '../terminal/live-region.ts'

/** A stream that keeps what is written to it. */
export class FakeStream implements Terminal {
  text = ''
  readonly isTTY: boolean
  columns: number
  rows: number

  constructor(size?: { columns: number; rows: number }) {
    this.isTTY = size !== undefined
    this.columns = size?.columns ?? 80
    this.rows = size?.rows ?? 24
  }

  write(text: string): void {
    this.text += text
  }
}

export interface FakeRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface FakeOptions {
  readonly env?: Record<string, string>
  /** Size of the terminal on both streams; pipes when absent. */
  readonly terminal?: { columns: number; rows: number }
  readonly stdin?: string
  readonly cwd?: string
  readonly answer?: string
  readonly interrupt?: AbortSignal
  readonly now?: () => number
}

/** Runs a command line in this process. */
export async function runFake(argv: readonly string[], options: FakeOptions = {}): Promise<FakeRun> {
  const stdout = new FakeStream(options.terminal)
  const stderr = new FakeStream(options.terminal)
  const process: CliProcess = {
    environment: { SWEEP_HOME: '/nonexistent/sweep-home', TERM: 'xterm', ...options.env },
    stdout,
    stderr,
    readStdin: async () => options.stdin ?? '',
    isStdinTty: options.answer !== undefined,
    ask: async () => options.answer,
    cwd: options.cwd ?? '/',
    now: options.now ?? (() => Date.parse('2026-01-01T01:00:00Z')),
    sleep: (ms, signal) =>
      delay(Math.min(ms, 5), undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
    interrupted: () => options.interrupt ?? new AbortController().signal,
  }
  const code = await runCli(argv, process)
  return { code, stdout: stdout.text, stderr: stderr.text }
}
