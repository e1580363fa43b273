/** The rank of each value from 1, the smallest first; equal values share the mean of their ranks. */
export function midRanks(values: ArrayLike<number>): Float64Array {
  const order = Int32Array.from({ length: values.length }, (_, index) => index).sort((a, b) =>
    values[a]! < values[b]! ? -1 : values[a]! > values[b]! ? 1 : 0,
  )
  const ranks = new Float64Array(values.length)
  for (let first = 0; first < order.length; ) {
    let end = first + 1
    while (end < order.length && values[order[end]!] === values[order[first]!]) end += 1
    for (let place = first; place < end; place += 1) ranks[order[place]!] = (first + 1 + end) / 2
    first = end
  }
  return ranks
}

/** How many values there are of each that occurs more than once. */
export function tieSizes(values: ArrayLike<number>): number[] {
  const counts = new Map<number, number>()
  for (let i = 0; i < values.length; i += 1) counts.set(values[i]!, (counts.get(values[i]!) ?? 0) + 1)
  return [...counts.values()].filter((count) => count > 1)
}
