import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cause } from '@sweep/spec/attempt'
import { z } from 'zod'
import type { Exit, LaunchCalls, LaunchRecord, Running } from '../launcher.ts'
import { type PlaceOf, placeOf } from '../place.ts'
import type { ClusterView, Watcher } from './cluster-view.ts'
import { whyNoPod, whyPreempted } from './job-events.ts'
import { limitsOf } from './job-manifest.ts'
import { JobRemoval } from './job-removal.ts'
import { type KubeClient, KubeError } from './kube-client.ts'
import { LogFollower } from './log-follower.ts'
import { Job, type Pod } from './objects.ts'
import {
  hasEnded,
  isUnexplained,
  type PodState,
  podState,
  preemptedExit,
  pullError,
  startOf,
  stateKey,
} from './pod-cause.ts'
import { podOfLog } from './run-log.ts'

/** What passes or does not by time alone is looked at this often. */
const LOOK_AGAIN_MS = 1000
/** A Job usually has its pod at once; what keeps one from it is asked for so often. */
const ASK_WHY_MS = 5000
/** The end of an attempt waits this long for more of its output, which the node may be slow to give. */
const LAST_OUTPUT_MS = 30_000
/** The same where the pod is gone, or its node. */
const LOST_OUTPUT_MS = 5000
/** A call that the API server did not answer is made again after this. */
const CALL_AGAIN_MS = 1000

const KeptExit = z.object({
  code: z.int().nullable(),
  signal: z.string().nullable(),
  outOfMemory: z.boolean(),
  failure: z.object({ cause: Cause, message: z.string() }).optional(),
})

export interface RunDeps {
  readonly client: KubeClient
  readonly view: ClusterView
  /** How long ago something was, in ms, by its time in the cluster. */
  readonly sinceMs: (time: string | undefined) => number
  /** The cluster can't be asked, or what was asked can't be done now. */
  readonly onTrouble: (error: unknown) => void
}

/** One attempt as a Kubernetes Job: the view tells what becomes of it, and its output is brought here. */
export class KubernetesRun implements Running, Watcher {
  readonly id: string
  readonly place: PlaceOf<'kubernetes'>
  readonly exited: Promise<Exit>
  readonly begun: Promise<number>
  readonly #deps: RunDeps
  readonly #record: LaunchRecord
  readonly #calls: LaunchCalls
  readonly #removal: JobRemoval
  readonly #timer: NodeJS.Timeout
  /** Of the pod that an agent before this one has seen. */
  readonly #firstPod: string | undefined
  #settle: (exit: Exit) => void = () => undefined
  #begin: (ranMs: number) => void = () => undefined
  /** Undefined until it is known whether there is one. */
  #job: Job | null | undefined
  #pod: Pod | null = null
  #noPod: string | undefined
  #pullError: string | undefined
  #askedWhyAt = performance.now()
  #isPodGone = false
  #endedBy: 'SIGTERM' | 'SIGKILL' | null = null
  #stateKey = ''
  #stateSince = performance.now()
  #told = ''
  #log: LogFollower | undefined
  #isOver = false
  #isReleased = false
  #onChange: (() => void)[] = []

  /** @param job as it was just made; undefined for one that an agent before this one made */
  constructor(deps: RunDeps, record: LaunchRecord, calls: LaunchCalls, job?: Job) {
    this.id = record.id
    this.place = placeOf(record.place, 'kubernetes')
    this.#deps = deps
    this.#record = record
    this.#calls = calls
    this.#removal = new JobRemoval(deps.client, this.place)
    this.#job = job
    this.#firstPod = podOfLog(record.outputPath)
    this.begun = new Promise((resolve) => {
      this.#begin = resolve
    })
    this.exited = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#timer = setInterval(() => this.#look(), LOOK_AGAIN_MS).unref()
    const kept = job === undefined ? readExit(record.exitPath) : undefined
    if (kept !== undefined) {
      this.#isOver = true
      this.#settle(kept)
    }
    deps.view.add(this)
    if (job === undefined) void this.#findJob()
  }

  get jobUid(): string {
    return this.place.uid
  }

  onJob(job: Job, isGone: boolean): void {
    this.#job = isGone ? null : job
    this.#look()
  }

  onPod(pod: Pod, isGone: boolean): void {
    // The cluster makes another pod for one that was deleted. An attempt runs once, so that one is not looked at.
    if ((this.#pod?.metadata.uid ?? this.#firstPod ?? pod.metadata.uid) === pod.metadata.uid) {
      this.#pod = pod
      this.#isPodGone = isGone
    }
    this.#look()
  }

  onListed(jobs: ReadonlyMap<string, Job>): void {
    if (this.#pod === null && this.#firstPod !== undefined) this.#isPodGone = true
    // A list that was on its way when the Job was made does not tell of it.
    if (this.#job !== undefined && !jobs.has(this.place.uid)) void this.#findJob()
    this.#look()
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#isOver || this.#endedBy === signal || this.#endedBy === 'SIGKILL') return
    this.#endedBy = signal
    void this.#remove(
      () => this.#isOver || this.#endedBy !== signal,
      signal === 'SIGKILL' ? 0 : Number.POSITIVE_INFINITY,
    )
  }

  async clear(graceMs: number): Promise<number> {
    const found = this.#pod !== null && !this.#isPodGone && !isTerminal(this.#pod) ? 1 : 0
    await this.#remove(() => false, graceMs)
    this.release()
    return found
  }

  release(): void {
    this.#isReleased = true
    clearInterval(this.#timer)
    this.#log?.close()
    this.#deps.view.remove(this)
  }

  #look(): void {
    for (const wake of this.#onChange.splice(0)) wake()
    if (this.#isOver || this.#job === undefined) return
    const key = stateKey(this.#pod)
    if (key !== this.#stateKey) {
      this.#stateKey = key
      this.#stateSince = performance.now()
    }
    const forMs = performance.now() - this.#stateSince
    const pod = this.#pod
    this.#pullError = pullError(pod) ?? this.#pullError
    const why = { noPod: this.#noPod, pullError: this.#pullError }
    const state = podState(
      { job: this.#job, pod, ...why, isPodGone: this.#isPodGone, endedBy: this.#endedBy, forMs },
      limitsOf(this.#job),
    )
    if (pod === null && state.kind === 'waiting' && performance.now() - this.#askedWhyAt >= ASK_WHY_MS) {
      void this.#askWhyNoPod()
    }
    // Before the cluster has made much of another pod for it.
    if (key === 'deleted' || this.#isPodGone) this.#removal.job().catch(this.#deps.onTrouble)
    this.#tell(state)
    if (state.kind === 'running') this.#begin(this.#deps.sinceMs(startOf(this.#pod)))
    if (this.#pod !== null && state.kind !== 'waiting') {
      this.#log ??= new LogFollower(this.#deps.client, this.#pod, this.#record.outputPath, this.#deps.onTrouble)
    }
    if (state.kind === 'ended') void this.#end(state.exit)
  }

  async #askWhyNoPod(): Promise<void> {
    this.#askedWhyAt = performance.now()
    try {
      this.#noPod = await whyNoPod(this.#deps.client, this.place)
    } catch (error) {
      this.#deps.onTrouble(error)
    }
  }

  #tell(state: PodState): void {
    const text = state.kind === 'waiting' ? `waiting: ${state.why}` : ''
    if (text === this.#told) return
    this.#told = text
    this.#calls.progress(text)
  }

  async #end(seen: Exit): Promise<void> {
    this.#isOver = true
    const isThere = this.#pod !== null && !this.#isPodGone && (isTerminal(this.#pod) || hasEnded(this.#pod))
    await this.#log?.finish(isThere ? LAST_OUTPUT_MS : LOST_OUTPUT_MS)
    const exit = await this.#explained(seen)
    try {
      writeFileSync(this.#record.exitPath, JSON.stringify(exit))
    } catch (error) {
      // A full disk: an agent that comes later asks the cluster, as this one did.
      this.#deps.onTrouble(error)
    }
    this.#settle(exit)
  }

  /** A pod of an older cluster that was deleted does not say for whom; the scheduler does. */
  async #explained(exit: Exit): Promise<Exit> {
    if (this.#pod === null || !isUnexplained(exit)) return exit
    try {
      const said = await whyPreempted(this.#deps.client, this.#pod)
      return said === undefined ? exit : preemptedExit(said)
    } catch (error) {
      this.#deps.onTrouble(error)
      return exit
    }
  }

  /** Asks for the Job itself, as long as it takes. */
  async #findJob(): Promise<void> {
    const { name, namespace, uid } = this.place
    while (!this.#isReleased) {
      try {
        const found = Job.parse(
          await this.#deps.client.call('GET', `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`),
        )
        this.#job = found.metadata.uid === uid ? found : null
        break
      } catch (error) {
        if (error instanceof KubeError && error.status === 404) {
          this.#job = null
          break
        }
        this.#deps.onTrouble(error)
        await sleep(CALL_AGAIN_MS)
      }
    }
    this.#look()
  }

  /** Removes the Job, and ends its pods until there are none or `isEnough`: with their own grace, or at once after `graceMs`. */
  async #remove(isEnough: () => boolean, graceMs: number): Promise<void> {
    const urgentAt = performance.now() + graceMs
    while (!this.#isReleased && !isEnough()) {
      const changed = new Promise<void>((resolve) => this.#onChange.push(resolve))
      try {
        await this.#removal.job()
        const pods = await this.#removal.livingPods()
        if (pods.length === 0) {
          // One that was never heard of can't be made any more.
          this.#isPodGone ||= this.#pod === null
          this.#look()
          return
        }
        for (const pod of pods) await this.#removal.pod(pod, performance.now() >= urgentAt)
      } catch (error) {
        this.#deps.onTrouble(error)
      }
      await Promise.race([changed, sleep(CALL_AGAIN_MS)])
    }
  }
}

function isTerminal({ status: { phase } }: Pod): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

function readExit(path: string): Exit | undefined {
  try {
    return KeptExit.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}
