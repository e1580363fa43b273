import { z } from 'zod'
import { RunId } from '../../ids.ts'
import { Json, MetricValue } from '../../number.ts'
import { RUN_STATUSES } from '../../tracking/run-status.ts'
import { MetricValues } from './runs.ts'

/** Runs beside one another, `/api/v1/runs/compare` and `/api/v1/runs/aggregate`, and what an experiment has come to. */

/** Most runs beside one another. */
export const MOST_COMPARED = 100

export const Goal = z.enum(['minimize', 'maximize'])
/** By which of its values a run is judged: the best it ever had, or the newest. */
export const JudgedByValue = z.enum(['best', 'last'])

/** `a,b,c`. */
export const RunIds = z
  .string()
  .max(5000)
  .transform((text) => [...new Set(text.split(','))])
  .pipe(z.array(RunId).min(1).max(MOST_COMPARED))

export const CompareQuery = z.strictObject({
  ids: RunIds,
  /** A metric and its goal, beside those that the experiments of the runs name. */
  metric: z.string().max(250).optional(),
  goal: Goal.optional(),
  by: JudgedByValue.default('best'),
})

export const RunComparison = z.strictObject({
  runs: z.array(
    z.strictObject({
      id: RunId,
      name: z.string().nullable(),
      experiment: z.string(),
      group: z.string().nullable(),
      status: z.enum(RUN_STATUSES),
    }),
  ),
  /** Those that differ first, then by name. */
  params: z.array(
    z.strictObject({
      name: z.string(),
      differs: z.boolean(),
      /** By run; null where it is missing, otherwise a list of one, as null is a value too. */
      values: z.array(z.tuple([Json]).nullable()),
    }),
  ),
  /** Those with a goal first, then by name. */
  metrics: z.array(
    z.strictObject({
      name: z.string(),
      goal: Goal.nullable(),
      /** By run; null where it is missing. */
      values: z.array(MetricValues.nullable()),
      /** Places of the best runs; none without a goal. */
      best: z.array(z.int()),
    }),
  ),
})
export type RunComparison = z.infer<typeof RunComparison>

export const AggregateQuery = z.strictObject({
  ids: RunIds,
  metric: z.string().max(250),
  /** Most buckets. */
  buckets: z.coerce.number().int().min(2).max(10_000).default(500),
})

/** One metric over several runs. Every run counts once in a bucket; values that are not finite are left out. */
export const RunAggregate = z.strictObject({
  metric: z.string(),
  /** Runs that have it. */
  runs: z.int(),
  /** Steps of a bucket; a power of two. */
  bucketSteps: z.number(),
  buckets: z.array(
    z.strictObject({
      /** First step of the bucket. */
      step: z.number(),
      runs: z.int(),
      min: z.number(),
      max: z.number(),
      /** Mean over the runs of the mean of each. */
      avg: z.number(),
      /** Mean over the runs of the newest value of each. */
      last: z.number(),
    }),
  ),
})
export type RunAggregate = z.infer<typeof RunAggregate>

export const SummaryQuery = z.strictObject({
  /** What its runs are judged by; of an experiment that names a metric, that one unless told otherwise. */
  metric: z.string().max(250).optional(),
  goal: Goal.optional(),
  by: JudgedByValue.default('best'),
  /** The run to compare the best one with. */
  baseline: RunId.optional(),
})

const RunValue = z.strictObject({ run: RunId, value: z.number() })

export const ExperimentSummary = z.strictObject({
  metric: z.strictObject({ name: z.string(), goal: Goal }),
  by: JudgedByValue,
  /** Runs with a finite value, and those without. */
  counted: z.int(),
  withoutValue: z.int(),
  /** False where the experiment has more runs than are looked at: these are the newest of them. */
  isAll: z.boolean(),
  best: RunValue.nullable(),
  worst: RunValue.nullable(),
  mean: z.number().nullable(),
  /** Of a sample. */
  std: z.number().nullable(),
  median: z.number().nullable(),
  improvement: z
    .strictObject({
      baseline: RunValue,
      /** How much better the best run is; positive when it is. */
      absolute: z.number(),
      /** As a share of the size of the baseline's value. */
      relative: z.number().nullable(),
      /** Of the runs with the params of either, but for the seed; null where there are too few. */
      comparison: z
        .strictObject({
          test: z.string(),
          /** NaN where the values don't vary. */
          statistic: MetricValue,
          p: z.number().nullable(),
          effect: z.strictObject({ cohensD: z.number().nullable(), cliffsDelta: z.number().nullable() }),
          difference: z.number(),
          interval: z.strictObject({ low: z.number(), high: z.number() }).nullable(),
          counts: z.tuple([z.int(), z.int()]),
        })
        .nullable(),
      doubts: z.array(z.string()),
    })
    .nullable(),
})
export type ExperimentSummary = z.infer<typeof ExperimentSummary>
