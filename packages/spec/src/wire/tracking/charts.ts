import { z } from 'zod'
import { Json, MetricValue } from '../../number.ts'
import { Goal } from './compare.ts'
import { runScope } from './search.ts'

/** `POST /api/v1/runs/chart`: the data of a chart over the runs that a filter means; drawing is the caller's. */

/** Such as `metrics.val_loss`, `params.lr`, `tags.team`, `duration`. */
const FieldText = z.string().min(1).max(2000)
const scope = {
  ...runScope,
  /** At most so many runs, the newest. */
  runs: z.int().min(1).max(5000).default(1000),
}

export const ChartRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('line'),
    ...scope,
    /** Lines in one chart. */
    runs: z.int().min(1).max(100).default(20),
    metric: z.string().max(250),
    /** Most points of a line; where there are more they come in buckets. */
    points: z.int().min(2).max(10_000).default(500),
  }),
  z.strictObject({ kind: z.literal('scatter'), ...scope, x: FieldText, y: FieldText, color: FieldText.optional() }),
  z.strictObject({ kind: z.literal('bar'), ...scope, x: FieldText, y: FieldText }),
  z.strictObject({
    kind: z.literal('heatmap'),
    ...scope,
    x: FieldText,
    y: FieldText,
    value: FieldText,
    /** Most bands along an axis. */
    bands: z.int().min(2).max(100).default(20),
  }),
  z.strictObject({
    kind: z.literal('parallel'),
    ...scope,
    /** The axes; all params that vary when absent. */
    fields: z.array(FieldText).min(1).max(100).optional(),
    value: FieldText,
    goal: Goal.default('minimize'),
  }),
  z.strictObject({
    kind: z.literal('contour'),
    ...scope,
    /** A model of more would hold up what else the service does. */
    runs: z.int().min(1).max(1000).default(1000),
    x: FieldText,
    y: FieldText,
    value: FieldText,
    goal: Goal.default('minimize'),
  }),
])
export type ChartRequest = z.input<typeof ChartRequest>

const Plain = z.union([z.string(), z.number(), z.boolean()])
const Band = z.strictObject({ from: Plain, to: Plain })
/** Runs that have no place in the chart. */
const leftOut = z.int()

export const Chart = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('line'),
    metric: z.string(),
    lines: z.array(
      z.strictObject({
        run: z.string(),
        name: z.string().nullable(),
        /** Steps of a bucket; null: these are the points themselves. */
        bucketSteps: z.number().nullable(),
        steps: z.array(z.number()),
        values: z.array(MetricValue),
        /** Of each bucket; null where it has nothing but NaN. */
        min: z.array(MetricValue.nullable()).optional(),
        max: z.array(MetricValue.nullable()).optional(),
      }),
    ),
    leftOut,
  }),
  z.strictObject({
    kind: z.literal('scatter'),
    points: z.array(z.strictObject({ run: z.string(), x: Plain, y: Plain, color: Plain.nullable() })),
    leftOut,
  }),
  z.strictObject({
    kind: z.literal('bar'),
    /** By x. */
    bars: z.array(
      z.strictObject({
        x: Plain,
        runs: z.int(),
        mean: z.number(),
        /** Of a sample; null for a single run. */
        std: z.number().nullable(),
        min: z.number(),
        median: z.number(),
        max: z.number(),
      }),
    ),
    leftOut,
  }),
  z.strictObject({
    kind: z.literal('heatmap'),
    xs: z.array(Band),
    ys: z.array(Band),
    /** A row for every one of `ys`; null where no run is. */
    cells: z.array(
      z.array(z.strictObject({ runs: z.int(), mean: z.number(), min: z.number(), max: z.number() }).nullable()),
    ),
    leftOut,
  }),
  z.strictObject({
    kind: z.literal('parallel'),
    /** `values` of a choice in the order in which they lie on the axis; null for numbers. */
    axes: z.array(z.strictObject({ name: z.string(), values: z.array(Json).nullable() })),
    /** The best last. `at`, by axis: from 0 to 1, or null where the run has no value. */
    lines: z.array(z.strictObject({ run: z.string(), value: z.number(), at: z.array(z.number().nullable()) })),
    leftOut,
  }),
  z.strictObject({
    kind: z.literal('contour'),
    xs: z.array(Json),
    ys: z.array(Json),
    /** A row for every one of `ys`: what a model of the runs says, with its 90 % interval. */
    cells: z.array(z.array(z.strictObject({ value: z.number(), low: z.number(), high: z.number() }))),
    /** Of the model, out of bag; below 0.5 the chart is hardly worth looking at. */
    r2: z.number().nullable(),
    leftOut,
  }),
])
export type Chart = z.infer<typeof Chart>
