import type { Client } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import type { Colors } from './colors.ts'
import { usageError } from './exit-codes.ts'
import {
  type Cell,
  type Column,
  formatData,
  formatRecord,
  formatRows,
  isJson,
  type OutputFormat,
  type OutputTarget,
} from './output.ts'
import type { CliSettings, Environment } from './settings.ts'
import { type Terminal, terminalSize } from './terminal/live-region.ts'
import { escapeLines } from './terminal/terminal-text.ts'

/** Everything outside the command line that a command may touch; tests pass their own. */
export interface CliProcess {
  readonly environment: Environment
  readonly stdout: Terminal & { readonly isTTY?: boolean }
  readonly stderr: Terminal & { readonly isTTY?: boolean }
  /** All of standard input, for `create -`. */
  readonly readStdin: () => Promise<string>
  readonly isStdinTty: boolean
  /** One line typed by the user; undefined at the end of the input. */
  readonly ask: (question: string) => Promise<string | undefined>
  readonly cwd: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Resolves after `ms`, or at once when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  /** Aborts on the first Ctrl-C of a command that asked for it; other commands just end. */
  readonly interrupted: () => AbortSignal
}

export interface GlobalFlags {
  readonly output: OutputFormat
  readonly server: string | undefined
  readonly token: string | undefined
  readonly quiet: boolean
  readonly debug: boolean
  readonly yes: boolean
}

/** What a command gets: where to print, whom to ask, what was said for all commands. */
export class CliContext {
  readonly process: CliProcess
  readonly settings: CliSettings
  readonly flags: GlobalFlags
  readonly colors: Colors
  readonly version: string
  /** Address of the server that `client()` found last. */
  address: string | undefined

  constructor(process: CliProcess, settings: CliSettings, flags: GlobalFlags, colors: Colors, version: string) {
    this.process = process
    this.settings = settings
    this.flags = flags
    this.colors = colors
    this.version = version
  }

  /** True when a person sees the output: nothing is redrawn or asked otherwise. */
  get isInteractive(): boolean {
    return this.process.stdout.isTTY === true && !this.settings.dumb && !this.isMachineReadable
  }

  get isMachineReadable(): boolean {
    return this.flags.output !== 'table' && this.flags.output !== 'wide'
  }

  get #target(): OutputTarget {
    const { stdout } = this.process
    return {
      format: this.flags.output,
      isTty: stdout.isTTY === true,
      columns: terminalSize(stdout).columns,
      bold: this.colors.bold,
    }
  }

  /** Data on stdout, as is. */
  write(text: string): void {
    this.process.stdout.write(text)
  }

  async printRows<Row>(
    rows: readonly Row[],
    columns: readonly Column<Row>[],
    name: (row: Row) => string,
    data: unknown = rows,
  ): Promise<void> {
    this.write(await formatRows(this.#target, { data, rows, columns, name }))
  }

  async printRecord(data: unknown, fields: readonly (readonly [string, Cell])[], name: string): Promise<void> {
    this.write(await formatRecord(this.#target, { data, fields, name }))
  }

  /** JSON or YAML of `data`; for commands that have no table. */
  async printData(data: unknown): Promise<void> {
    this.write(await formatData(this.#target, data))
  }

  /** Talk, on stderr; silent with `--quiet`. Several lines are allowed, control characters are not. */
  say(text: string): void {
    if (!this.flags.quiet) this.process.stderr.write(`${escapeLines(text)}\n`)
  }

  warn(text: string): void {
    this.process.stderr.write(`${this.colors.yellow('warning:')} ${escapeLines(text)}\n`)
  }

  /**
   * Yes or no from the user. Asked only where somebody is there to answer.
   *
   * @throws SweepError `invalid-request` naming `--yes` when nobody can be asked
   */
  async confirm(question: string): Promise<boolean> {
    if (this.flags.yes) return true
    if (!this.process.isStdinTty || this.process.stderr.isTTY !== true || this.settings.dumb) {
      throw usageError(`${question} Nobody is there to answer.`, 'Add --yes to go on without being asked.')
    }
    const answer = await this.process.ask(`${escapeLines(question)} [y/N] `)
    return answer !== undefined && /^y(es)?$/i.test(answer.trim())
  }

  /** The address of the server and the token for it, or undefined when there is no server to talk to. */
  async findConnection() {
    const { findServer } = await import('@sweep/client/connection')
    return findServer({
      url: this.flags.server,
      token: this.flags.token,
      env: this.process.environment,
      home: this.settings.home,
    })
  }

  /**
   * A client for the configured server, or the local one that runs.
   *
   * @throws SweepError `unreachable` when none is configured and none has been started
   */
  async client(): Promise<Client> {
    const connection = await this.findConnection()
    if (connection === undefined) {
      throw new SweepError('unreachable', 'There is no server: none is configured and none has been started here.', {
        hint: 'Run `sweep server start`, or set SWEEP_URL and SWEEP_TOKEN.',
      })
    }
    const { createClient } = await import('@sweep/client/client')
    this.address = connection.url
    return createClient({ url: connection.url, token: connection.token })
  }
}

/** How an error is told: JSON for programs, lines for people. */
export function describeError(
  error: unknown,
  options: { output: OutputFormat; debug: boolean; colors: Colors },
): string {
  const known = error instanceof SweepError ? error : undefined
  const message = error instanceof Error ? error.message : String(error)
  if (isJson(options.output)) {
    const envelope: Record<string, unknown> = { code: known?.code ?? 'internal', message }
    if (known?.hint !== undefined) envelope['hint'] = known.hint
    if (known?.details !== undefined) envelope['details'] = known.details
    if (options.debug && error instanceof Error) envelope['stack'] = error.stack
    return `${JSON.stringify(envelope)}\n`
  }
  const lines = [`${options.colors.red('error:')} ${escapeLines(message)}`]
  if (known?.hint !== undefined) lines.push(`  ${escapeLines(known.hint)}`)
  if (known === undefined) lines.push('  This is a fault of sweep itself; --debug shows where.')
  if (options.debug) lines.push(...stackLines(error))
  return `${lines.join('\n')}\n`
}

function stackLines(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const own = escapeLines(error.stack ?? '')
  return error.cause === undefined ? [own] : [own, 'caused by:', ...stackLines(error.cause)]
}
