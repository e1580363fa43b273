import type { Json } from '@sweep/spec/number'
import type { Config, Parameter } from '@sweep/spec/search-space'
import type { Rng } from '../rng.ts'
import { sampleIndex, sampleParameter } from '../sample.ts'
import { type Axis, encodeConfig } from './axis.ts'
import { isActive } from './conditions.ts'

/** Of a choice with more values than this, as many are drawn at random where all would be compared. */
const MOST_COMPARED = 16

/**
 * The space as the model searches it. A place has a coordinate on every axis, also on those of parameters that are
 * inactive there, so that one that a move switches on has a value. A point is what the model sees of a place: numbers
 * rounded to values that their parameter can have, NaN for what is inactive.
 */
export class SearchRegion {
  readonly axes: readonly Axis[]
  readonly isChoice: readonly boolean[]
  /** Axes whose values have gaps: choices, integers and other steps. */
  readonly hasGaps: readonly boolean[]
  readonly #isUniform: readonly boolean[]
  readonly #ordered: readonly Parameter[]
  readonly #axisIndex: ReadonlyMap<string, number>
  readonly #isConditional: boolean

  /** @param ordered the parameters of the space, parents first (`parentsFirst`) */
  constructor(ordered: readonly Parameter[], axes: readonly Axis[]) {
    this.axes = axes
    this.isChoice = axes.map((axis) => axis.kind === 'choice')
    this.hasGaps = axes.map((axis) => axis.kind === 'choice' || axis.halfStep(0.5) > 0)
    this.#isUniform = axes.map((axis) => axis.kind === 'choice' && axis.prior.every((one) => one === axis.prior[0]))
    this.#ordered = ordered
    this.#axisIndex = new Map(axes.map((axis, index) => [axis.name, index]))
    this.#isConditional = ordered.some((parameter) => parameter.when !== undefined)
  }

  /** @param rng for parameters without an axis, which have a single value */
  configAt(place: Float64Array, rng: Rng): Config {
    const values = new Map<string, Json>()
    for (const parameter of this.#ordered) {
      if (!isActive(parameter, values)) continue
      const k = this.#axisIndex.get(parameter.name)
      const value = k === undefined ? sampleParameter(parameter, rng) : this.axes[k]!.decode(place[k]!)
      values.set(parameter.name, value)
    }
    return Object.fromEntries(values)
  }

  pointAt(place: Float64Array, rng: Rng): Float64Array {
    if (this.#isConditional) return encodeConfig(this.axes, this.configAt(place, rng))
    return place.map((coordinate, k) => {
      const axis = this.axes[k]!
      if (axis.kind === 'choice' || !this.hasGaps[k]) return coordinate
      return axis.encode(axis.decode(coordinate)) ?? coordinate
    })
  }

  /** A place of a point: inactive parameters get a coordinate at random. */
  placeOf(point: Float64Array, rng: Rng): Float64Array {
    return point.map((coordinate, k) => (Number.isNaN(coordinate) ? this.drawCoordinate(k, rng) : coordinate))
  }

  drawPlace(rng: Rng): Float64Array {
    return Float64Array.from(this.axes, (_, k) => this.drawCoordinate(k, rng))
  }

  drawCoordinate(k: number, rng: Rng): number {
    const axis = this.axes[k]!
    if (axis.kind === 'numeric') return rng.float()
    return this.#isUniform[k] ? rng.int(0, axis.prior.length - 1) : sampleIndex(axis.prior, rng)
  }

  /** Other coordinates on an axis with gaps: those of the values next to it, or of a choice all, if they are not many. */
  besides(k: number, coordinate: number, rng: Rng): number[] {
    const axis = this.axes[k]!
    if (axis.kind === 'choice') {
      if (axis.prior.length > MOST_COMPARED) {
        return Array.from({ length: MOST_COMPARED }, () => this.drawCoordinate(k, rng))
      }
      return axis.prior.flatMap((prior, index) => (index !== coordinate && prior > 0 ? [index] : []))
    }
    const width = 2 * axis.halfStep(coordinate)
    return [coordinate - width, coordinate + width].filter((next) => next > 0 && next < 1)
  }
}
