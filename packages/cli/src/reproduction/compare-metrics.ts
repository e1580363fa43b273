import type { MetricSeries } from '@sweep/spec/wire/api'

/** One step that both have. */
export interface ComparedPoint {
  readonly step: number
  readonly recorded: number
  readonly here: number
  /** Distance, in the metric's unit; NaN where one of the two is not finite and they differ. */
  readonly absolute: number
  /** Share of the recorded value; null where that is 0. */
  readonly relative: number | null
}

export interface MetricComparison {
  readonly name: string
  /** Steps that both have, and how many of them are the same to the last bit. */
  readonly steps: number
  readonly identical: number
  /** Steps that only the record has, and only the run here. */
  readonly missing: number
  readonly extra: number
  /** The step at which they are furthest apart, and the last that both have. */
  readonly worst: ComparedPoint | null
  readonly last: ComparedPoint | null
}

/** Metric by metric, step by step, the metrics of the record first. Of values at one step the last counts. */
export function compareMetrics(recorded: readonly MetricSeries[], here: readonly MetricSeries[]): MetricComparison[] {
  const left = new Map(recorded.map((series) => [series.name, pointsOf(series)]))
  const right = new Map(here.map((series) => [series.name, pointsOf(series)]))
  return [...new Set([...left.keys(), ...right.keys()])].map((name) =>
    compareOne(name, left.get(name) ?? new Map(), right.get(name) ?? new Map()),
  )
}

function pointsOf({ steps, values }: MetricSeries): ReadonlyMap<number, number> {
  return new Map(steps.map((step, index) => [step, values[index] ?? Number.NaN]))
}

function compareOne(
  name: string,
  recorded: ReadonlyMap<number, number>,
  here: ReadonlyMap<number, number>,
): MetricComparison {
  const points = [...recorded.keys()]
    .filter((step) => here.has(step))
    .sort((a, b) => a - b)
    .map((step) => comparePoint(step, recorded.get(step)!, here.get(step)!))
  return {
    name,
    steps: points.length,
    identical: points.filter((point) => point.absolute === 0).length,
    missing: recorded.size - points.length,
    extra: here.size - points.length,
    worst: points.reduce<ComparedPoint | null>((worst, point) => (isFurther(point, worst) ? point : worst), null),
    last: points.at(-1) ?? null,
  }
}

function comparePoint(step: number, recorded: number, here: number): ComparedPoint {
  // NaN is the same as NaN, and one infinity as itself.
  const isSame = recorded === here || (Number.isNaN(recorded) && Number.isNaN(here))
  const absolute = isSame ? 0 : Math.abs(here - recorded)
  const relative = isSame ? 0 : recorded === 0 ? null : absolute / Math.abs(recorded)
  // What is not finite on one side only is as far off as can be.
  const isComparable = isSame || (Number.isFinite(recorded) && Number.isFinite(here))
  return isComparable
    ? { step, recorded, here, absolute, relative }
    : { step, recorded, here, absolute: Number.NaN, relative: null }
}

/** NaN is further off than any number. */
function isFurther({ absolute }: ComparedPoint, than: ComparedPoint | null): boolean {
  if (than === null) return true
  if (Number.isNaN(than.absolute)) return false
  return Number.isNaN(absolute) || absolute > than.absolute
}

/** Whether no step is off by more than this share of the recorded value. */
export function isWithin({ worst, steps, missing }: MetricComparison, tolerance: number): boolean {
  if (steps === 0 || missing > 0 || worst === null) return false
  return worst.absolute === 0 || (worst.relative !== null && worst.relative <= tolerance)
}
