import { SweepError } from '@sweep/spec/errors'
import type { Field } from '@sweep/spec/filter/filter'
import { printField } from '@sweep/spec/filter/print-filter'
import type { Json } from '@sweep/spec/number'
import { type Contour, contour } from '../effects/dependence.ts'
import { type ParallelCoordinates, parallelCoordinates } from '../effects/parallel.ts'
import { inferSpace } from '../runs/infer-space.ts'
import { type Goal, numberOfField, type RunData, valueOfField } from '../runs/run-data.ts'
import type { SweepPoints } from '../trial-points.ts'
import { isPlain } from './plain.ts'

export interface RunPoints {
  readonly points: SweepPoints
  /** By the number of the trial that it stands for, less one. */
  readonly runs: readonly RunData[]
}

/** Runs as the analyses of sweeps know them: fields as parameters, by how they are written. */
export function runPoints(runs: readonly RunData[], fields: readonly Field[], value: Field, goal: Goal): RunPoints {
  const judged = runs.filter((run) => numberOfField(run, value) !== undefined)
  const configs = judged.map((run) =>
    Object.fromEntries(
      fields.flatMap((field): [string, Json][] => {
        const found = valueOfField(run, field)
        return isPlain(found) ? [[printField(field), found]] : []
      }),
    ),
  )
  const trials = judged.map((run, n) => {
    return { number: n + 1, config: configs[n]!, state: 'completed' as const, value: numberOfField(run, value)! }
  })
  return { points: { space: inferSpace(configs, fields.map(printField)), trials, goal }, runs: judged }
}

export interface RunLines extends Pick<ParallelCoordinates, 'axes'> {
  /** The best last, so that they are drawn on top. */
  readonly lines: readonly {
    readonly run: string
    readonly value: number
    readonly at: readonly (number | null)[]
  }[]
  readonly leftOut: number
}

/** Every run as a line over some fields, each on its own scale. */
export function runLines(runs: readonly RunData[], fields: readonly Field[], value: Field, goal: Goal): RunLines {
  const { points, runs: judged } = runPoints(runs, fields, value, goal)
  const { axes, lines } = parallelCoordinates(points)
  return {
    axes,
    lines: lines.map(({ trial, value, at }) => ({ run: judged[trial - 1]!.id, value, at })),
    leftOut: runs.length - lines.length,
  }
}

export interface RunContour extends Contour {
  readonly leftOut: number
}

/**
 * What a model of the runs says of a value over two fields. The model knows all params of the runs, so that what others
 * have done is not taken for an effect of these two.
 *
 * @throws SweepError `invalid-request` where one of the two does not vary
 */
export function runContour(
  runs: readonly RunData[],
  [x, y]: readonly [Field, Field],
  value: Field,
  goal: Goal,
): RunContour {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.params)))].sort()
  const params = names.map((name): Field => ({ kind: 'param', name }))
  const asked = [x, y].map(printField)
  const others = params.filter((field) => !asked.includes(printField(field)))
  const { points } = runPoints(runs, [x, y, ...others.slice(0, MOST_PARAMS)], value, goal)
  if (points.trials.length < LEAST_RUNS) {
    throw new SweepError(
      'invalid-request',
      `a contour needs ${LEAST_RUNS} runs with a value, not ${points.trials.length}`,
    )
  }
  return { ...contour(points, [asked[0]!, asked[1]!]), leftOut: runs.length - points.trials.length }
}

/** A forest of hundreds of params takes long and learns little. */
const MOST_PARAMS = 30
const LEAST_RUNS = 4
