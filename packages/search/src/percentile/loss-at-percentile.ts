import { lossAt, type Ranking, rankingSize } from '../persistent/ranking.ts'

/**
 * The loss below which a share of a ranking lies, interpolated between neighbours: definition 7 of Hyndman and Fan 1996,
 * "Sample quantiles in statistical packages", which NumPy has by default.
 *
 * @param ranking at least one trial
 * @param percentile 0 (the best) to 100 (the worst)
 */
export function lossAtPercentile(ranking: Ranking, percentile: number): number {
  const place = ((rankingSize(ranking) - 1) * percentile) / 100
  const index = Math.floor(place)
  const share = place - index
  const lower = lossAt(ranking, index)!
  const upper = lossAt(ranking, Math.ceil(place))!
  // Where both are the same, rounding must not put the result below them: equal to the percentile is not worse. Two
  // infinite ones are the same too.
  return lower === upper ? lower : lower * (1 - share) + upper * share
}
