import { z } from 'zod'
import { RunId } from '../../ids.ts'
import { MetricValue } from '../../number.ts'
import { METRIC_CONTEXTS } from '../../tracking/metric-context.ts'
import { MetricKey } from '../../tracking/names.ts'

/** Bodies of `/api/v1/runs/:id/metrics`. NaN and infinities are the strings "NaN", "Infinity" and "-Infinity". */

/** Most points in one batch. */
export const BATCH_POINTS = 10_000

/** Metrics of one step. */
export const RunPoint = z.strictObject({
  /** Absent: one more than the last of the run. */
  step: z.int().optional(),
  /** Milliseconds since 1970; when the server took it, where absent. */
  at: z.number().optional(),
  /** Goes before the names that don't have it: `loss` in `eval` is `eval/loss`. */
  context: z.enum(METRIC_CONTEXTS).optional(),
  values: z.record(MetricKey, MetricValue),
})
export type RunPoint = z.infer<typeof RunPoint>

/**
 * `POST /runs/:id/metrics/batch`. Each process that logs to a run is a writer with a name of its own and numbers its
 * batches 1, 2, 3, …. The server keeps the highest number per writer, in the transaction that stores the points: a batch
 * that comes again is answered and ignored, one that leaves a gap is refused (`conflict`, with `details.seq`, the number
 * that the server has). So a writer repeats a batch until it is answered, and nothing is lost or counted twice. Without
 * `writer` every batch counts, also one that comes again.
 */
export const MetricsBatch = z.strictObject({
  writer: z
    .strictObject({
      id: z
        .string()
        .min(1)
        .max(100)
        .regex(/^[\x21-\x7e]+$/, { error: 'printable ASCII' }),
      seq: z.int().min(1),
    })
    .optional(),
  points: z
    .array(RunPoint)
    .max(BATCH_POINTS)
    .refine((points) => points.reduce((sum, point) => sum + Object.keys(point.values).length, 0) <= BATCH_POINTS, {
      error: `at most ${BATCH_POINTS} values in one batch`,
    }),
})
export type MetricsBatch = z.input<typeof MetricsBatch>

export const BatchTaken = z.strictObject({
  /** False when the server had it already. */
  taken: z.boolean(),
  /** The highest number that the server has of the writer; null without one. */
  seq: z.int().nullable(),
  /** Values that were not stored because the run has too many names of metrics. */
  dropped: z.int(),
})
export type BatchTaken = z.infer<typeof BatchTaken>

/** What a metric has come to. NaN is neither minimum nor maximum; both are null when there is nothing else. */
export const MetricSummary = z.strictObject({
  key: z.string(),
  context: z.enum([...METRIC_CONTEXTS, 'system']).nullable(),
  points: z.int(),
  last: MetricValue,
  lastStep: z.int(),
  /** Milliseconds since 1970. */
  lastAt: z.number(),
  min: MetricValue.nullable(),
  minStep: z.int().nullable(),
  max: MetricValue.nullable(),
  maxStep: z.int().nullable(),
})
export type MetricSummary = z.infer<typeof MetricSummary>

/** `GET /runs/:id/metrics`, by key. */
export const MetricSummaries = z.strictObject({ runId: RunId, metrics: z.array(MetricSummary) })
export type MetricSummaries = z.infer<typeof MetricSummaries>

/**
 * `GET /runs/:id/metrics/{key}`. In the order of steps; where there are more points than were asked for, steps are taken
 * together in buckets of `bucketSteps` (a power of two, the first of them at a multiple of it, so that the buckets of a
 * growing run stay the same), of which `steps`, `times` and `values` are the last point.
 */
export const MetricHistory = z.strictObject({
  key: z.string(),
  context: z.enum([...METRIC_CONTEXTS, 'system']).nullable(),
  /** Points there are between the steps that were asked for. */
  total: z.int(),
  /** Null: these are the points themselves. */
  bucketSteps: z.number().nullable(),
  /** Of so many steps only the last, least and largest point were kept, see docs/tracking/retention.md; null: of each all. */
  thinnedSteps: z.number().nullable(),
  steps: z.array(z.int()),
  /** Milliseconds since 1970. */
  times: z.array(z.number()),
  values: z.array(MetricValue),
  /** Of each bucket; null where it has nothing but NaN. */
  min: z.array(MetricValue.nullable()).optional(),
  max: z.array(MetricValue.nullable()).optional(),
  counts: z.array(z.int()).optional(),
})
export type MetricHistory = z.infer<typeof MetricHistory>
