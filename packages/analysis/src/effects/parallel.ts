import type { Json } from '@sweep/spec/number'
import { tableOf } from '../table.ts'
import type { SweepPoints } from '../trial-points.ts'
import { asReported } from './reported.ts'

export interface ParallelCoordinates {
  readonly axes: readonly {
    readonly name: string
    /** Of a choice, in the order in which they lie on the axis; null for a number. */
    readonly values: readonly Json[] | null
  }[]
  readonly lines: readonly {
    readonly trial: number
    readonly value: number
    /** By axis: from 0 to 1, or null where the parameter was not active. */
    readonly at: readonly (number | null)[]
  }[]
}

/** Every trial as a line over the parameters, each on its own scale; the best come last, so that they are drawn on top. */
export function parallelCoordinates(points: SweepPoints): ParallelCoordinates {
  const { axes, columns, losses, trials } = tableOf(points)
  const rows = [...losses.keys()].sort((a, b) => losses[b]! - losses[a]! || a - b)
  return {
    axes: axes.map((axis) => ({ name: axis.name, values: axis.kind === 'choice' ? axis.values : null })),
    lines: rows.map((row) => ({
      trial: trials[row]!.number,
      value: asReported(losses[row]!, points.goal),
      at: axes.map((axis, index) => {
        const coordinate = columns[index]![row]!
        if (Number.isNaN(coordinate)) return null
        return axis.kind === 'choice' ? (coordinate + 0.5) / axis.values.length : coordinate
      }),
    })),
  }
}
