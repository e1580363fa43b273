import { SweepError } from '@sweep/spec/errors'
import type { Slot } from '@sweep/spec/wire/agent-protocol'

/** What the nodes of a cluster can take is for its scheduler to say; these only have to be more. */
export const CLUSTER_CAPACITY = { cpus: 1_000_000, memoryBytes: 2 ** 50 }

/**
 * The slots of an agent whose trials run on a cluster: each stands for one GPU there, or for a trial without. So no more
 * trials, nor more GPUs, are asked of the cluster at once than there are slots.
 * @param count as the agent was told
 * @param gpus that the cluster has, undefined where nobody could tell
 * @throws SweepError when neither says how many
 */
export function clusterSlots(count: number | undefined, gpus: number | undefined): Slot[] {
  const slots = count ?? gpus ?? 0
  if (slots === 0) {
    throw new SweepError('invalid-request', 'How many trials may run on the cluster at once is not known.', {
      hint: 'Say so by --slots (SWEEP_SLOTS), such as --slots 8.',
    })
  }
  return Array.from({ length: slots }, (_, index) => ({ index, gpu: { index } }))
}
