import { z } from 'zod'
import type { PlaceOf } from '../place.ts'
import { type KubeClient, KubeError } from './kube-client.ts'

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
export async function whyNoPod(client: KubeClient, place: PlaceOf<'kubernetes'>): Promise<string | undefined> {
  const fieldSelector = `involvedObject.uid=${place.uid},reason=FailedCreate`
  try {
    const answer = await client.call('GET', `/api/v1/namespaces/${place.namespace}/events`, {
      query: { fieldSelector },
    })
    const newest = Events.parse(answer).items.toSorted((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1))[0]
    return newest?.message.replace(/^Error creating: /, '')
  } catch (error) {
    if (error instanceof KubeError && error.status === 403) return undefined
    throw error
  }
}

/** ISO 8601 in UTC and whole seconds, which sort as text. */
function timeOf({ lastTimestamp, metadata }: z.infer<typeof Events>['items'][number]): string {
  return lastTimestamp ?? metadata.creationTimestamp
}
