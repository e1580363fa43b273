import { type ChildProcess, spawn } from 'node:child_process'
import type { Environment } from '@sweep/spec/environment'
import type { Logger } from 'pino'
import type { AgentHome } from './agent-home.ts'

/** What it takes to find containers and Jobs again; a kubeconfig may name a program that logs in. */
const PASSED = [
  ...['DOCKER_HOST', 'SWEEP_KUBECONFIG', 'KUBECONFIG', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'],
  ...['PATH', 'HOME'],
]
/** How long before the end of a lease the reaper acts, at most; and at most a fifth of the lease. */
const MARGIN_MS = 5000

/** The agent's side of the reaper; see `reaper.ts`. */
export class ReaperLink {
  readonly #path: string | undefined
  readonly #home: AgentHome
  readonly #log: Logger
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #isClosed = false

  /** @param path the bundled reaper; undefined means that there is none, and that programs outlive a killed agent */
  constructor(path: string | undefined, home: AgentHome, env: Environment, log: Logger) {
    this.#path = path
    this.#home = home
    this.#env = Object.fromEntries(PASSED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
    this.#log = log
    if (path === undefined) log.warn('no reaper: if this agent is killed, its programs go on')
  }

  /** The server has granted or renewed the lease of everything that runs here. */
  leaseGranted(leaseMs: number): void {
    if (this.#path === undefined || this.#isClosed) return
    this.#child ??= this.#start(this.#path, Math.min(MARGIN_MS, leaseMs / 5))
    this.#child.stdin?.write(`lease ${leaseMs}\n`)
  }

  /** Nothing of ours runs any more, or somebody else will look after it. */
  close(): void {
    this.#isClosed = true
    this.#child?.stdin?.end('bye\n')
    this.#child?.unref()
  }

  #start(path: string, marginMs: number): ChildProcess {
    const { path: home, nonce } = this.#home
    const child = spawn(process.execPath, ['--max-old-space-size=64', path, home, String(marginMs), nonce], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      env: { ...this.#env },
    })
    child.unref()
    child.stdin?.on('error', () => undefined)
    child.on('error', (error) => this.#log.warn({ err: error }, 'reaper not started'))
    child.on('exit', (code, signal) => {
      // Started again with the next heartbeat.
      this.#child = undefined
      if (!this.#isClosed) this.#log.warn({ code, signal }, 'reaper ended')
    })
    return child
  }
}
