import type { Cell } from '../space/coordinates.ts'
import { normalProbability } from '../space/normal-probability.ts'
import { normalQuantile } from '../space/quantile.ts'
import { deviation, type Gaussian, scaled } from './gaussian.ts'

/**
 * Moves the mean and widens the distribution along the axes of integers and other steps, until the values beside that of
 * the mean have a probability of at least `alpha` / 2 each, or `alpha` where there is one only. Without it the step size
 * shrinks below a step, and what is wrong then stays wrong.
 *
 * Hamano, Saito, Nomura and Shirakawa 2022, "CMA-ES with margin", arXiv 2205.13482, section 4. There a diagonal
 * matrix takes the widening; here C itself does, so that the path that adapts sigma sees it too.
 *
 * @param cells by coordinate; undefined for what is continuous
 * @param alpha 1 / (coordinates times population size) in the paper
 */
export function withMargin(gaussian: Gaussian, cells: readonly (Cell | undefined)[], alpha: number): Gaussian {
  const mean = gaussian.mean.slice()
  const factors = new Float64Array(mean.length).fill(1)
  let isChanged = false
  for (const [j, cell] of cells.entries()) {
    if (cell === undefined) continue
    const spread = deviation(gaussian, j)
    const m = Math.min(cell.high, Math.max(cell.low, mean[j]!))
    const kept = withinMargin(cell, m, spread, alpha)
    if (kept.mean === mean[j] && kept.spread === spread) continue
    isChanged = true
    mean[j] = kept.mean
    factors[j] = kept.spread / spread
  }
  return isChanged ? { ...scaled(gaussian, factors), mean } : gaussian
}

function withinMargin(
  { low, high }: Cell,
  mean: number,
  spread: number,
  alpha: number,
): { mean: number; spread: number } {
  // At an end of the axis only the way back is open.
  if (low <= 0 || high >= 1) {
    const edge = low <= 0 ? high : low
    const reach = normalQuantile(1 - alpha) * spread
    if (Math.abs(mean - edge) <= reach) return { mean, spread }
    return { mean: low <= 0 ? edge - reach : edge + reach, spread }
  }
  const below = normalProbability((low - mean) / spread)
  const above = normalProbability((mean - high) / spread)
  if (below >= alpha / 2 && above >= alpha / 2) return { mean, spread }
  const inside = 1 - below - above
  const [p, q] = [Math.max(below, alpha / 2), Math.max(above, alpha / 2)]
  const surplus = (1 - p - q - inside) / (p + q + inside - (3 * alpha) / 2)
  const [lower, upper] = [p + surplus * (p - alpha / 2), q + surplus * (q - alpha / 2)].map((x) =>
    normalQuantile(1 - x),
  )
  const width = lower! + upper!
  return { mean: low + ((high - low) * lower!) / width, spread: (high - low) / width }
}
