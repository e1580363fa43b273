import type { Cause } from '@sweep/spec/attempt'
import type { KubernetesPod } from '@sweep/spec/document/kubernetes-pod'
import type { Container } from '@sweep/spec/document/sweep-document'
import type { Config } from '@sweep/spec/search-space'
import type { Place } from './place.ts'

/**
 * Starts and stops attempts on one kind of place: processes of this host, containers, or Kubernetes Jobs. An
 * implementation passes `launcherContract` in `launcher-contract.ts`.
 */
export interface LaunchSpec {
  /** The attempt's id; also the tag by which everything it starts is found again. */
  readonly id: string
  /** Who starts it: what a killed agent left behind is found by this. */
  readonly agent: AgentIdentity
  /** What people look for in the tools of the place. */
  readonly labels: { readonly sweep: string; readonly trial: number; readonly attempt: number; readonly epoch: number }
  /** Program and arguments, no shell in between. */
  readonly argv: readonly string[]
  /** Absolute folder on this host: where the program starts unless the container says otherwise. */
  readonly cwd: string
  /** The whole environment of the program; a container adds that of its image. */
  /** Of a remote launcher: the folder on this host with the code that is to be brought to the program, where any is. */
  readonly codeFolder?: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly params: Config
  /** Absolute folder on this host with everything the program reads and writes for us. */
  readonly runFolder: string
  /** Folder of the checkpoint to go on from, on this host. */
  readonly restore?: string | undefined
  /** Copies of its checkpoints are wanted; a program that no agent sees makes them itself. */
  readonly keepsCheckpoints?: boolean | undefined
  /** Folder of `sweep.py`; undefined where it was not found. */
  readonly sdkFolder: string | undefined
  /** Devices bound to the attempt; none when it is to see none, undefined when nothing is known of GPUs. */
  readonly gpus: readonly BoundGpu[] | undefined
  /** What the sweep asked for, which a container is held to. */
  readonly resources: {
    readonly cpus?: number | undefined
    readonly memoryBytes?: number | undefined
    readonly gpus?: number | undefined
  }
  /** From SIGTERM to SIGKILL, where somebody else than us may have to end it. */
  readonly graceMs: number
  /** Present for the launcher that it is for. */
  readonly container?: Container | undefined
  readonly kubernetes?: KubernetesPod | undefined
  /** File to which stdout and stderr are appended. */
  readonly outputPath: string
  /** File that tells how the attempt ended, so that an agent that comes later can learn it. */
  readonly exitPath: string
}

export interface AgentIdentity {
  /** The same over restarts, on whatever host, and nobody else's. */
  readonly id: string
  /** Absolute path of the agent's home; it is in the environment of every program too. */
  readonly home: string
}

/** An attempt whose start was under way when its agent was killed: it may run, have ended, or never have begun. */
export interface LaunchUnderWay {
  readonly id: string
  readonly epoch: number
  readonly agent: AgentIdentity
  readonly exitPath: string
}

export interface BoundGpu {
  readonly index: number
  readonly uuid?: string | undefined
}

/** Enough to find a running attempt again after a restart of the agent. */
export interface LaunchRecord {
  readonly id: string
  readonly place: Place
  readonly outputPath: string
  readonly exitPath: string
}

export interface Exit {
  /** Null when a signal ended the program, or nothing is known. */
  readonly code: number | null
  readonly signal: string | null
  /** The kernel killed it for memory. */
  readonly outOfMemory: boolean
  /** What the launcher knows better than code and signal tell: the node went away, somebody removed the container. */
  readonly failure?: { readonly cause: Cause; readonly message: string } | undefined
}

/** Nothing is known of how it ended. */
export const UNKNOWN_EXIT: Exit = { code: null, signal: null, outOfMemory: false }

export interface Running {
  readonly id: string
  readonly place: Place
  /**
   * Resolves when the program itself runs, to how long it has run by then (ms), where it may have to wait for a place
   * first. Absent where it runs already.
   */
  readonly begun?: Promise<number>
  /** Resolves once the main process has ended and its output is in the output file; never rejects. */
  readonly exited: Promise<Exit>
  /** Sends a signal to everything the attempt consists of. Does nothing when nothing is left. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void
  /**
   * Ends and removes what the attempt left behind (SIGTERM, after `graceMs` SIGKILL), grandchildren in other sessions
   * included, and resolves when nothing of it lives: only then is the slot free. Resolves to how many processes were
   * found alive.
   */
  clear(graceMs: number): Promise<number>
  /** Looks after it no longer: it lives on, and another agent may take it over. `exited` may never resolve then. */
  release?(): void
}

export type Launched =
  | { readonly kind: 'started'; readonly running: Running }
  /** The program can't be started, here or anywhere: what and why, and what to do. */
  | { readonly kind: 'bad-command'; readonly message: string }
  /** This host can't start programs now (no processes, no memory, disk full, no engine). */
  | { readonly kind: 'node-fault'; readonly message: string }
  /** `aborted` came before the program was started, and nothing of it is left. */
  | { readonly kind: 'aborted' }

/** What goes on between the agent and a launch that takes its time. */
export interface LaunchCalls {
  /** What the attempt waits for, for people: `pulling pytorch/pytorch:2.5, 41%`. Told again when it changes. */
  progress(text: string): void
  /** Nobody wants the attempt any more. */
  readonly aborted: AbortSignal
}

export interface FoundOfOthers {
  readonly leftovers: readonly Leftover[]
  /** Namespaces that this agent may not look into, each with the reason. */
  readonly closed: ReadonlyMap<string, string>
}

/** What an agent has started in a place that others see too. */
export interface Leftover {
  /** Of the attempt. */
  readonly id: string
  /** Of the claim under which it was started. */
  readonly epoch: number
  /** Ends and removes it. */
  end(): Promise<void>
}

/** What an attempt has used of its host. */
export interface Usage {
  /** CPU time since the attempt began. */
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

export interface Launcher {
  readonly name: string
  /** Programs see the file system of this host: its PATH and interpreters are theirs. */
  readonly runsOnHost: boolean
  /** Programs see no file of this host: no `control.json` reaches them, and their checkpoints are elsewhere. */
  readonly isRemote?: boolean
  /** GPUs that there are for such programs; undefined where that can't be told. */
  gpus?(): Promise<number | undefined>
  /** Why nothing can be launched now, for people; without it, or when undefined, something can. */
  unavailable?(): Promise<string | undefined>
  launch(spec: LaunchSpec, calls: LaunchCalls): Promise<Launched>
  /**
   * Takes over an attempt started earlier, dead or alive. A dead one's `exited` resolves at once.
   * @param calls as for `launch`: an attempt of a cluster may still wait to be run
   */
  adopt(record: LaunchRecord, calls: LaunchCalls): Promise<Running>
  /**
   * Where an attempt is that was being started when its agent was killed, for `adopt`. Undefined when it never came to
   * run, or left no trace; what there was of it is removed then.
   */
  find(launch: LaunchUnderWay): Promise<Place | undefined>
  /**
   * Ends whatever this agent had started, save what it has records of: it was killed in the moment between start and
   * record, or while it was away.
   * @param known ids of the attempts that there are records of
   * @returns ids of the attempts that were ended
   */
  endStrays(agent: AgentIdentity, known: ReadonlySet<string>): Promise<readonly string[]>
  /**
   * What agents other than this one have started in the places that it uses itself, dead or alive. Absent where nothing
   * outlives its agent by long.
   * @param lost namespaces of a cluster in which to look besides
   */
  ofOthers?(agent: AgentIdentity, lost: readonly string[]): Promise<FoundOfOthers>
  /** Where the place itself counts what is used; without it the agent looks at the processes of its host. */
  usage?(running: Running): Promise<Usage | undefined>
}
