import { createHash } from 'node:crypto'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'

/**
 * Seed that a trial's program is given (`SWEEP_SEED`): the same for every attempt of the trial, fixed by the sweep's own
 * seed. Different between trials; where each config is run with several seeds, these are the same for every config, so
 * that configs can be compared seed by seed. Below 2^31, which every library takes.
 *
 * @param replicate how many trials of the sweep had the config before
 */
export function trialSeed(
  { seed, replicates }: Pick<SweepDocument, 'seed' | 'replicates'>,
  trial: number,
  replicate: number,
): number {
  const name = replicates === undefined ? `trial ${seed} ${trial}` : `replicate ${seed} ${replicate}`
  return createHash('sha256').update(name).digest().readUInt32BE(0) >>> 1
}
