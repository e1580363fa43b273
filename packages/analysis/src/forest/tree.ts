import type { Rng } from '../rng.ts'
import type { Bins } from './bins.ts'

/** A regression tree. Node 0 is the root; what is below `edge` of the split parameter goes left. */
export interface Tree {
  /** Index of the parameter that is split; -1 for a leaf. */
  readonly feature: Int16Array
  /** By rank of the bin, see `ranks`. */
  readonly edge: Uint16Array
  readonly left: Int32Array
  readonly right: Int32Array
  /** Mean of the targets in the node. */
  readonly value: Float64Array
  /** By parameter: the rank of each bin. Of a number its place; of a choice its place by mean target in this tree. */
  readonly ranks: readonly Uint16Array[]
  /** By parameter: how much its splits lowered the sum of squared errors, over that of the root. */
  readonly decrease: Float64Array
}

export interface TreeSettings {
  /** A split leaves at least so many trials on either side. */
  readonly leastInLeaf: number
}

/**
 * Grows a tree on a resample, by the splits that lower the squared error most (CART: Breiman et al. 1984, chapter 8).
 * The values of a choice are put in order by their mean target first, which for a single split loses nothing (their
 * section 9.4); below the root the order stays, so that the region of a leaf is a range of every parameter.
 *
 * @param weights how often each trial is in the resample
 */
export function growTree(
  features: readonly Bins[],
  targets: Float64Array,
  weights: Uint16Array,
  { leastInLeaf }: TreeSettings,
  rng: Rng,
): Tree {
  const ranks = features.map((bins) => rankBins(bins, targets, weights))
  const ranked = features.map(({ codes }, f) => codes.map((code) => ranks[f]![code]!))
  const orders = features.map(({ count }, f) => sortedRows(ranked[f]!, count, weights))
  const weighted = targets.map((target, row) => weights[row]! * target)
  const rows = orders[0]?.length ?? 0
  const nodes = nodeStore(2 * Math.max(rows, 1))
  const decrease = new Float64Array(features.length)
  const picks = Uint16Array.from(features.keys())
  const goesRight = new Uint8Array(targets.length)
  const spare = new Int32Array(rows)
  const pending: { node: number; begin: number; end: number }[] = [{ node: nodes.add(), begin: 0, end: rows }]
  let rootError = 0

  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, begin, end } = next
    let weight = 0
    let sum = 0
    let squares = 0
    for (let i = begin; i < end; i += 1) {
      const row = orders[0]![i]!
      weight += weights[row]!
      sum += weighted[row]!
      squares += weighted[row]! * targets[row]!
    }
    nodes.value[node] = weight > 0 ? sum / weight : 0
    const error = squares - (sum * sum) / weight
    if (node === 0) rootError = error
    // What rounding leaves of a node of equal targets is no error.
    if (weight < 2 * leastInLeaf || !(error > 1e-12 * rootError)) continue

    // In a new order each time: in a small node many splits are equally good, and the first of them is taken.
    shuffle(picks, rng)
    const base = (sum * sum) / weight
    let best = 1e-12 * rootError
    let feature = -1
    let below = 0
    let above = 0
    for (const f of picks) {
      const order = orders[f]!
      const places = ranked[f]!
      let place = places[order[begin]!]!
      if (place === places[order[end - 1]!]!) continue
      let leftWeight = 0
      let leftSum = 0
      for (let i = begin; i < end; i += 1) {
        const row = order[i]!
        const at = places[row]!
        if (at !== place) {
          const rightWeight = weight - leftWeight
          if (leftWeight >= leastInLeaf && rightWeight >= leastInLeaf) {
            const rest = sum - leftSum
            const gain = (leftSum * leftSum) / leftWeight + (rest * rest) / rightWeight - base
            if (gain > best) {
              best = gain
              feature = f
              below = place
              above = at
            }
          }
          place = at
        }
        leftWeight += weights[row]!
        leftSum += weighted[row]!
      }
    }
    if (feature < 0) continue

    decrease[feature]! += best / rootError
    const edge = (below + above + 1) >> 1
    let middle = begin
    for (let i = begin; i < end; i += 1) {
      const row = orders[feature]![i]!
      const isRight = ranked[feature]![row]! >= edge
      goesRight[row] = isRight ? 1 : 0
      if (!isRight) middle += 1
    }
    for (const order of orders) partition(order, begin, end, goesRight, spare)
    const left = nodes.add()
    const right = nodes.add()
    nodes.split(node, feature, edge, left, right)
    pending.push({ node: right, begin: middle, end }, { node: left, begin, end: middle })
  }
  return { ...nodes.done(), ranks, decrease }
}

function rankBins({ axis, count, codes }: Bins, targets: Float64Array, weights: Uint16Array): Uint16Array {
  const identity = Uint16Array.from({ length: count }, (_, bin) => bin)
  if (axis.kind === 'numeric') return identity
  const sums = new Float64Array(count)
  const totals = new Float64Array(count)
  for (let row = 0; row < codes.length; row += 1) {
    sums[codes[row]!]! += weights[row]! * targets[row]!
    totals[codes[row]!]! += weights[row]!
  }
  // A value that is not in the resample stands in the middle.
  const mean = (bin: number) => (totals[bin]! > 0 ? sums[bin]! / totals[bin]! : 0)
  const order = identity.toSorted((a, b) => mean(a) - mean(b) || a - b)
  const ranks = new Uint16Array(count)
  for (const [rank, bin] of order.entries()) ranks[bin] = rank
  return ranks
}

/** The rows of the resample, each once, by place. */
function sortedRows(places: Uint16Array, count: number, weights: Uint16Array): Int32Array {
  const starts = new Int32Array(count + 1)
  let rows = 0
  for (let row = 0; row < places.length; row += 1) {
    if (weights[row] === 0) continue
    starts[places[row]! + 1]! += 1
    rows += 1
  }
  for (let place = 0; place < count; place += 1) starts[place + 1]! += starts[place]!
  const sorted = new Int32Array(rows)
  for (let row = 0; row < places.length; row += 1) {
    if (weights[row] === 0) continue
    const place = places[row]!
    sorted[starts[place]!] = row
    starts[place]! += 1
  }
  return sorted
}

/** Those that go left first, either side in the order it had. */
function partition(order: Int32Array, begin: number, end: number, goesRight: Uint8Array, spare: Int32Array): void {
  let left = begin
  let right = 0
  for (let i = begin; i < end; i += 1) {
    const row = order[i]!
    if (goesRight[row] === 0) {
      order[left] = row
      left += 1
    } else {
      spare[right] = row
      right += 1
    }
  }
  for (let i = 0; i < right; i += 1) order[left + i] = spare[i]!
}

function shuffle(items: Uint16Array, rng: Rng): void {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = rng.below(i + 1)
    const kept = items[i]!
    items[i] = items[j]!
    items[j] = kept
  }
}

function nodeStore(most: number) {
  const feature = new Int16Array(most).fill(-1)
  const edge = new Uint16Array(most)
  const left = new Int32Array(most)
  const right = new Int32Array(most)
  const value = new Float64Array(most)
  let count = 0
  return {
    value,
    add: () => {
      count += 1
      return count - 1
    },
    split: (node: number, f: number, at: number, below: number, above: number) => {
      feature[node] = f
      edge[node] = at
      left[node] = below
      right[node] = above
    },
    done: () => ({
      feature: feature.slice(0, count),
      edge: edge.slice(0, count),
      left: left.slice(0, count),
      right: right.slice(0, count),
      value: value.slice(0, count),
    }),
  }
}
