import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { endTagged } from '@sweep/launchers/process/process-group'
import type { ProgramEnd, Spawned, Spawner, SpawnRequest } from '@sweep/launchers/process/spawner'
import { type FromSpawner, MessageLines, type ToSpawner, toLine } from '@sweep/launchers/process/spawner-messages'
import { ATTEMPT_TAG } from '@sweep/launchers/process/tagged-processes'
import type { Environment } from '@sweep/spec/environment'
import type { Logger } from 'pino'
import type { AgentHome } from './agent-home.ts'

/** What it takes to find containers and Jobs again; a kubeconfig may name a program that logs in. */
const PASSED = [
  ...['DOCKER_HOST', 'SWEEP_KUBECONFIG', 'KUBECONFIG', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'],
  ...['PATH', 'HOME'],
]
type Child = ChildProcessByStdio<Writable, Readable, null>

/** A spawn that was asked for, until its end is known. */
interface Asked {
  readonly request: SpawnRequest
  readonly answer: (spawned: Spawned) => void
  /** There once it has started. */
  end?: (end: ProgramEnd | undefined) => void
}

/** The agent's side of the reaper; see `reaper.ts`. */
export class ReaperLink implements Spawner {
  readonly #path: string
  readonly #home: AgentHome
  readonly #log: Logger
  readonly #env: Readonly<Record<string, string>>
  readonly #asked = new Map<number, Asked>()
  #turn = 0
  #child: Child | undefined
  #isClosed = false

  /** @param path the bundled reaper */
  constructor(path: string, home: AgentHome, env: Environment, log: Logger) {
    this.#path = path
    this.#home = home
    this.#env = Object.fromEntries(PASSED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
    this.#log = log
  }

  spawn(request: SpawnRequest): Promise<Spawned> {
    this.#turn += 1
    const turn = this.#turn
    return new Promise((answer) => {
      this.#asked.set(turn, { request, answer })
      this.#send({ kind: 'spawn', turn, request })
    })
  }

  /** The server has granted or renewed the lease of everything that runs here. */
  leaseGranted(leaseMs: number): void {
    if (this.#isClosed) return
    this.#send({ kind: 'lease', ms: leaseMs })
  }

  /** Nothing of ours runs any more, or somebody else will look after it. */
  close(): void {
    this.#isClosed = true
    if (this.#child === undefined) return
    this.#child.stdin.end(toLine({ kind: 'bye' }))
    this.#child.stdout.destroy()
  }

  #send(message: ToSpawner): void {
    this.#child ??= this.#start()
    this.#child.stdin.write(toLine(message))
  }

  #onMessage(message: FromSpawner): void {
    const asked = this.#asked.get(message.turn)
    if (asked === undefined) return
    switch (message.kind) {
      case 'started': {
        const { pid, startTime } = message
        const ended = new Promise<ProgramEnd | undefined>((resolve) => {
          asked.end = resolve
        })
        asked.answer({ kind: 'started', pid, startTime, ended })
        break
      }
      case 'failed':
        this.#asked.delete(message.turn)
        asked.answer({ kind: 'failed', failure: message.failure })
        break
      case 'ended':
        this.#asked.delete(message.turn)
        asked.end?.(message.end)
        break
    }
  }

  #start(): Child {
    const { path: home, nonce } = this.#home
    const child = spawn(process.execPath, ['--max-old-space-size=64', this.#path, home, nonce], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      cwd: '/',
      env: { ...this.#env },
    })
    child.unref()
    child.stdin.on('error', () => undefined)
    const messages = new MessageLines<FromSpawner>()
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      for (const message of messages.read(chunk)) this.#onMessage(message)
    })
    child.on('error', (error) => this.#log.warn({ err: error }, 'reaper not started'))
    // After all it has said.
    child.on('close', (code, signal) => {
      if (this.#isClosed) return
      this.#log.warn({ code, signal }, 'reaper ended')
      // Started again with the next heartbeat or program.
      this.#child = undefined
      this.#settleAll()
    })
    return child
  }

  /** What runs is left to be watched; what was about to be started is ended, if it ever began. */
  #settleAll(): void {
    const left = [...this.#asked.values()]
    this.#asked.clear()
    for (const { request, answer, end } of left) {
      if (end !== undefined) {
        end(undefined)
        continue
      }
      const failure = {
        step: 'program',
        code: undefined,
        message: 'the process that starts programs was killed',
      } as const
      void endTagged(ATTEMPT_TAG, request.id, 0).then(() => answer({ kind: 'failed', failure }))
    }
  }
}
