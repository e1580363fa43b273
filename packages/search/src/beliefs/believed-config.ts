import type { Config } from '@sweep/spec/search-space'
import type { Rng } from '../rng.ts'
import type { SearchRegion } from '../space/search-region.ts'
import { ParzenEstimator } from '../tpe/parzen.ts'
import type { Beliefs } from './beliefs.ts'

/**
 * A config to begin with: first what is believed to be good, then for half of the draws one near it; undefined for the
 * other half, and where nothing is believed.
 */
export function believedConfig(
  { firsts, kernels }: Beliefs,
  region: SearchRegion,
  draw: number,
  rng: Rng,
): { readonly config: Config; readonly reason: string } | undefined {
  const first = firsts[draw]
  if (first !== undefined) {
    return { config: region.configAt(region.placeOf(first.coordinates, rng), rng), reason: first.reason }
  }
  if (kernels.length === 0 || rng.float() < 0.5) return undefined
  const around = new ParzenEstimator(region.axes, kernels, 0)
  const kernel = around.drawKernel(rng)
  const point = Float64Array.from(region.axes, (_, k) => around.drawCoordinate(kernel, k, rng))
  return { config: region.configAt(region.placeOf(point, rng), rng), reason: 'near what is believed to be good' }
}
