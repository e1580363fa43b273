import type { RandomBytes } from '@sweep/spec/clock'
import type { SweepId } from '@sweep/spec/ids'
import { confirmationsOf } from '@sweep/store/confirmations'
import type { Database } from '@sweep/store/database'
import { getSweep, sweepDefinition } from '@sweep/store/sweeps'
import { trialSeed } from '../trials/trial-seed.ts'

export function newSeed(randomBytes: RandomBytes): number {
  return Buffer.from(randomBytes(4)).readUInt32BE(0) >>> 1
}

/**
 * A seed for a sweep that runs each config `seeds` times, such that none of its runs gets a seed that a trial of the
 * sweep, or of one that ran its configs again before, has had. By chance alone a seed of 31 bits would come twice in one
 * of 10,000 cases or so; then the same lucky run would be counted as news.
 */
export async function freshSeed(
  database: Database,
  sweepId: SweepId,
  seeds: number,
  randomBytes: RandomBytes,
): Promise<number> {
  const used = await usedSeeds(database, sweepId)
  for (;;) {
    const seed = newSeed(randomBytes)
    const own = Array.from({ length: seeds }, (_, replicate) =>
      trialSeed({ seed, replicates: { seeds } }, 0, replicate),
    )
    if (new Set(own).size === seeds && own.every((one) => !used.has(one))) return seed
  }
}

async function usedSeeds(database: Database, sweepId: SweepId): Promise<ReadonlySet<number>> {
  const used = new Set<number>()
  for (const id of [sweepId, ...(await confirmationsOf(database, sweepId))]) {
    const { document } = await sweepDefinition(database, id)
    const { createdTrials = 0 } = (await getSweep(database, id)) ?? {}
    // There are no more replicates of a config than trials.
    for (let n = 0; n < createdTrials; n += 1) used.add(trialSeed(document, n + 1, n))
  }
  return used
}
