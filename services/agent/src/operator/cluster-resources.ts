import { createHash } from 'node:crypto'
import { LABELS, labelValue } from '@sweep/launchers/kubernetes/job-manifest'
import { type KubeClient, KubeError, type PatchStep } from '@sweep/launchers/kubernetes/kube-client'
import { Json } from '@sweep/spec/number'
import { z } from 'zod'
import { shortened } from './conditions.ts'
import { API_VERSION, FINALIZER, pathOf, Resource } from './resource.ts'
import type { WrittenStatus } from './status.ts'

/** The API server takes no more of an event. */
const LONGEST_NOTE = 1000
const Named = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) })

export interface ResourceEvent {
  readonly type: 'Normal' | 'Warning'
  /** One word. */
  readonly reason: string
  readonly message: string
}

/** What the operator does to resources, and asks of the cluster. Every method throws `KubeError`. */
export class ClusterResources {
  readonly #client: KubeClient

  constructor(client: KubeClient) {
    this.#client = client
  }

  /** As it is now; undefined when it is gone, or another one has its name. */
  async read(resource: Resource): Promise<Resource | undefined> {
    try {
      const found = Resource.parse(await this.#client.call('GET', pathOf(resource)))
      return found.metadata.uid === resource.metadata.uid ? found : undefined
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined
      throw error
    }
  }

  async hold(resource: Resource): Promise<Resource> {
    const { finalizers } = resource.metadata
    if (finalizers.includes(FINALIZER)) return resource
    return this.#setFinalizers(resource, [...finalizers, FINALIZER])
  }

  async letGo(resource: Resource): Promise<void> {
    const { finalizers } = resource.metadata
    await this.#setFinalizers(
      resource,
      finalizers.filter((one) => one !== FINALIZER),
    )
  }

  /** Refused with 409 when the resource is no longer as it was: whoever looked later knows better. */
  async writeStatus(resource: Resource, status: WrittenStatus): Promise<void> {
    await this.#patch(resource, '/status', [{ op: 'add', path: '/status', value: Json.parse(status) }])
  }

  /**
   * Tells of something that happened to a resource, once: its name says what it tells, so that a second operator, or one
   * that was restarted, does not tell it again.
   */
  async tell(resource: Resource, event: ResourceEvent, now: string): Promise<void> {
    const { kind, metadata } = resource
    const { name, namespace, uid, resourceVersion, generation } = metadata
    const message = shortened(event.message, LONGEST_NOTE)
    const told = JSON.stringify([uid, generation, event.reason, message])
    const hash = createHash('sha256').update(told).digest('hex').slice(0, 16)
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200).replace(/[^a-z0-9]+$/, '')}.${hash}`, namespace },
      involvedObject: { apiVersion: API_VERSION, kind, name, namespace, uid, resourceVersion },
      ...{ type: event.type, reason: event.reason, message },
      ...{ source: { component: 'sweep-operator' }, firstTimestamp: now, lastTimestamp: now, count: 1 },
    }
    try {
      await this.#client.call('POST', `/api/v1/namespaces/${namespace}/events`, { body })
    } catch (error) {
      if (!(error instanceof KubeError && error.status === 409)) throw error
    }
  }

  /** Names of the Jobs that there still are of a sweep. */
  async jobsOf(resource: Resource, sweepId: string): Promise<string[]> {
    const path = `/apis/batch/v1/namespaces/${resource.metadata.namespace}/jobs`
    const query = { labelSelector: `${LABELS.sweep}=${labelValue(sweepId)}` }
    const { items } = Named.parse(await this.#client.call('GET', path, { query }))
    return items.map(({ metadata }) => metadata.name)
  }

  async #setFinalizers(resource: Resource, finalizers: readonly string[]): Promise<Resource> {
    return Resource.parse(
      await this.#patch(resource, '', [{ op: 'add', path: '/metadata/finalizers', value: finalizers }]),
    )
  }

  #patch(resource: Resource, part: '' | '/status', steps: readonly PatchStep[]): Promise<unknown> {
    const { resourceVersion: value, uid } = resource.metadata
    const patch = [
      // Another one of the same name has another version too, but this says so in the server's log.
      { op: 'test', path: '/metadata/uid', value: uid } as const,
      { op: 'replace', path: '/metadata/resourceVersion', value } as const,
      ...steps,
    ]
    return this.#client.call('PATCH', `${pathOf(resource)}${part}`, { patch })
  }
}
