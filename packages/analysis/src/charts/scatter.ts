import type { Field } from '@sweep/spec/filter/filter'
import type { Json } from '@sweep/spec/number'
import { type RunData, valueOfField } from '../runs/run-data.ts'
import { isPlain } from './plain.ts'

export interface ScatterPoint {
  readonly run: string
  readonly x: Json
  readonly y: Json
  /** Null without a field for it, and where it is missing. */
  readonly color: Json
}

export interface Scatter {
  readonly points: readonly ScatterPoint[]
  /** Runs that lack one of the two, or have something that is on no axis: NaN, infinities, lists. */
  readonly leftOut: number
}

/** Runs over two fields, such as a param and a metric. */
export function scatter(runs: readonly RunData[], fields: { x: Field; y: Field; color?: Field | undefined }): Scatter {
  const points = runs.flatMap((run): ScatterPoint[] => {
    const [x, y] = [valueOfField(run, fields.x), valueOfField(run, fields.y)]
    if (!isPlain(x) || !isPlain(y)) return []
    const color = fields.color === undefined ? undefined : valueOfField(run, fields.color)
    return [{ run: run.id, x, y, color: isPlain(color) ? color : null }]
  })
  return { points, leftOut: runs.length - points.length }
}
