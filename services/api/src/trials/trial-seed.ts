import { createHash } from 'node:crypto'

/**
 * Seed that a trial's program is given (`SWEEP_SEED`): the same for every attempt of the trial, different between
 * trials, fixed by the sweep's own seed. Below 2^31, which every library takes.
 */
export function trialSeed(sweepSeed: number, trial: number): number {
  return createHash('sha256').update(`trial ${sweepSeed} ${trial}`).digest().readUInt32BE(0) >>> 1
}
