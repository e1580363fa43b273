import type { Bins } from './bins.ts'
import type { Tree } from './tree.ts'

/**
 * The leaves of a tree: a constant on a box each, and the boxes fill the search space. Bins between which the tree never
 * splits are one cell.
 */
export interface Leaves {
  readonly count: number
  readonly values: Float64Array
  /** By leaf and parameter: the first cell in the box, and the first beyond it. */
  readonly low: Uint16Array
  readonly high: Uint16Array
  /** By leaf and parameter: the probability to be drawn within the box. */
  readonly masses: Float64Array
  /** By parameter and cell: the probability to be drawn in that cell. */
  readonly cellMass: readonly Float64Array[]
  /** By parameter: the cell of each bin. */
  readonly cellOf: readonly Uint16Array[]
}

export function leavesOf(tree: Tree, features: readonly Bins[]): Leaves {
  const width = features.length
  const cellAt = cellsByRank(tree, features)
  const cellOf = features.map((_, feature) => tree.ranks[feature]!.map((rank) => cellAt[feature]![rank]!))
  const cellMass = features.map(({ mass, count }, feature) => {
    const byCell = new Float64Array(cellAt[feature]![count]!)
    for (const [bin, share] of mass.entries()) byCell[cellOf[feature]![bin]!]! += share
    return byCell
  })
  const upTo = cellMass.map(runningSums)
  const count = tree.feature.reduce((sum, feature) => sum + (feature < 0 ? 1 : 0), 0)
  const values = new Float64Array(count)
  const low = new Uint16Array(count * width)
  const high = new Uint16Array(count * width)
  const masses = new Float64Array(count * width)
  const from = new Uint16Array(width)
  const to = Uint16Array.from(cellMass, ({ length }) => length)
  let leaf = 0
  const visit = (node: number) => {
    const feature = tree.feature[node]!
    if (feature >= 0) {
      const cell = cellAt[feature]![tree.edge[node]!]!
      const [first, end] = [from[feature]!, to[feature]!]
      to[feature] = cell
      visit(tree.left[node]!)
      to[feature] = end
      from[feature] = cell
      visit(tree.right[node]!)
      from[feature] = first
      return
    }
    const at = leaf * width
    values[leaf] = tree.value[node]!
    low.set(from, at)
    high.set(to, at)
    for (let f = 0; f < width; f += 1) masses[at + f] = upTo[f]![to[f]!]! - upTo[f]![from[f]!]!
    leaf += 1
  }
  visit(0)
  return { count, values, low, high, masses, cellMass, cellOf }
}

/** By parameter: the cell of each rank; beyond the last rank, the number of cells. */
function cellsByRank({ feature, edge }: Tree, features: readonly Bins[]): Uint16Array[] {
  const cells = features.map(({ count }) => new Uint16Array(count + 1))
  for (let node = 0; node < feature.length; node += 1) {
    if (feature[node]! >= 0) cells[feature[node]!]![edge[node]!] = 1
  }
  for (const [index, { count }] of features.entries()) {
    const ofFeature = cells[index]!
    ofFeature[count] = 1
    for (let rank = 1; rank <= count; rank += 1) ofFeature[rank]! += ofFeature[rank - 1]!
  }
  return cells
}

function runningSums(values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length + 1)
  for (const [index, value] of values.entries()) sums[index + 1] = sums[index]! + value
  return sums
}

/** Mean and variance of the tree over configs as they are drawn. */
export function moments({ count, values, masses, cellMass }: Leaves): { mean: number; variance: number } {
  const width = cellMass.length
  let mean = 0
  let square = 0
  for (let leaf = 0; leaf < count; leaf += 1) {
    let mass = 1
    for (let f = 0; f < width; f += 1) mass *= masses[leaf * width + f]!
    mean += mass * values[leaf]!
    square += mass * values[leaf]! * values[leaf]!
  }
  return { mean, variance: Math.max(0, square - mean * mean) }
}

/**
 * By cell: the mean of the tree over all other parameters, with this one in the cell. Hutter, Hoos and Leyton-Brown, "An
 * efficient approach for assessing hyperparameter importance", ICML 2014, section 4.2; the sums over leaves are taken by
 * their differences from cell to cell, so that a leaf costs the same however wide it is.
 */
export function marginal({ count, values, low, high, masses, cellMass }: Leaves, feature: number): Float64Array {
  const width = cellMass.length
  const cells = cellMass[feature]!.length
  const sums = new Float64Array(cells + 1)
  for (let leaf = 0; leaf < count; leaf += 1) {
    const at = leaf * width
    let share = values[leaf]!
    for (let f = 0; f < width; f += 1) if (f !== feature) share *= masses[at + f]!
    sums[low[at + feature]!]! += share
    sums[high[at + feature]!]! -= share
  }
  for (let cell = 1; cell < cells; cell += 1) sums[cell]! += sums[cell - 1]!
  return sums.subarray(0, cells)
}

/** The same for two parameters: row by row, a row for each cell of the first. */
export function pairMarginal(leaves: Leaves, first: number, second: number): Float64Array {
  const { count, values, low, high, masses, cellMass } = leaves
  const width = cellMass.length
  const rows = cellMass[first]!.length
  const columns = cellMass[second]!.length
  const stride = columns + 1
  const sums = new Float64Array((rows + 1) * stride)
  for (let leaf = 0; leaf < count; leaf += 1) {
    const at = leaf * width
    let share = values[leaf]!
    for (let f = 0; f < width; f += 1) if (f !== first && f !== second) share *= masses[at + f]!
    const top = low[at + first]! * stride
    const bottom = high[at + first]! * stride
    const left = low[at + second]!
    const right = high[at + second]!
    sums[top + left]! += share
    sums[top + right]! -= share
    sums[bottom + left]! -= share
    sums[bottom + right]! += share
  }
  const table = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row += 1) {
    let along = 0
    for (let column = 0; column < columns; column += 1) {
      along += sums[row * stride + column]!
      table[row * columns + column] = along + (row > 0 ? table[(row - 1) * columns + column]! : 0)
    }
  }
  return table
}
