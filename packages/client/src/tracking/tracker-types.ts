/** The tracker for programs in Node. This file names nothing of other files: the build ships it as its declarations. */

/** NaN and infinities are kept. */
export type MetricValues = { readonly [name: string]: number }

export interface StartRunOptions {
  readonly name?: string
  /** SWEEP_PROJECT when absent. */
  readonly project?: string
  /** SWEEP_EXPERIMENT when absent. */
  readonly experiment?: string
  readonly group?: string
  readonly notes?: string
  /** The run that this one is below; in a trial, this makes a run of its own below the trial's. */
  readonly parentRunId?: string
  /** As for `logParams`. */
  readonly params?: object
  readonly tags?: { readonly [name: string]: string }
  /** The id of a run to go on with. */
  readonly resume?: string
  /** SWEEP_URL, or the local server, when absent. */
  readonly url?: string
  readonly token?: string
  /** True: nothing is sent before `syncRuns`, or `sweep runs sync` in a shell. */
  readonly offline?: boolean
  /** False: nothing is noted of environment and code. */
  readonly capture?: boolean
  /** How often what has been logged is sent; 1000 when absent. */
  readonly flushMs?: number
}

export interface ArtifactOptions {
  /** Its path among the run's artifacts; the file's own name when absent. */
  readonly name?: string
  /** Such as `model`, `dataset`, `plot`; `file` when absent. */
  readonly type?: string
  /** As JSON at most 64 KiB. */
  readonly metadata?: object
  /** Names for this version, such as `best`. */
  readonly aliases?: readonly string[]
}

export interface ModelOptions {
  /** Such as `onnx` or `tfjs`. */
  readonly framework?: string
  /** The step it was saved at. */
  readonly step?: number
  /** What goes in and comes out, as JSON. */
  readonly signature?: object
  /** With the above as JSON at most 64 KiB. */
  readonly metadata?: object
  /** Names for this version, such as `best`. */
  readonly aliases?: readonly string[]
  /** Registers it as a version of this model, once its files are uploaded. */
  readonly registeredModelName?: string
}

export interface EndRunOptions {
  /** `completed` when absent. */
  readonly status?: 'completed' | 'failed' | 'killed'
  /** Why. */
  readonly message?: string
  /** How long to wait for a server that does not answer; SWEEP_EXIT_WAIT in seconds, or 5000 ms, when absent. */
  readonly patienceMs?: number
}

/** What a sweep wants of the program; never a stop outside of trials. */
export interface RunDecision {
  readonly stop: boolean
  /** In one word: pruned, stopped, cancelled, paused, budget, timeout, preempted; empty without a stop. */
  readonly reason: string
  /** A checkpoint is wanted. */
  readonly save: boolean
}

/**
 * A run to log to. No method throws or rejects, unless SWEEP_STRICT=1: what can't be done is said once on stderr. What is
 * logged is on disk when the call returns, and on its way to the server after that.
 */
export interface TrackedRun {
  readonly id: string
  /** Whether it is the run of the trial that this program is. */
  readonly isTrial: boolean
  /** The server; undefined when there is none, and the run stays on disk. */
  readonly url: string | undefined
  /** Nested or flat: `{optimizer: {lr: 0.1}}` is `optimizer.lr`. With `overwrite` a known param gets the new value. */
  logParams(params: object, options?: { readonly overwrite?: boolean }): void
  /** Metrics of one step, a whole number; one more than the last when absent. */
  logMetrics(
    metrics: MetricValues,
    step?: number,
    options?: { readonly context?: 'train' | 'eval' | 'test' },
  ): RunDecision
  /** Null takes a tag away. */
  setTags(tags: { readonly [name: string]: string | null }): void
  setNotes(notes: string): void
  /** A file, or all files of a folder. Once it resolves the file may be changed: a copy is uploaded. */
  logArtifact(path: string, options?: ArtifactOptions): Promise<void>
  /** The files of a model, a file or a folder, as `models/<name>/…` of type `model`; `model` when `name` is absent. */
  logModel(path: string, name?: string, options?: ModelOptions): Promise<void>
  /** Whether the server has all that was logged before; waits until it does, or does not answer for `patienceMs`. */
  flush(patienceMs?: number): Promise<boolean>
  /** Ends it (a trial's run ends with its trial), and waits as `flush` does. */
  end(options?: EndRunOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a run; in a trial gives the trial's own. Never rejects. A run that is not ended ends with the program. */
export type StartRun = (options?: StartRunOptions) => Promise<TrackedRun>

export interface SyncOptions {
  readonly url?: string
  readonly token?: string
}

export interface Synced {
  readonly runId: string
  /** Whether the server has all of it now. */
  readonly isSent: boolean
}

/**
 * Sends what programs have left on this disk.
 * @param folder of one run or of several, also one from another machine; where runs of this machine are kept when absent
 */
export type SyncRuns = (folder?: string, options?: SyncOptions) => Promise<readonly Synced[]>
