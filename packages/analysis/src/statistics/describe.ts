export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i += 1) sum += values[i]!
  return sum / values.length
}

/** Mean squared distance from the mean; 0 for no values. */
export function variance(values: ArrayLike<number>): number {
  return values.length < 2 ? 0 : (sampleVariance(values) * (values.length - 1)) / values.length
}

/** Of a sample: the squares are divided by one less than their number. NaN for fewer than two values. */
export function sampleVariance(values: ArrayLike<number>): number {
  if (values.length < 2) return Number.NaN
  const middle = mean(values)
  let squares = 0
  for (let i = 0; i < values.length; i += 1) squares += (values[i]! - middle) ** 2
  return squares / (values.length - 1)
}

/**
 * The value below which `share` of the values lie, straight between neighbours: definition 7 of Hyndman and Fan 1996,
 * "Sample quantiles in statistical packages", which is NumPy's. NaN for no values.
 *
 * @param sorted ascending
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!]
  // Not weighed where they are equal, which infinities may be.
  return low === high ? low : low + (place - below) * (high - low)
}

export function ascending(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).sort()
}
