import type { WandbHyperband } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'

/** W&B's own limit on the bands that `min_iter` gives. */
const MOST_BANDS = 100

/** W&B has no limit here; without one, an eta just above 1 would divide all day. */
const MOST_DIVISIONS = 10_000

/**
 * How many logged values a run has at each band, ascending; wandb/sweeps, hyperband_stopping.py. `max_iter` wins over
 * `min_iter`: 27 with s 2 and eta 3 gives 3 and 9; `min_iter` 3 gives 3, 9, 27, 81, …
 */
export function bands({ minIter, maxIter, s, eta }: WandbHyperband): readonly number[] {
  const found = new Set<number>()
  if (maxIter !== undefined) {
    let band = maxIter
    for (let i = 0; i < Math.min(s ?? MOST_BANDS, MOST_DIVISIONS); i += 1) {
      band /= eta
      if (band < 1) break
      found.add(Math.floor(band))
    }
  } else if (minIter !== undefined) {
    // `**`, not a running product, because W&B raises to the power too: with eta 4.8 they differ in the last bit.
    for (let k = 0; k < MOST_BANDS; k += 1) found.add(Math.floor(minIter * eta ** k))
  } else {
    throw new SweepError('invalid-document', 'early_terminate of type hyperband needs min_iter, or max_iter and s')
  }
  return [...found].sort((a, b) => a - b)
}
