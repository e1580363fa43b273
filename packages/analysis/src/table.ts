import { type Axis, axisOf } from './axis.ts'
import { type Comparable, type LeftOut, type Level, type SweepPoints, selectTrials } from './trial-points.ts'

/** The trials that can be compared, as columns of numbers. */
export interface Table {
  readonly axes: readonly Axis[]
  /** By axis: the coordinate of every trial; NaN where the parameter was not active. */
  readonly columns: readonly Float64Array[]
  readonly losses: Float64Array
  readonly trials: readonly Comparable[]
  /** Parameters with a single value. */
  readonly constants: readonly string[]
  readonly level: Level
  readonly leftOut: LeftOut
}

/** @param most of more trials so many are kept, evenly over their order */
export function tableOf(points: SweepPoints, most = Number.POSITIVE_INFINITY): Table {
  const axes = points.space.parameters.flatMap((parameter) => axisOf(parameter) ?? [])
  const constants = points.space.parameters.filter((one) => axisOf(one) === undefined).map(({ name }) => name)
  const { trials, level, leftOut } = selectTrials(points)
  const encoded = trials.flatMap((trial) => {
    const coordinates = encode(axes, trial)
    return coordinates === undefined ? [] : [{ trial, coordinates }]
  })
  const share = Math.min(1, most / encoded.length)
  const rows = encoded.filter((_, index) => Math.floor((index + 1) * share) > Math.floor(index * share))
  return {
    axes,
    columns: axes.map((_, index) => Float64Array.from(rows, ({ coordinates }) => coordinates[index]!)),
    losses: Float64Array.from(rows, ({ trial }) => trial.loss),
    trials: rows.map(({ trial }) => trial),
    constants,
    level,
    leftOut: { ...leftOut, foreign: trials.length - encoded.length, surplus: encoded.length - rows.length },
  }
}

/** Undefined for a config with a value that its parameter can't have. */
function encode(axes: readonly Axis[], { config }: Comparable): number[] | undefined {
  const coordinates: number[] = []
  for (const axis of axes) {
    const coordinate = Object.hasOwn(config, axis.name) ? axis.encode(config[axis.name]!) : Number.NaN
    if (coordinate === undefined) return undefined
    coordinates.push(coordinate)
  }
  return coordinates
}

/** Parameters that are active in the same trials, and so can be judged together. */
export interface ActiveGroup {
  /** Places in `axes` of the parameters that are active in exactly these trials. */
  readonly judged: readonly number[]
  /** Places of the judged ones and of all others that are active in every one of these trials and vary among them. */
  readonly inputs: readonly number[]
  /** Places of the trials. */
  readonly rows: Int32Array
}

/** The group of the parameters that are always active first, then by the number of trials. */
export function activeGroups({ columns, losses }: Pick<Table, 'columns' | 'losses'>): ActiveGroup[] {
  const byPattern = new Map<string, number[]>()
  const patterns = columns.map((column) => Array.from(column, (x) => (Number.isNaN(x) ? '0' : '1')).join(''))
  for (const [index, pattern] of patterns.entries()) {
    byPattern.set(pattern, [...(byPattern.get(pattern) ?? []), index])
  }
  const groups = [...byPattern].map(([pattern, judged]) => {
    const rows = Int32Array.from([...losses.keys()].filter((row) => pattern[row] === '1'))
    const isActive = (index: number) => rows.every((row) => !Number.isNaN(columns[index]![row]!))
    const varies = (index: number) => rows.some((row) => columns[index]![row] !== columns[index]![rows[0]!])
    const isInput = (index: number) => judged.includes(index) || (isActive(index) && varies(index))
    return { judged, inputs: [...columns.keys()].filter(isInput), rows }
  })
  return groups.filter(({ rows }) => rows.length > 0).sort((a, b) => b.rows.length - a.rows.length)
}

/** The values of these rows only. */
export function pick(column: Float64Array, rows: Int32Array): Float64Array {
  const picked = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i += 1) picked[i] = column[rows[i]!]!
  return picked
}
