import { SweepError } from '@sweep/spec/errors'
import type { Axis } from '../axis.ts'
import type { Table } from '../table.ts'
import type { SweepPoints } from '../trial-points.ts'

/** The value of a loss. Adding 0 turns the -0 of a negated zero into 0. */
export function asReported(loss: number, goal: SweepPoints['goal']): number {
  return (goal === 'maximize' ? -loss : loss) + 0
}

export interface JudgedColumn {
  /** Place of the axis in the table. */
  readonly index: number
  readonly axis: Axis
  readonly column: Float64Array
  /** The trials in which the parameter was active. */
  readonly rows: Int32Array
}

/** @throws SweepError `invalid-request` for no parameter that varies */
export function judgedColumn({ axes, columns }: Pick<Table, 'axes' | 'columns'>, name: string): JudgedColumn {
  const index = axes.findIndex((axis) => axis.name === name)
  if (index < 0) {
    throw new SweepError('invalid-request', `${name} is no parameter that varies in this sweep`, {
      hint: `Its parameters are ${axes.map((axis) => axis.name).join(', ')}.`,
    })
  }
  const column = columns[index]!
  const rows = Int32Array.from([...column.keys()].filter((row) => !Number.isNaN(column[row]!)))
  return { index, axis: axes[index]!, column, rows }
}
