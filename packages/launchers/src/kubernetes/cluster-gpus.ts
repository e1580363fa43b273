import { z } from 'zod'
import { type KubeClient, KubeError } from './kube-client.ts'

const Nodes = z.object({
  items: z.array(z.object({ status: z.object({ allocatable: z.record(z.string(), z.string()).default({}) }) })),
})

/** How many GPUs the nodes of a cluster have, of whatever maker; undefined where we may not ask. */
export async function clusterGpus(client: KubeClient): Promise<number | undefined> {
  try {
    const { items } = Nodes.parse(await client.call('GET', '/api/v1/nodes'))
    return items
      .flatMap(({ status }) => Object.entries(status.allocatable))
      .filter(([resource]) => resource.endsWith('/gpu'))
      .reduce((sum, [, count]) => sum + (Number(count) || 0), 0)
  } catch (error) {
    if (error instanceof KubeError && error.status === 403) return undefined
    throw error
  }
}
