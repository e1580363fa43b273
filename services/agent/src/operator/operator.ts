import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@sweep/client/client'
import { Informer } from '@sweep/launchers/kubernetes/informer'
import type { KubeClient } from '@sweep/launchers/kubernetes/kube-client'
import type { Metrics } from '@sweep/monitoring/registry'
import type { Clock } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'
import type { Logger } from 'pino'
import { ClusterResources } from './cluster-resources.ts'
import { OperatorMonitoring } from './monitoring.ts'
import { reconcile } from './reconcile.ts'
import { collectionPath, KINDS, type Kind, Resource, sweepIdOf } from './resource.ts'
import { WorkQueue } from './work-queue.ts'

/** Resources that are looked at side by side. */
const WIDTH = 8
/** Between two looks at one resource: a status is for people, and the cluster stores each. */
const PAUSE_MS = 1000
const FOLLOW_AGAIN_MS = 5000

export interface OperatorOptions {
  readonly kube: KubeClient
  readonly client: Client
  readonly clock: Clock
  /** From 0 to 1, for jitter. */
  readonly random: () => number
  readonly log: Logger
  readonly metrics?: Metrics
  /** All when undefined. */
  readonly namespaces: readonly string[] | undefined
}

/**
 * Looks after the resources `Sweep` and `Experiment` of a cluster: whatever changes there or at the server makes for a look
 * at the resource that it concerns (`reconcile`).
 */
export class Operator {
  readonly #options: OperatorOptions
  readonly #informers: readonly Informer<Resource>[]
  /** By uid. */
  readonly #resources = new Map<string, Resource>()
  /** Of which resource a sweep is. */
  readonly #uids = new Map<string, string>()
  readonly #queue: WorkQueue
  readonly #closed = new AbortController()
  readonly #monitoring: OperatorMonitoring
  readonly #following: Promise<void>
  /** By the path of the collection that it is about. */
  readonly #clusterTrouble = new Map<string, string>()
  #serverTrouble: string | undefined

  constructor(options: OperatorOptions) {
    const { kube, client, clock, random, log } = options
    this.#options = options
    this.#monitoring = new OperatorMonitoring(() => this.#resources.values(), options.metrics)
    const deps = { resources: new ClusterResources(kube), client, clock, log }
    this.#queue = new WorkQueue({
      ...{ clock, random, width: WIDTH, pauseMs: PAUSE_MS },
      work: (uid) => this.#look(uid, (resource) => reconcile(resource, deps)),
      onError: (uid, error) => this.#failed(uid, error),
    })
    this.#informers = KINDS.flatMap((kind) =>
      (options.namespaces ?? [undefined]).map((namespace) => this.#inform(kind, namespace)),
    )
    this.#following = this.#follow()
  }

  /** Why it can't do its work now, in words; undefined while it can. */
  whyUnhealthy(): string | undefined {
    const [trouble] = this.#clusterTrouble
    if (trouble !== undefined) return trouble.join(': ')
    if (!this.#informers.every(({ isListed }) => isListed)) return 'the resources have not been listed yet'
    return this.#serverTrouble
  }

  /** Resolves when nothing that was begun goes on. What is half done, the next operator does. */
  async close(): Promise<void> {
    this.#closed.abort()
    for (const informer of this.#informers) informer.close()
    await Promise.all([this.#queue.close(), this.#following])
  }

  #inform(kind: Kind, namespace: string | undefined): Informer<Resource> {
    const path = collectionPath(kind, namespace)
    return new Informer<Resource>({
      client: this.#options.kube,
      ...{ path, labelSelector: '', schema: Resource },
      onChange: (resource, isGone) => this.#changed(resource, isGone),
      onListed: () => undefined,
      onWatching: () => this.#clusterTrouble.delete(path),
      onTrouble: (err) => {
        this.#clusterTrouble.set(path, err instanceof Error ? err.message : String(err))
        this.#options.log.warn({ err, path }, 'trouble with the cluster')
      },
    })
  }

  #changed(resource: Resource, isGone: boolean): void {
    const { uid } = resource.metadata
    if (isGone) {
      this.#resources.delete(uid)
      this.#uids.delete(sweepIdOf(uid))
      this.#queue.forget(uid)
      return
    }
    this.#resources.set(uid, resource)
    this.#uids.set(sweepIdOf(uid), uid)
    this.#queue.add(uid)
  }

  async #look(uid: string, work: (resource: Resource) => Promise<number | undefined>): Promise<number | undefined> {
    const resource = this.#resources.get(uid)
    if (resource === undefined) {
      this.#queue.forget(uid)
      return undefined
    }
    const { clock } = this.#options
    const begunMs = clock.now()
    let result: 'done' | 'failed' = 'failed'
    try {
      const again = await work(resource)
      result = 'done'
      // Whatever is looked at again by itself was asked of the server.
      if (again !== undefined) this.#serverTrouble = undefined
      return again
    } finally {
      this.#monitoring.looked(result, (clock.now() - begunMs) / 1000)
    }
  }

  #failed(uid: string, error: unknown): void {
    const { kind, metadata: { namespace, name } = {} } = this.#resources.get(uid) ?? {}
    this.#options.log.warn({ err: error, kind, namespace, name }, 'resource not looked after')
    if (error instanceof SweepError && concernsAll(error)) this.#serverTrouble = error.message
  }

  /** The sweeps of the server, as they change; without this, a status would be half a minute old. */
  async #follow(): Promise<void> {
    const { client, log } = this.#options
    const { signal } = this.#closed
    while (!signal.aborted) {
      try {
        const onOpen = () => this.#serverAnswers()
        for await (const event of client.watchSweeps({ signal, patienceMs: FOLLOW_AGAIN_MS, onOpen })) {
          const uid = event.type === 'sweep' ? this.#uids.get(event.sweep.id) : undefined
          if (uid !== undefined) this.#queue.retry(uid)
        }
      } catch (error) {
        if (signal.aborted) return
        this.#serverTrouble = error instanceof Error ? error.message : String(error)
        log.warn({ err: error }, 'the sweeps of the server cannot be followed')
        await sleep(FOLLOW_AGAIN_MS, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /** What failed while it did not is tried again at once. */
  #serverAnswers(): void {
    if (this.#serverTrouble === undefined) return
    this.#serverTrouble = undefined
    for (const uid of this.#resources.keys()) this.#queue.retry(uid)
  }
}

/** Rather than one resource alone. */
function concernsAll({ code, retryable }: SweepError): boolean {
  return retryable || code === 'unauthenticated' || code === 'forbidden'
}
