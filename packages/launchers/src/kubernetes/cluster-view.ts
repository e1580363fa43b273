import { Informer } from './informer.ts'
import { LABELS, labelValue } from './job-manifest.ts'
import type { KubeClient } from './kube-client.ts'
import { Job, Pod } from './objects.ts'

/** Whoever wants to know what becomes of one Job. */
export interface Watcher {
  readonly jobUid: string
  onJob(job: Job, isGone: boolean): void
  onPod(pod: Pod, isGone: boolean): void
  /** A Job that has not been told of does not exist. */
  onListed(jobs: ReadonlyMap<string, Job>): void
}

/** What there is of one agent in one namespace: its Jobs and their pods, told to those who wait for them. */
export class ClusterView {
  readonly #jobs: Informer<Job>
  readonly #pods: Informer<Pod>
  readonly #watchers = new Set<Watcher>()

  constructor(client: KubeClient, namespace: string, agentId: string, onTrouble: (error: unknown) => void) {
    const labelSelector = `${LABELS.agent}=${labelValue(agentId)}`
    const common = { client, labelSelector, onTrouble }
    this.#jobs = new Informer<Job>({
      ...common,
      path: `/apis/batch/v1/namespaces/${namespace}/jobs`,
      schema: Job,
      onChange: (job, isGone) => {
        for (const watcher of this.#of(job.metadata.uid)) watcher.onJob(job, isGone)
      },
      onListed: () => this.#tellListed(),
    })
    this.#pods = new Informer<Pod>({
      ...common,
      path: `/api/v1/namespaces/${namespace}/pods`,
      schema: Pod,
      onChange: (pod, isGone) => {
        for (const watcher of this.#ownersOf(pod)) watcher.onPod(pod, isGone)
      },
      onListed: () => this.#tellListed(),
    })
  }

  /** Tells what is known already at once. */
  add(watcher: Watcher): void {
    this.#watchers.add(watcher)
    const job = this.#jobs.objects.get(watcher.jobUid)
    if (job !== undefined) watcher.onJob(job, false)
    for (const pod of this.#pods.objects.values()) if (this.#ownersOf(pod).includes(watcher)) watcher.onPod(pod, false)
    if (this.#isListed) watcher.onListed(this.#jobs.objects)
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher)
  }

  get isUnused(): boolean {
    return this.#watchers.size === 0
  }

  close(): void {
    this.#jobs.close()
    this.#pods.close()
  }

  get #isListed(): boolean {
    return this.#jobs.isListed && this.#pods.isListed
  }

  #tellListed(): void {
    if (!this.#isListed) return
    for (const watcher of this.#watchers) watcher.onListed(this.#jobs.objects)
  }

  #of(jobUid: string): Watcher[] {
    return [...this.#watchers].filter((watcher) => watcher.jobUid === jobUid)
  }

  #ownersOf(pod: Pod): Watcher[] {
    return pod.metadata.ownerReferences.flatMap(({ uid }) => this.#of(uid))
  }
}
