import { ascending, quantile } from '../statistics/describe.ts'

export interface Curve {
  readonly trial: number
  /** What the curve is drawn together with, such as the value of a choice. */
  readonly group: string
  /** Ascending. */
  readonly steps: readonly number[]
  readonly values: readonly number[]
}

export interface GroupCurve {
  readonly group: string
  readonly trials: number
  readonly points: readonly {
    readonly step: number
    /** How many trials of the group still ran at this step. */
    readonly count: number
    readonly median: number
    readonly lowerQuartile: number
    readonly upperQuartile: number
  }[]
}

/**
 * The median and the quartiles of the curves of each group, at every step that one of them reported. Between its own
 * steps a curve is straight; before its first and beyond its last it is not there, so where trials are stopped early the
 * median is of those that were left, which `count` shows. Values that are not finite are gaps.
 */
export function groupCurves(curves: readonly Curve[]): GroupCurve[] {
  return [...new Set(curves.map(({ group }) => group))].map((group) => {
    const members = curves.filter((curve) => curve.group === group)
    const finite = members.map(finitePoints)
    const steps = ascending(new Set(finite.flatMap((points) => points.map(({ step }) => step))))
    return {
      group,
      trials: members.length,
      points: Array.from(steps, (step) => {
        const values = ascending(finite.flatMap((points) => valueAt(points, step) ?? []))
        const [lowerQuartile, median, upperQuartile] = [0.25, 0.5, 0.75].map((share) => quantile(values, share))
        return {
          step,
          count: values.length,
          median: median!,
          lowerQuartile: lowerQuartile!,
          upperQuartile: upperQuartile!,
        }
      }),
    }
  })
}

interface CurvePoint {
  readonly step: number
  readonly value: number
}

function finitePoints({ steps, values }: Curve): CurvePoint[] {
  return steps
    .map((step, index) => ({ step, value: values[index] ?? Number.NaN }))
    .filter(({ value }) => Number.isFinite(value))
}

function valueAt(points: readonly CurvePoint[], step: number): number | undefined {
  const next = points.findIndex((point) => point.step >= step)
  const after = points[next]
  if (after === undefined) return undefined
  const before = points[next - 1]
  if (after.step === step || before === undefined) return after.step === step ? after.value : undefined
  return before.value + ((step - before.step) / (after.step - before.step)) * (after.value - before.value)
}
