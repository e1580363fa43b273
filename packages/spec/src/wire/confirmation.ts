import { z } from 'zod'
import { SweepId } from '../ids.ts'
import { MetricValue } from '../number.ts'
import { Config } from '../search-space.ts'
import { SWEEP_STATES } from '../sweep-state.ts'
import { Objective } from './api.ts'

export const MOST_CONFIRMED = 50
export const MOST_SEEDS = 100

/** `POST /sweeps/:id/confirm`: run the best configs again with seeds that none of its trials had. docs/analysis/confirm.md. */
export const ConfirmSweep = z.strictObject({
  /** How many configs, the best first. */
  top: z.int().min(1).max(MOST_CONFIRMED).default(3),
  /** How many runs of each. */
  seeds: z.int().min(1).max(MOST_SEEDS).default(5),
  /** A metric that the program reports, such as one of held-out data; the objective when absent. */
  metric: z.string().min(1).max(256).optional(),
  /** Needed for a metric whose direction its name does not tell. */
  goal: z.enum(['minimize', 'maximize']).optional(),
})
export type ConfirmSweep = z.input<typeof ConfirmSweep>

/** What is known of the mean of one config over its seeds. */
const means = {
  /** How many of the runs gave a finite value. */
  runs: z.int(),
  /** Of these; null for none. */
  mean: z.number().nullable(),
  /** Standard deviation of one run to the next; null for fewer than two. */
  deviation: z.number().nullable(),
  /** 95 % interval of the mean by Student's t; null for fewer than two runs. */
  low: z.number().nullable(),
  high: z.number().nullable(),
}

/** `GET /sweeps/:id/configs`: the configs of a sweep that runs each with several seeds, the best mean first. */
export const ConfigRow = z.strictObject({
  /** Null for a config without a finite value. */
  rank: z.int().nullable(),
  config: Config,
  ...means,
  /** The trials that ran it, by number, and what each came to: null while, or because, nothing stands for it. */
  trials: z.array(z.int()),
  values: z.array(MetricValue.nullable()),
  /** How many of the trials may still come to something. */
  pending: z.int(),
})
export type ConfigRow = z.infer<typeof ConfigRow>

export const ConfigBoard = z.strictObject({ metric: Objective, seeds: z.int(), rows: z.array(ConfigRow) })
export type ConfigBoard = z.infer<typeof ConfigBoard>

/**
 * `confirmed`: the recorded winner is better than every other one. `tied`: it can't be told apart from some. `luck`: one
 * is better, or only an outlier of its own runs had put it first. `unclear`: too few runs came to anything.
 */
export const VERDICTS = ['confirmed', 'tied', 'luck', 'unclear'] as const

/** `GET /sweeps/:id/confirmation`, of the sweep that runs the configs again. */
export const Confirmation = z.strictObject({
  sweep: SweepId,
  /** The sweep whose best configs these are. */
  of: SweepId,
  state: z.enum(SWEEP_STATES),
  metric: Objective,
  seeds: z.int(),
  /** The best mean first. */
  configs: z.array(
    z.strictObject({
      /** Number of the trial of `of` that had the config, its place there, and its value there. */
      trial: z.int(),
      place: z.int(),
      recorded: MetricValue.nullable(),
      config: Config,
      ...means,
      /** By seed; the same seeds in the same order for every config. Null where nothing stands for a run. */
      values: z.array(MetricValue.nullable()),
      /** Letters: configs that share one do not differ significantly. Empty where there are fewer than two runs. */
      group: z.string(),
    }),
  ),
  /** Every pair of configs with at least two seeds in common; `first` has the better mean. */
  comparisons: z.array(
    z.strictObject({
      /** Numbers of trials of `of`. */
      first: z.int(),
      second: z.int(),
      /** Of the means, the first less the second, with its 95 % interval. */
      difference: z.number(),
      low: z.number().nullable(),
      high: z.number().nullable(),
      /** Two-sided; null where the values do not vary. */
      p: z.number().nullable(),
      /** For the number of pairs, by Holm. */
      adjustedP: z.number().nullable(),
      /** In standard deviations of the difference. */
      cohensD: z.number().nullable(),
    }),
  ),
  verdict: z.enum(VERDICTS),
  /** The verdict in words. */
  text: z.string(),
  warnings: z.array(z.string()),
})
export type Confirmation = z.infer<typeof Confirmation>
