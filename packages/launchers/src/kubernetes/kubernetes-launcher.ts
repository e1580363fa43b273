import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '@sweep/spec/clock'
import type { KubernetesPod } from '@sweep/spec/document/kubernetes-pod'
import { z } from 'zod'
import type {
  AgentIdentity,
  FoundOfOthers,
  LaunchCalls,
  Launched,
  Launcher,
  LaunchRecord,
  LaunchSpec,
  LaunchUnderWay,
  Leftover,
  Running,
} from '../launcher.ts'
import { type Place, type PlaceOf, placeOf } from '../place.ts'
import { clusterGpus } from './cluster-gpus.ts'
import { ClusterView } from './cluster-view.ts'
import {
  ATTEMPT_ANNOTATION,
  codeSecretManifest,
  jobManifest,
  jobName,
  LABELS,
  labelValue,
  type ServerVersion,
  secretManifest,
} from './job-manifest.ts'
import { JobRemoval } from './job-removal.ts'
import { type KubeClient, KubeError } from './kube-client.ts'
import { KubernetesRun } from './kubernetes-run.ts'
import { namespacesOf, rememberNamespace } from './namespaces.ts'
import { Job } from './objects.ts'
import { type CodeFile, CodeTooLarge, readCode } from './read-code.ts'
import { readSdk } from './read-sdk.ts'

/** An API server that is restarted is back in less; after this the attempt is given to another agent. */
const UNANSWERED_MS = 60_000
const CALL_AGAIN_MS = 1000
/** Kubernetes' own limit for what a Secret holds. */
const MOST_FILE_BYTES = 1024 * 1024

const Jobs = z.object({ items: z.array(Job) })

export interface KubernetesLauncherOptions {
  readonly client: KubeClient
  /** Of sweeps that name none. */
  readonly namespace: string
  readonly clock: Clock
  /** The cluster can't be asked, or what was asked can't be done now; told each time. */
  readonly onTrouble: (error: unknown) => void
}

/** Attempts as Kubernetes Jobs of one pod each. */
export class KubernetesLauncher implements Launcher {
  readonly name = 'kubernetes'
  readonly runsOnHost = false
  readonly isRemote = true
  readonly #client: KubeClient
  readonly #namespace: string
  readonly #onTrouble: (error: unknown) => void
  readonly #views = new Map<string, ClusterView>()
  readonly #sinceMs: (time: string | undefined) => number
  #version: ServerVersion | undefined

  constructor({ client, clock, namespace, onTrouble }: KubernetesLauncherOptions) {
    this.#client = client
    this.#namespace = namespace
    this.#onTrouble = onTrouble
    // Clocks differ: what began a moment ago is not in the future.
    this.#sinceMs = (time) => (time === undefined ? 0 : Math.max(0, clock.now() - Date.parse(time)))
  }

  async unavailable(): Promise<string | undefined> {
    try {
      await this.#serverVersion()
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  gpus(): Promise<number | undefined> {
    return clusterGpus(this.#client)
  }

  async launch(spec: LaunchSpec, calls: LaunchCalls): Promise<Launched> {
    const pod = spec.kubernetes
    if (pod === undefined)
      return { kind: 'bad-command', message: 'The sweep says nothing of its pods. Add kubernetes: {image: …}.' }
    const namespace = pod.namespace ?? this.#namespace
    let place: PlaceOf<'kubernetes'> | undefined
    try {
      const files = readFiles(spec)
      // Before there is anything to forget.
      rememberNamespace(spec.agent.home, namespace)
      const job = await this.#insist(calls, () => this.#makeJob(spec, pod, namespace, files.code))
      place = placeOfJob(job, spec.agent.id)
      const { uid } = job.metadata
      const secrets = [secretManifest(spec, files, uid)]
      if (files.code !== undefined) secrets.push(codeSecretManifest(spec, files.code, uid))
      for (const secret of secrets) {
        await this.#insist(calls, () => this.#make(`/api/v1/namespaces/${namespace}/secrets`, secret))
      }
      if (calls.aborted.aborted) throw new Aborted()
      const record = { id: spec.id, place, outputPath: spec.outputPath, exitPath: spec.exitPath }
      return { kind: 'started', running: new KubernetesRun(this.#deps(place), record, calls, job) }
    } catch (error) {
      if (place !== undefined) await this.#remove(place)
      return this.#explain(error, namespace)
    }
  }

  async adopt(record: LaunchRecord, calls: LaunchCalls): Promise<Running> {
    return new KubernetesRun(this.#deps(placeOf(record.place, 'kubernetes')), record, calls)
  }

  async find({ id, epoch, agent }: LaunchUnderWay): Promise<Place | undefined> {
    for (const namespace of namespacesOf(agent.home)) {
      const jobs = await this.#jobs(namespace, `${LABELS.agent}=${labelValue(agent.id)}`)
      const job = jobs.find(({ metadata }) => metadata.name === jobName(id, epoch))
      if (job === undefined) continue
      const place = placeOfJob(job, agent.id)
      const removal = new JobRemoval(this.#client, place)
      if (job.status.succeeded + job.status.failed > 0 || (await removal.hasBegun())) return place
      // Whether it has all its Secrets nobody knows, and without one of them it would wait for ever.
      await removal.job()
    }
    return undefined
  }

  async endStrays(agent: AgentIdentity, known: ReadonlySet<string>): Promise<string[]> {
    const ended: string[] = []
    for (const namespace of namespacesOf(agent.home)) {
      for (const job of await this.#jobs(namespace, `${LABELS.agent}=${labelValue(agent.id)}`)) {
        const id = job.metadata.annotations[ATTEMPT_ANNOTATION] ?? job.metadata.name
        if (known.has(id)) continue
        await new JobRemoval(this.#client, placeOfJob(job, agent.id)).job()
        ended.push(id)
      }
    }
    return ended
  }

  async ofOthers(agent: AgentIdentity, lost: readonly string[]): Promise<FoundOfOthers> {
    const others = `${LABELS.agent},${LABELS.agent}!=${labelValue(agent.id)}`
    const leftovers: Leftover[] = []
    const closed = new Map<string, string>()
    // One after another: this is nothing that the API server should be busy with.
    for (const namespace of new Set([this.#namespace, ...namespacesOf(agent.home), ...lost])) {
      try {
        leftovers.push(...(await this.#jobs(namespace, others)).map((job) => this.#leftover(job)))
      } catch (error) {
        // Of another team, or another cluster; the other namespaces are looked into all the same.
        if (!(error instanceof KubeError) || error.status !== 403) throw error
        closed.set(namespace, error.message)
      }
    }
    return { leftovers, closed }
  }

  #leftover(job: Job): Leftover {
    const { annotations, labels } = job.metadata
    const removal = new JobRemoval(this.#client, placeOfJob(job, labels[LABELS.agent] ?? ''))
    return {
      id: annotations[ATTEMPT_ANNOTATION] ?? '',
      epoch: Number(labels[LABELS.epoch]),
      end: () => removal.job(),
    }
  }

  async #jobs(namespace: string, labelSelector: string): Promise<Job[]> {
    return Jobs.parse(await this.#client.call('GET', jobsPath(namespace), { query: { labelSelector } })).items
  }

  async #makeJob(
    spec: LaunchSpec,
    pod: KubernetesPod,
    namespace: string,
    code: readonly CodeFile[] | undefined,
  ): Promise<Job> {
    const manifest = jobManifest(spec, pod, await this.#serverVersion(), code)
    const name = jobName(spec.id, spec.labels.epoch)
    return Job.parse(
      (await this.#make(jobsPath(namespace), manifest)) ??
        (await this.#client.call('GET', `${jobsPath(namespace)}/${name}`)),
    )
  }

  /** Makes an object; null when it is there: the answer to an earlier call got lost. Names are no one else's. */
  async #make(path: string, body: ReturnType<typeof jobManifest>): Promise<unknown> {
    try {
      return await this.#client.call('POST', path, { body })
    } catch (error) {
      if (error instanceof KubeError && error.reason === 'AlreadyExists') return null
      throw error
    }
  }

  /** Calls again while the cluster does not answer, or its quota has no room. */
  async #insist<T>(calls: LaunchCalls, call: () => Promise<T>): Promise<T> {
    const givenUpAt = performance.now() + UNANSWERED_MS
    for (;;) {
      if (calls.aborted.aborted) throw new Aborted()
      try {
        return await call()
      } catch (error) {
        if (!(error instanceof KubeError)) throw error
        const isFull = error.status === 403 && error.message.includes('exceeded quota')
        if (!isFull && !(error.isPassing && performance.now() < givenUpAt)) throw error
        calls.progress(error.message)
        await sleep(CALL_AGAIN_MS)
      }
    }
  }

  async #remove(place: PlaceOf<'kubernetes'>): Promise<void> {
    try {
      await new JobRemoval(this.#client, place).job()
    } catch (error) {
      // It has no record: an agent of this home ends it when it starts.
      this.#onTrouble(error)
    }
  }

  #explain(error: unknown, namespace: string): Launched {
    if (error instanceof Aborted) return { kind: 'aborted' }
    if (error instanceof TooLong || error instanceof CodeTooLarge)
      return { kind: 'bad-command', message: error.message }
    if (!(error instanceof KubeError)) return { kind: 'node-fault', message: (error as Error).message }
    if (error.isPassing) return { kind: 'node-fault', message: error.message }
    const hint =
      error.status === 403
        ? ` The agent needs the rights listed in docs/launchers/kubernetes.md in the namespace ${namespace}.`
        : ''
    return { kind: 'bad-command', message: `The cluster refuses the Job: ${error.message}.${hint}` }
  }

  #deps({ agent, namespace }: PlaceOf<'kubernetes'>) {
    const key = `${namespace} ${agent}`
    const view = this.#views.get(key) ?? new ClusterView(this.#client, namespace, agent, this.#onTrouble)
    this.#views.set(key, view)
    return { client: this.#client, view, onTrouble: this.#onTrouble, sinceMs: this.#sinceMs }
  }

  async #serverVersion(): Promise<ServerVersion> {
    this.#version ??= await this.#client.version()
    return this.#version
  }
}

class Aborted extends Error {}
class TooLong extends Error {}

function jobsPath(namespace: string): string {
  return `/apis/batch/v1/namespaces/${namespace}/jobs`
}

/** @param agent id of its home */
function placeOfJob({ metadata: { name, namespace, uid } }: Job, agent: string): PlaceOf<'kubernetes'> {
  return { kind: 'kubernetes', namespace, name, uid, agent }
}

function readFiles({ codeFolder, runFolder, sdkFolder }: LaunchSpec) {
  const params = readFileSync(join(runFolder, 'params.json'), 'utf8')
  if (Buffer.byteLength(params) > MOST_FILE_BYTES / 2) {
    throw new TooLong('The parameters are too long for a Secret of Kubernetes: at most 512 KiB of JSON.')
  }
  return {
    params,
    sdk: sdkFolder === undefined ? undefined : readSdk(sdkFolder),
    code: codeFolder === undefined ? undefined : readCode(codeFolder),
  }
}
