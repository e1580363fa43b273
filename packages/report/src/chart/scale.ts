import type { Json } from '@sweep/spec/number'
import type { Parameter } from '@sweep/spec/search-space'
import { shortNumber, valueText } from '../numbers.ts'

export interface Tick {
  /** From 0 to 1 along the axis. */
  readonly at: number
  readonly label: string
}

/** An axis: where values lie on it, and which are written beside it. */
export interface Scale {
  readonly label: string
  readonly ticks: readonly Tick[]
  /** From 0 to 1; values beyond the ends are put at the ends. Undefined for what has no place. */
  place(value: Json): number | undefined
  /** Of a choice: how wide the place of one value is; 0 for numbers. */
  readonly band: number
}

const TICKS = 5

/** @param bounds both finite; equal ones are moved apart */
export function linearScale(label: string, [low, high]: readonly [number, number]): Scale {
  const [from, to] = apart(low, high)
  const step = niceStep((to - from) / TICKS)
  const first = Math.ceil(from / step - 1e-9)
  const last = Math.floor(to / step + 1e-9)
  const ticks = Array.from({ length: Math.max(0, Math.min(20, last - first + 1)) }, (_, index) => {
    const value = (first + index) * step
    return { at: clamp((value - from) / (to - from)), label: tickText(value, step) }
  })
  return {
    label,
    ticks,
    band: 0,
    place: (value) => (isNumber(value) ? clamp((value - from) / (to - from)) : undefined),
  }
}

/** @param bounds both above 0 */
export function logScale(label: string, [low, high]: readonly [number, number]): Scale {
  const [from, to] = low === high ? [low / 2, high * 2] : [low, high]
  const width = Math.log10(to) - Math.log10(from)
  const place = (value: Json) =>
    isNumber(value) && value > 0 ? clamp((Math.log10(value) - Math.log10(from)) / width) : undefined
  const ticks = logTicks(from, to, width).map((value) => ({ at: place(value) ?? 0, label: powerText(value) }))
  return { label: `${label} (log scale)`, ticks, band: 0, place }
}

/** One place for every value, in their order; of very many only some are named. */
export function bandScale(label: string, values: readonly Json[], most = 8): Scale {
  const keys = values.map((value) => JSON.stringify(value))
  const every = Math.ceil(values.length / most)
  return {
    label,
    band: values.length === 0 ? 0 : 1 / values.length,
    ticks: values.flatMap((value, index) =>
      index % every === 0 ? [{ at: (index + 0.5) / values.length, label: valueText(value) }] : [],
    ),
    place: (value) => {
      const index = keys.indexOf(JSON.stringify(value))
      return index < 0 ? undefined : (index + 0.5) / values.length
    },
  }
}

/** The axis that a parameter is searched on. `seen` are values that were tried, which bound what has no bounds itself. */
export function parameterScale(parameter: Parameter, seen: readonly Json[]): Scale {
  const numbers = seen.filter(isNumber)
  const range = (): [number, number] => extent(numbers) ?? [0, 1]
  switch (parameter.type) {
    case 'constant':
      return bandScale(parameter.name, [parameter.value])
    case 'choice':
      return bandScale(parameter.name, parameter.values)
    case 'int':
    case 'float': {
      const bounds = [parameter.min, parameter.max] as const
      const isLog = parameter.scale !== 'linear' && parameter.min > 0
      return isLog ? logScale(parameter.name, bounds) : linearScale(parameter.name, bounds)
    }
    case 'normal':
      return parameter.scale === 'log' && range()[0] > 0
        ? logScale(parameter.name, range())
        : linearScale(parameter.name, range())
    case 'beta':
      return linearScale(parameter.name, [0, 1])
  }
}

/** The least and the largest; undefined for none. Not by spreading, which ten thousand values may overflow. */
export function extent(values: readonly number[]): [number, number] | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return low <= high ? [low, high] : undefined
}

export interface ObjectiveScale {
  readonly scale: Scale
  /** How many values lie beyond its ends, and so are drawn there. */
  readonly beyond: number
}

/** Positive values that differ by more than this are drawn on a log scale. */
const WIDE = 1000
/** Of the axis, free at either end. */
const MARGIN = 0.04

/**
 * An axis for values of an objective that a few diverged trials do not stretch until nothing else can be seen: on the bad
 * side it ends three interquartile ranges from the quartile (the outer fence of Tukey 1977).
 */
export function objectiveScale(
  { name, goal }: { readonly name: string; readonly goal: 'minimize' | 'maximize' },
  values: readonly number[],
): ObjectiveScale {
  const [least, most] = extent(values) ?? [0, 1]
  // Not where a power of ten would be no double any more.
  const isLog = least > 1e-290 && most < 1e290 && most / least > WIDE
  const on = isLog ? Math.log10 : (value: number) => value
  const sorted = Float64Array.from(values.filter(Number.isFinite), on).sort()
  const quartile = (share: number) => sorted[Math.round(share * Math.max(0, sorted.length - 1))] ?? 0
  const reach = 3 * (quartile(0.75) - quartile(0.25))
  const isFenced = reach > 0 && Number.isFinite(reach)
  const low = isFenced && goal === 'maximize' ? Math.max(on(least), quartile(0.25) - reach) : on(least)
  const high = isFenced && goal === 'minimize' ? Math.min(on(most), quartile(0.75) + reach) : on(most)
  const margin = Number.isFinite(high - low) ? MARGIN * (high - low) : 0
  const bounds: [number, number] = [low - margin, high + margin]
  return {
    scale: isLog ? logScale(name, [10 ** bounds[0], 10 ** bounds[1]]) : linearScale(name, bounds),
    beyond: sorted.filter((value) => value < low || value > high).length,
  }
}

function isNumber(value: Json): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function apart(low: number, high: number): [number, number] {
  // Halved, so that no distance is beyond the largest double.
  const [from, to] = [Math.max(low, -8e307), Math.min(high, 8e307)]
  // Bounds that rounding alone keeps apart have no round numbers between them.
  if (to - from > Math.max(1e-290, 1e-12 * Math.max(Math.abs(from), Math.abs(to)))) return [from, to]
  const margin = Math.abs(from) < 1e-280 ? 1 : Math.abs(from) * 0.1
  return [from - margin, from + margin]
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  const found = [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9))
  return (found ?? 10) * power
}

function tickText(value: number, step: number): string {
  if (Math.abs(value) < step / 2) return '0'
  if (Math.abs(value) >= 1e5 || step < 1e-4) return powerText(Number(value.toPrecision(6)))
  return String(Number(value.toFixed(Math.max(0, -Math.floor(Math.log10(step))))))
}

/** Powers of ten, of which wide axes have only some; narrow ones have numbers between them too. */
function logTicks(from: number, to: number, width: number): number[] {
  const [first, last] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))]
  const every = Math.max(1, Math.ceil(width / 6))
  const factors = width < 1 ? [1, 1.5, 2, 3, 4, 5, 7] : width < 2 ? [1, 2, 5] : width < 3 ? [1, 3] : [1]
  const ticks: number[] = []
  for (let power = first; power <= last; power += every) {
    for (const factor of factors) {
      const value = Number(`${factor}e${power}`)
      if (value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9)) ticks.push(value)
    }
  }
  return ticks
}

function powerText(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential().replace('e+', 'e')
  return shortNumber(value)
}
