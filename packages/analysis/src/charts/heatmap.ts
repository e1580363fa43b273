import type { Field } from '@sweep/spec/filter/filter'
import { numberOfField, type RunData, valueOfField } from '../runs/run-data.ts'
import { ascending, mean, quantile } from '../statistics/describe.ts'
import { comparePlain, isPlain } from './plain.ts'

/** A stretch of an axis: one value of a field, or the numbers between two, both included. */
export interface HeatmapBand {
  readonly from: string | number | boolean
  readonly to: string | number | boolean
}

export interface HeatmapCell {
  readonly runs: number
  readonly mean: number
  readonly min: number
  readonly max: number
}

export interface Heatmap {
  readonly xs: readonly HeatmapBand[]
  readonly ys: readonly HeatmapBand[]
  /** A row for every one of `ys`; null where no run is. */
  readonly cells: readonly (readonly (HeatmapCell | null)[])[]
  readonly leftOut: number
}

/**
 * A third field over two others. A field with more different numbers than there are bands is cut into bands with about
 * equally many runs each, so that a log scale needs no telling; equal numbers are never in two bands.
 *
 * @param most bands along each axis
 */
export function heatmap(runs: readonly RunData[], fields: { x: Field; y: Field; value: Field }, most = 20): Heatmap {
  const points = runs.flatMap((run) => {
    const [x, y, value] = [valueOfField(run, fields.x), valueOfField(run, fields.y), numberOfField(run, fields.value)]
    return isPlain(x) && isPlain(y) && value !== undefined ? [{ x, y, value }] : []
  })
  const xs = bandsOf(
    points.map(({ x }) => x),
    most,
  )
  const ys = bandsOf(
    points.map(({ y }) => y),
    most,
  )
  const cells: number[][][] = ys.map(() => xs.map(() => []))
  for (const { x, y, value } of points) cells[bandOf(ys, y)]?.[bandOf(xs, x)]?.push(value)
  return {
    xs,
    ys,
    cells: cells.map((row) =>
      row.map((values) => {
        if (values.length === 0) return null
        const ordered = ascending(values)
        return { runs: values.length, mean: mean(values), min: ordered[0]!, max: ordered.at(-1)! }
      }),
    ),
    leftOut: runs.length - points.length,
  }
}

function bandsOf(values: readonly (string | number | boolean)[], most: number): HeatmapBand[] {
  const distinct = [...new Set(values)].sort(comparePlain)
  const numbers = values.filter((value) => typeof value === 'number')
  if (distinct.length <= most || numbers.length < values.length) return distinct.map((at) => ({ from: at, to: at }))
  const ordered = ascending(numbers)
  const edges = Array.from({ length: most - 1 }, (_, n) => quantile(ordered, (n + 1) / most))
  const bands: { from: number; to: number }[] = []
  let edge = 0
  for (const at of ascending(new Set(numbers))) {
    const band = bands.at(-1)
    let isNext = band === undefined
    for (; edge < edges.length && at > edges[edge]!; edge += 1) isNext = true
    if (isNext || band === undefined) bands.push({ from: at, to: at })
    else band.to = at
  }
  return bands
}

function bandOf(bands: readonly HeatmapBand[], value: string | number | boolean): number {
  return bands.findIndex(({ from, to }) => comparePlain(from, value) <= 0 && comparePlain(value, to) <= 0)
}
