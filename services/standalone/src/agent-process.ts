import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ENDS_WITH_STDIN } from '@sweep/agent/parent-pipe'
import { SweepError } from '@sweep/spec/errors'
import type { Logger } from 'pino'

const FIRST_RESTART_MS = 500
const LONGEST_RESTART_MS = 30_000
/** An agent that lived this long was well; the next one is started without delay. */
const LIVED_WELL_MS = 60_000
/** The agent sees to its own end within half a minute; this is for one that hangs. */
const STOP_MS = 60_000

export interface AgentProcessOptions {
  /** Program of the agent: the bundle beside ours. */
  readonly path: string
  /** The agent's whole environment: its settings, and what its programs inherit. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

/**
 * The agent as a child of the server: to fork costs time in proportion to the memory of the process that forks, so a
 * small one starts trials several times as fast as the server could. It lives and dies with the server: its standard
 * input is a pipe from us that closes when we end, however we end. It has a session of its own, so that Ctrl-C in a
 * terminal reaches us alone, and we stop it in order.
 */
export class AgentProcess {
  readonly #options: AgentProcessOptions
  #child: ChildProcess | undefined
  #restart: NodeJS.Timeout | undefined
  #restartMs = FIRST_RESTART_MS
  #isStopping = false

  constructor(options: AgentProcessOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  start(): void {
    const { path, env, log } = this.#options
    const startedAt = performance.now()
    const child = spawn(process.execPath, [path], {
      env: { ...env, [ENDS_WITH_STDIN]: '1' },
      detached: true,
      stdio: ['pipe', 'inherit', 'inherit'],
    })
    this.#child = child
    child.stdin?.on('error', () => undefined)
    let isOver = false
    const onEnd = (facts: object) => {
      if (isOver) return
      isOver = true
      this.#child = undefined
      if (this.#isStopping) return
      if (performance.now() - startedAt > LIVED_WELL_MS) this.#restartMs = FIRST_RESTART_MS
      log.error({ ...facts, restartMs: this.#restartMs }, 'agent ended by itself; it is started again')
      this.#restart = setTimeout(() => this.start(), this.#restartMs)
      this.#restartMs = Math.min(LONGEST_RESTART_MS, this.#restartMs * 2)
    }
    child.once('error', (err) => onEnd({ err }))
    child.once('exit', (code, signal) => onEnd({ code, signal }))
  }

  /** Lets the agent end what it runs and report that; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (child === undefined) return
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
    })
    child.kill('SIGTERM')
    const timer = setTimeout(() => {
      this.#options.log.error({ ms: STOP_MS }, 'agent does not end; killed')
      child.kill('SIGKILL')
    }, STOP_MS)
    await gone
    clearTimeout(timer)
  }
}

/**
 * The bundled agent: beside the bundle of the server, or in dist/ for a server that runs from the source tree.
 * @throws SweepError `internal` when nothing has been bundled
 */
export function findAgent(): string {
  const places = ['./agent.js', '../agent.js', '../../../dist/agent.js']
  const found = places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new SweepError('internal', 'The program of the agent (agent.js) is not beside the server.', {
    hint: 'Run `npm run build`, or set SWEEP_AGENT=off.',
  })
}
