import { z } from 'zod'
import type { PlaceOf } from '../place.ts'
import type { Manifest } from './job-manifest.ts'
import { type KubeClient, KubeError } from './kube-client.ts'
import { Condition, Pod } from './objects.ts'

/** 0 would strike the pod off the books without asking its node; this is the shortest grace that does ask. */
export const SHORTEST_GRACE_S = 1

const Pods = z.object({ items: z.array(Pod) })
const Node = z.object({ status: z.object({ conditions: z.array(Condition) }) })

/** One that is deleted before its containers ran starts none, however long its kubelet is busy pulling its image. */
function mayRun({ metadata, status: { phase } }: Pod): boolean {
  const isOver = phase === 'Succeeded' || phase === 'Failed'
  return !isOver && !(phase === 'Pending' && metadata.deletionTimestamp !== undefined)
}

/** Takes away one Job with all it owns. The Job goes first, so that the cluster makes no other pod for it. */
export class JobRemoval {
  readonly #client: KubeClient
  readonly #place: PlaceOf<'kubernetes'>
  #job: Promise<void> | undefined

  constructor(client: KubeClient, place: PlaceOf<'kubernetes'>) {
    this.#client = client
    this.#place = place
  }

  /** Its Secret and its pods follow by themselves, the pods with the grace that they were made with. */
  job(): Promise<void> {
    const { name, namespace, uid } = this.#place
    this.#job ??= this.#delete(`/apis/batch/v1/namespaces/${namespace}/jobs/${name}`, uid, {
      propagationPolicy: 'Background',
    }).catch((error) => {
      this.#job = undefined
      throw error
    })
    return this.#job
  }

  /** Those of its pods in which something runs, or may yet. */
  async livingPods(): Promise<Pod[]> {
    return (await this.#pods()).filter(mayRun)
  }

  /** Whether something of it has run. Jobs of Kubernetes before 1.24 do not count the pods that do. */
  async hasBegun(): Promise<boolean> {
    return (await this.#pods()).some(({ status: { phase } }) => phase !== undefined && phase !== 'Pending')
  }

  async #pods(): Promise<Pod[]> {
    const query = { labelSelector: `job-name=${this.#place.name}` }
    const { items } = Pods.parse(await this.#client.call('GET', this.#podsPath, { query }))
    return items.filter(({ metadata }) => metadata.ownerReferences.some(({ uid }) => uid === this.#place.uid))
  }

  /**
   * Asks its program to end, and ends it after the grace that the pod was made with.
   * @param isUrgent with the shortest grace instead; a pod on a node that no longer answers is struck off, since nobody
   *   is there to end it before its kubelet comes back, which then does
   */
  async pod({ metadata, spec }: Pod, isUrgent: boolean): Promise<void> {
    if (!isUrgent && metadata.deletionTimestamp !== undefined) return
    const path = `${this.#podsPath}/${metadata.name}`
    if (!isUrgent) return this.#delete(path, metadata.uid, {})
    const isStruckOff = spec.nodeName !== undefined && (await this.#isSilent(spec.nodeName))
    await this.#delete(path, metadata.uid, { gracePeriodSeconds: isStruckOff ? 0 : SHORTEST_GRACE_S })
  }

  /** Whether a node does not answer; where we may not ask it counts as living. */
  async #isSilent(node: string): Promise<boolean> {
    try {
      const { status } = Node.parse(await this.#client.call('GET', `/api/v1/nodes/${node}`))
      return status.conditions.some((condition) => condition.type === 'Ready' && condition.status !== 'True')
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return true
      if (error instanceof KubeError && error.status === 403) return false
      throw error
    }
  }

  async #delete(path: string, uid: string, options: Manifest): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid }, ...options }
    try {
      await this.#client.call('DELETE', path, { body })
    } catch (error) {
      // Gone, or another one has its name.
      if (!(error instanceof KubeError) || ![404, 409].includes(error.status)) throw error
    }
  }

  get #podsPath(): string {
    return `/api/v1/namespaces/${this.#place.namespace}/pods`
  }
}
