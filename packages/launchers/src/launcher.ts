/**
 * Starts and stops one attempt on one kind of place (a process, later a container or a Kubernetes Job). An
 * implementation passes `launcherContract` in `launcher-contract.ts`.
 */
export interface LaunchSpec {
  /** The attempt's id; also the tag by which everything it starts is found again. */
  readonly id: string
  /** Program and arguments, no shell in between. */
  readonly argv: readonly string[]
  /** Absolute folder in which the program starts. */
  readonly cwd: string
  /** The whole environment of the program; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** File to which stdout and stderr are appended. */
  readonly outputPath: string
  /** File that gets the exit code as one line, so that an agent that is not the parent can learn it. */
  readonly exitPath: string
}

/** Enough to find a running attempt again after a restart of the agent. A pid alone is no identity: pids are reused. */
export interface ProcessRecord {
  readonly id: string
  readonly pid: number
  /** When the process started, in a unit that only comparison needs; see `process-identity.ts`. */
  readonly startTime: string
  readonly exitPath: string
}

export interface Exit {
  /** Null when a signal ended the program, or nothing is known. */
  readonly code: number | null
  readonly signal: string | null
  /** The kernel killed it for memory. */
  readonly outOfMemory: boolean
}

export interface Running {
  readonly id: string
  readonly pid: number
  readonly startTime: string
  /** Resolves once the main process has ended; never rejects. */
  readonly exited: Promise<Exit>
  /** Sends a signal to everything the attempt consists of. Does nothing when nothing is left. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void
  /**
   * Ends what the attempt left behind (SIGTERM, after `graceMs` SIGKILL), grandchildren in other sessions included, and
   * resolves when nothing of it lives: only then is the slot free. Resolves to the number of processes found.
   */
  clear(graceMs: number): Promise<number>
}

export type Launched =
  | { readonly kind: 'started'; readonly running: Running }
  /** The program can't be started, here or anywhere: what and why, and what to do. */
  | { readonly kind: 'bad-command'; readonly message: string }
  /** This host can't start programs now (no processes, no memory, disk full). */
  | { readonly kind: 'node-fault'; readonly message: string }

export interface Launcher {
  readonly name: string
  launch(spec: LaunchSpec): Promise<Launched>
  /** Takes over an attempt started earlier, dead or alive. A dead one's `exited` resolves at once. */
  adopt(record: ProcessRecord): Promise<Running>
}
