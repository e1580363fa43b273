import type { Axis } from '../axis.ts'
import { createRng, resample } from '../rng.ts'
import { normalCdf } from '../statistics/distributions.ts'
import type { Table } from '../table.ts'
import type { Findings } from './importance.ts'
import { withInterval } from './interval.ts'

/** The share of the trials that counts as the top; Watanabe et al. take the best tenth. */
const TOP_SHARE = 0.1
/** Cells of a number's range. */
const CELLS = 50
const REPLICATES = 100

/**
 * How much each parameter matters for being among the best tenth of the trials, by the Pearson divergence between its
 * distribution among them and among all. Watanabe, Bansal and Hutter 2023, "PED-ANOVA: Efficiently quantifying
 * hyperparameter importance in arbitrary subspaces", IJCAI, arXiv 2304.10255, equation 11 and algorithm 1.
 *
 * A conditional parameter is compared among the trials in which it was active. With a share A of all trials active, and
 * the share of top trials among those R times as large as among all, its divergence counts A R² times: this is its share
 * of the variance of being on top, as in the paper's proof with the law of total variance before it.
 */
export function pedAnova({ axes, columns, losses }: Table, seed: number): Findings {
  const rng = createRng(seed)
  const all = Int32Array.from(losses.keys())
  const samples = [all, ...Array.from({ length: REPLICATES }, () => resample(all.length, rng))]
  const tops = samples.map((rows) => topOf(rows, losses))
  const parameters = axes.flatMap((axis, index) => {
    const column = columns[index]!
    const trials = column.reduce((sum, x) => sum + (Number.isNaN(x) ? 0 : 1), 0)
    if (trials === 0) return []
    const [importance, ...replicates] = samples.map((rows, sample) => divergence(axis, column, rows, tops[sample]!))
    const interval = withInterval(importance!, replicates, Number.POSITIVE_INFINITY)
    return [{ name: axis.name, ...interval, trials, correlation: null, r2: null }]
  })
  return { parameters, interactions: [] }
}

/** All that are no worse than the last of the best tenth, at least two. */
function topOf(rows: Int32Array, losses: Float64Array): Int32Array {
  const sorted = Float64Array.from(rows, (row) => losses[row]!).sort()
  const worst = sorted[Math.max(2, Math.ceil(TOP_SHARE * sorted.length)) - 1]!
  return rows.filter((row) => losses[row]! <= worst)
}

function divergence(axis: Axis, column: Float64Array, rows: Int32Array, top: Int32Array): number {
  const isActive = (row: number) => !Number.isNaN(column[row]!)
  const [active, activeTop] = [rows.filter(isActive), top.filter(isActive)]
  if (active.length === 0 || activeTop.length === 0) return 0
  const density = axis.kind === 'choice' ? shares : smoothed
  const cells = axis.kind === 'choice' ? axis.values.length : Math.min(CELLS, axis.size ?? CELLS)
  const cellOf = (row: number) =>
    axis.kind === 'choice' ? column[row]! : Math.min(cells - 1, Math.floor(column[row]! * cells))
  const base = density(countsOf(active, cells, cellOf))
  const best = density(countsOf(activeTop, cells, cellOf))
  const pearson = base.reduce((sum, p, cell) => sum + p * (best[cell]! / p - 1) ** 2, 0)
  const richness = activeTop.length / active.length / (top.length / rows.length)
  return (active.length / rows.length) * richness ** 2 * pearson
}

function countsOf(rows: Int32Array, cells: number, cellOf: (row: number) => number): Float64Array {
  const counts = new Float64Array(cells)
  for (const row of rows) counts[cellOf(row)]! += 1
  return counts
}

/** Of a choice: the shares, with one more trial spread over all values so that none is impossible. */
function shares(counts: Float64Array): Float64Array {
  const total = counts.reduce((sum, count) => sum + count, 1)
  return counts.map((count) => (count + 1 / counts.length) / total)
}

/**
 * Of a number: a kernel density by Scott's rule (1992, "Multivariate density estimation", section 6.3) with the smaller
 * of deviation and interquartile range, and one wide kernel more over the whole range, so that no cell is empty.
 */
function smoothed(counts: Float64Array): Float64Array {
  const cells = counts.length
  const total = counts.reduce((sum, count) => sum + count, 0)
  const density = new Float64Array(cells)
  const narrow = kernel(cells, bandwidth(counts, total))
  for (const [cell, count] of counts.entries()) if (count > 0) addKernel(density, narrow, cell, count / (total + 1))
  addKernel(density, kernel(cells, cells), (cells - 1) / 2, 1 / (total + 1))
  return density
}

/** By half cells from the centre, from minus the range to the range: the normal distribution function. */
function kernel(cells: number, width: number): Float64Array {
  return Float64Array.from({ length: 4 * cells + 1 }, (_, place) => normalCdf((place / 2 - cells) / width))
}

/** Adds a normal kernel around `centre`, which may lie between two cells, cut off at the ends of the range. */
function addKernel(density: Float64Array, kernel: Float64Array, centre: number, weight: number): void {
  const cells = density.length
  // The lower edge of a cell is half a cell before it.
  const below = (cell: number) => kernel[2 * (cell - centre + cells) - 1]!
  const whole = below(cells) - below(0)
  for (let cell = 0; cell < cells; cell += 1) density[cell]! += (weight * (below(cell + 1) - below(cell))) / whole
}

/** In cells; not so narrow that a kernel would fit into one. */
function bandwidth(counts: Float64Array, total: number): number {
  const mean = counts.reduce((sum, count, cell) => sum + (count * cell) / total, 0)
  const squares = counts.reduce((sum, count, cell) => sum + count * (cell - mean) ** 2, 0)
  const deviation = Math.sqrt(squares / Math.max(1, total - 1))
  const range = cellAt(counts, 0.75 * total) - cellAt(counts, 0.25 * total)
  return Math.max(0.5 / 1.64, 1.059 * Math.min(range / 1.34, deviation) * total ** -0.2)
}

function cellAt(counts: Float64Array, rank: number): number {
  let seen = 0
  for (const [cell, count] of counts.entries()) {
    seen += count
    if (seen >= rank) return cell
  }
  return counts.length - 1
}
