import { z } from 'zod'
import type { PlaceOf } from '../place.ts'
import { type KubeClient, KubeError } from './kube-client.ts'
import type { Pod } from './objects.ts'

const Events = z.object({
  items: z.array(
    z.object({
      message: z.string().default(''),
      metadata: z.object({ creationTimestamp: z.string() }),
      /** Null in events of the newer interface. */
      lastTimestamp: z.string().nullish(),
    }),
  ),
})

/**
 * Why the cluster makes no pod for a Job, by the newest event that says so: a quota, an admission webhook, a service
 * account that is missing. Undefined where nothing is said, or events may not be read.
 * @throws KubeError when the cluster can't be asked
 */
export async function whyNoPod(client: KubeClient, { namespace, uid }: PlaceOf<'kubernetes'>) {
  const said = await newestOf(client, namespace, `involvedObject.uid=${uid},reason=FailedCreate`)
  return said?.replace(/^Error creating: /, '')
}

/**
 * For which pod of higher priority a pod had to go, in the scheduler's words. Undefined where it says nothing of the kind.
 * @throws KubeError when the cluster can't be asked
 */
export function whyPreempted(client: KubeClient, { metadata: { namespace, uid } }: Pod): Promise<string | undefined> {
  return newestOf(client, namespace, `involvedObject.uid=${uid},reason=Preempted`)
}

/** What the newest event of some says; undefined where there is none, or events may not be read. */
async function newestOf(client: KubeClient, namespace: string, fieldSelector: string): Promise<string | undefined> {
  try {
    const answer = await client.call('GET', `/api/v1/namespaces/${namespace}/events`, { query: { fieldSelector } })
    return Events.parse(answer).items.toSorted((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1))[0]?.message
  } catch (error) {
    if (error instanceof KubeError && error.status === 403) return undefined
    throw error
  }
}

/** ISO 8601 in UTC and whole seconds, which sort as text. */
function timeOf({ lastTimestamp, metadata }: z.infer<typeof Events>['items'][number]): string {
  return lastTimestamp ?? metadata.creationTimestamp
}
