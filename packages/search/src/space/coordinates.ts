import type { Json } from '@sweep/spec/number'
import type { Config, Parameter, SearchSpace } from '@sweep/spec/search-space'
import type { Rng } from '../rng.ts'
import { sampleParameter } from '../sample.ts'
import { type Axis, axisOf } from './axis.ts'
import { isActive } from './conditions.ts'
import { normalProbability } from './normal-probability.ts'
import { byName, normalQuantile } from './quantile.ts'

export type NumericAxis = Extract<Axis, { kind: 'numeric' }>
export type ChoiceAxis = Extract<Axis, { kind: 'choice' }>

/** The axes of a space, by kind: the numeric ones are the coordinates of a normal distribution. */
export interface Coordinates {
  readonly axes: readonly Axis[]
  readonly numeric: readonly NumericAxis[]
  readonly choices: readonly ChoiceAxis[]
  /** Where the axes of each kind stand among all. */
  readonly numericAt: readonly number[]
  readonly choiceAt: readonly number[]
  /** Index of a parameter among the axes of its kind; parameters with a single value have none. */
  readonly indexOf: ReadonlyMap<string, number>
}

export function coordinatesOf(space: SearchSpace): Coordinates {
  const axes = byName(space.parameters).flatMap((parameter) => axisOf(parameter) ?? [])
  const numeric = axes.filter((axis) => axis.kind === 'numeric')
  const choices = axes.filter((axis) => axis.kind === 'choice')
  return {
    axes,
    numeric,
    choices,
    numericAt: numeric.map((axis) => axes.indexOf(axis)),
    choiceAt: choices.map((axis) => axes.indexOf(axis)),
    indexOf: new Map([numeric, choices].flatMap((kind) => kind.map((axis, index) => [axis.name, index] as const))),
  }
}

/**
 * The config at a point and a pick of each choice; what is inactive is left out.
 *
 * @param ordered the parameters of the space, parents first
 * @param point in [0, 1], by numeric axis
 * @param picks index of a value, by choice axis
 */
export function configAtPoint(
  { numeric, choices, indexOf }: Coordinates,
  ordered: readonly Parameter[],
  point: Float64Array,
  picks: readonly number[],
  rng: Rng,
): Config {
  const values = new Map<string, Json>()
  for (const parameter of ordered) {
    if (!isActive(parameter, values)) continue
    const index = indexOf.get(parameter.name)
    if (index === undefined) values.set(parameter.name, sampleParameter(parameter, rng))
    else if (numeric[index]?.name === parameter.name) values.set(parameter.name, numeric[index].decode(point[index]!))
    else values.set(parameter.name, choices[index]!.decode(picks[index]!))
  }
  return Object.fromEntries(values)
}

/** Where the points of an axis all decode to one value; its ends are 0 or 1 exactly at the ends of the axis. */
export interface Cell {
  readonly low: number
  readonly high: number
}

/** Beyond the last value of an axis less than this is left, by rounding. */
const ROUNDING = 1e-9

/** The cell that a coordinate lies in; undefined where the axis is continuous. */
export function cellAt(axis: NumericAxis, coordinate: number): Cell | undefined {
  const half = axis.halfStep(coordinate)
  if (half === 0) return undefined
  const center = axis.encode(axis.decode(coordinate)) ?? coordinate
  const [low, high] = [center - half, center + half]
  return { low: low < ROUNDING ? 0 : low, high: high > 1 - ROUNDING ? 1 : high }
}

/** A coordinate drawn from a normal distribution, given that it lies in the cell. */
export function drawInCell({ low, high }: Cell, mean: number, deviation: number, rng: Rng): number {
  const below = normalProbability((low - mean) / deviation)
  const upTo = normalProbability((high - mean) / deviation)
  const probability = Math.min(1 - 2 ** -53, below + rng.float() * (upTo - below))
  const drawn = mean + deviation * normalQuantile(probability)
  // Far from the mean the quantiles of both ends are the same, and that of 1 is infinite.
  return Math.min(high, Math.max(low, drawn))
}
