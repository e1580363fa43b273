/**
 * Whether one vector of losses is no worse anywhere and better somewhere. What is not a finite number makes the whole
 * vector worse than every one of finite numbers, and such vectors dominate nothing.
 */
export function dominates(one: readonly number[], other: readonly number[]): boolean {
  if (!allFinite(one)) return false
  if (!allFinite(other)) return true
  return one.every((loss, k) => loss <= other[k]!) && one.some((loss, k) => loss < other[k]!)
}

/** Whether every loss is a finite number. */
export function allFinite(losses: readonly number[]): boolean {
  return losses.every(Number.isFinite)
}

/**
 * The non-dominated rank of each vector of losses: 0 for those that none dominates, 1 for those that only these dominate,
 * and so on (Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II", section III-A). Equal vectors
 * have equal ranks; those with something not finite share the rank after all others.
 *
 * Efficient non-dominated sort with binary search over the fronts (Zhang, Tian, Cheng and Jin 2015, "An efficient approach
 * to nondominated sorting for evolutionary multiobjective optimization", section III). With two objectives the last of a
 * front tells whether any of it dominates, which makes it O(n log n); with more it is O(n^2) at worst.
 *
 * @param losses vectors of equal length, lower is better
 */
export function nonDominatedRanks(losses: readonly (readonly number[])[]): number[] {
  const ranks = new Array<number>(losses.length)
  const order = [...losses.keys()].filter((i) => allFinite(losses[i]!))
  // By loss, so that nothing is dominated by what comes after it.
  order.sort((i, j) => compareVectors(losses[i]!, losses[j]!))
  const fronts: (readonly number[])[][] = []
  let last: number | undefined
  for (const i of order) {
    const vector = losses[i]!
    const isSame = last !== undefined && compareVectors(vector, losses[last]!) === 0
    const rank = isSame ? ranks[last!]! : firstFrontFor(vector, fronts)
    ranks[i] = rank
    last = i
    if (isSame) continue
    if (rank === fronts.length) fronts.push([])
    fronts[rank]!.push(vector)
  }
  for (const i of losses.keys()) ranks[i] ??= fronts.length
  return ranks
}

/** Lexicographic. */
function compareVectors(a: readonly number[], b: readonly number[]): number {
  for (const [k, loss] of a.entries()) if (loss !== b[k]) return loss - b[k]!
  return 0
}

/** Who is dominated by one of a front is dominated by one of each front before it. */
function firstFrontFor(vector: readonly number[], fronts: readonly (readonly (readonly number[])[])[]): number {
  let low = 0
  let high = fronts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBeaten(vector, fronts[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}

/** Of those before it in the order, which are no worse in the first loss; the newest is the likeliest to be close. */
function isBeaten(vector: readonly number[], front: readonly (readonly number[])[]): boolean {
  const oldest = vector.length <= 2 ? front.length - 1 : 0
  for (let j = front.length - 1; j >= oldest; j -= 1) {
    if (isNoWorse(front[j]!, vector)) return true
  }
  return false
}

function isNoWorse(one: readonly number[], other: readonly number[]): boolean {
  for (let k = 1; k < one.length; k += 1) if (one[k]! > other[k]!) return false
  return one[0]! <= other[0]!
}
