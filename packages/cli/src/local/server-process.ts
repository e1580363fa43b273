import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '@sweep/client/make-folder'
import { SweepError } from '@sweep/spec/errors'
import type { Health } from '@sweep/spec/wire/api'
import type { CliContext } from '../context.ts'
import { builtFile } from './package-files.ts'
import { isRunning, processIdentity } from './process-info.ts'

/** What the local server wrote to `server.json` when it was ready. */
export interface ServerFile {
  readonly url: string
  /** Such as `127.0.0.1:4601`; undefined where it serves no gRPC. */
  readonly grpc: string | undefined
  readonly pid: number
  /** Milliseconds since 1970; NaN when the file does not say. */
  readonly startedAt: number
  readonly version: string
  /** Which process the pid meant: it changes when the number is given to another one. */
  readonly startTime: string | undefined
}

export interface ServerOptions {
  readonly slots?: number | undefined
  readonly gpus?: string | undefined
  readonly port?: number | undefined
  readonly grpcPort?: number | undefined
  readonly withAgent?: boolean
}

/** The local server's file, whether it still runs or not. */
export async function readServerFile(home: string): Promise<ServerFile | undefined> {
  const text = await readFile(join(home, 'server.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof found !== 'object' || found === null || !('url' in found) || !('pid' in found)) return undefined
  if (typeof found.url !== 'string' || typeof found.pid !== 'number') return undefined
  const startedAt = 'startedAt' in found ? found.startedAt : undefined
  return {
    url: found.url,
    grpc: 'grpc' in found && typeof found.grpc === 'string' ? found.grpc : undefined,
    pid: found.pid,
    startedAt:
      typeof startedAt === 'number' ? startedAt : typeof startedAt === 'string' ? Date.parse(startedAt) : Number.NaN,
    version: 'version' in found && typeof found.version === 'string' ? found.version : 'unknown',
    startTime: 'startTime' in found && typeof found.startTime === 'string' ? found.startTime : undefined,
  }
}

/** The running local server. A process that merely got the same number after a crash or a reboot is not it. */
export async function runningServer(home: string): Promise<ServerFile | undefined> {
  const file = await readServerFile(home)
  if (file === undefined || !(await isRunning(file.pid))) return undefined
  return file.startTime === undefined || file.startTime === (await processIdentity(file.pid)) ? file : undefined
}

/** The health of a server, or undefined when it does not answer within `timeoutMs`. */
export async function healthOf(url: string, timeoutMs = 2000): Promise<Health | undefined> {
  const { createClient } = await import('@sweep/client/client')
  try {
    return await createClient({ url }).health(AbortSignal.timeout(timeoutMs))
  } catch {
    return undefined
  }
}

/** Environment of a server that is started with these options. */
export function serverEnvironment(context: CliContext, options: ServerOptions): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(context.process.environment)) {
    if (value !== undefined) environment[name] = value
  }
  environment['SWEEP_HOME'] = context.settings.home
  if (options.port !== undefined) environment['SWEEP_PORT'] = String(options.port)
  if (options.grpcPort !== undefined) environment['SWEEP_GRPC_PORT'] = String(options.grpcPort)
  if (options.slots !== undefined) environment['SWEEP_SLOTS'] = String(options.slots)
  if (options.gpus !== undefined) environment['SWEEP_GPUS'] = options.gpus
  if (options.withAgent === false) environment['SWEEP_AGENT'] = 'off'
  return environment
}

const START_TIMEOUT_MS = 90_000

export interface StartedServer {
  readonly server: ServerFile
  /** False when one ran already. */
  readonly isNew: boolean
}

/**
 * Starts the local server in the background and waits until it answers.
 *
 * @throws SweepError `port-in-use`, or `unavailable` with the end of its log, when it does not come up
 */
export async function startServer(context: CliContext, options: ServerOptions): Promise<StartedServer> {
  const { home } = context.settings
  const running = await runningServer(home)
  if (running !== undefined && (await healthOf(running.url)) !== undefined) return { server: running, isNew: false }
  const program = builtFile('standalone.js')
  const logPath = join(home, 'server.log')
  const log = openLog(home, logPath)
  const logStart = (await stat(logPath)).size
  const isFirst = logStart === 0
  context.say(
    isFirst ? 'Starting the local server (the first start makes its database) …' : 'Starting the local server …',
  )
  const child = spawn(process.execPath, [program], {
    cwd: home,
    env: serverEnvironment(context, options),
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  child.unref()
  let ended: string | undefined
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, signal) => (ended ??= signal === null ? `exit code ${code}` : signal))

  const deadline = context.process.now() + START_TIMEOUT_MS
  let told = false
  for (;;) {
    const server = await runningServer(home)
    if (server !== undefined && (await healthOf(server.url))?.status === 'ok') {
      return { server, isNew: server.pid === child.pid }
    }
    const left = deadline - context.process.now()
    if (ended !== undefined && server === undefined) throw await startError(logPath, logStart, `it ended (${ended})`)
    if (left < 0) throw await startError(logPath, logStart, `it did not answer within ${START_TIMEOUT_MS / 1000} s`)
    if (left < START_TIMEOUT_MS - 5000 && !told) {
      context.say(`Waiting for the database and the first answer; the log is ${logPath}`)
      told = true
    }
    await context.process.sleep(30)
  }
}

function openLog(home: string, path: string): number {
  try {
    makeFolder(home)
    return openSync(path, 'a', 0o600)
  } catch (cause) {
    throw new SweepError('unavailable', `${home} cannot be written to.`, {
      hint: 'Set SWEEP_HOME to a folder of yours.',
      retryable: false,
      cause,
    })
  }
}

async function startError(logPath: string, logStart: number, what: string): Promise<SweepError> {
  const bytes = await readFile(logPath).catch(() => Buffer.alloc(0))
  const said = lastWords(bytes.subarray(logStart).toString('utf8'))
  if (/EADDRINUSE|port-in-use|port is in use|is taken by another program/i.test(said)) {
    const flag = /the port of gRPC/.test(said) ? '--grpc-port' : '--port'
    return new SweepError('port-in-use', `The server did not start: its port is in use. ${said}`, {
      hint: `Choose another with ${flag}, or ${flag} 0 for any that is free.`,
    })
  }
  return new SweepError('internal', `The server did not start: ${what}.${said === '' ? '' : `\n${said}`}`, {
    hint: `The whole log is ${logPath}; \`sweep doctor\` checks what it needs.`,
  })
}

/** The errors at the end of a log of JSON lines, or its last lines when there are none. */
export function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '')
  const errors = lines.flatMap((line) => {
    const text = errorOfLogLine(line)
    return text === undefined ? [] : [text]
  })
  // What stopped it before it had a log stands there as plain text.
  const plain = lines.filter((line) => !line.startsWith('{') && !/^\s+at /.test(line))
  return (plain.length > 0 ? plain.slice(-5) : errors.length > 0 ? errors.slice(-2) : lines.slice(-3))
    .join('\n')
    .slice(-2000)
}

function errorOfLogLine(line: string): string | undefined {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof entry !== 'object' || entry === null || !('level' in entry) || Number(entry.level) < 50) return undefined
  const error = 'err' in entry && typeof entry.err === 'object' && entry.err !== null ? entry.err : undefined
  const message = error !== undefined && 'message' in error ? String(error.message) : ''
  const hint = error !== undefined && 'hint' in error && typeof error.hint === 'string' ? ` ${error.hint}` : ''
  return 'msg' in entry && String(entry.msg) !== message ? `${String(entry.msg)}: ${message}${hint}` : message + hint
}

/**
 * Asks the server to end and waits until it has.
 *
 * @returns false when it has not ended within `timeoutMs`
 */
export async function stopServer(context: CliContext, server: ServerFile, timeoutMs = 60_000): Promise<boolean> {
  try {
    process.kill(server.pid, 'SIGTERM')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return true
    throw new SweepError('forbidden', `Process ${server.pid} is not ours to stop.`, {
      hint: 'Stop it as the user who started it.',
      cause: error,
    })
  }
  const deadline = context.process.now() + timeoutMs
  while (await isRunning(server.pid)) {
    if (context.process.now() > deadline) return false
    await context.process.sleep(30)
  }
  return true
}
