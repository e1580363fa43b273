import { z } from 'zod'
import { oneOf, whole } from './input-values.ts'

const number = z.number({ error: 'a number' })
const notNegative = z.number({ error: 'a number, 0 or more' }).min(0, { error: 'a number, 0 or more' })
const eta = z.number({ error: 'a number above 1' }).gt(1, { error: 'a number above 1' })
const percentError = { error: 'a number from 0 to 100' }
const percent = z.number(percentError).min(0, percentError).max(100, percentError)
const shareError = { error: 'a number between 0 and 1' }
const share = z.number(shareError).gt(0, shareError).lt(1, shareError)
const bool = z.boolean({ error: 'true or false' })
const resource = oneOf(['step', 'reports']).describe('What is counted: the step of a report, or the reports.')
const grace = whole(0)
const minTrials = whole(1).optional().describe('Other trials that must have come as far; 5 by default.')

/** `early_terminate` as it is written: a map of keys for each type, named by `type`. */
export const EarlyTerminateInput = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('hyperband').describe("W&B's Hyperband: bands count logged values of the metric."),
      min_iter: whole(1).optional().describe('The first band; the others are multiples by eta.'),
      max_iter: whole(1).optional().describe('With s: the bands are max_iter divided by eta, s times.'),
      s: whole(1).optional().describe('How many bands below max_iter.'),
      eta: eta.optional().describe('One trial in eta goes on; 3 by default.'),
      strict: bool.optional().describe('Judge a trial by its value at the band; true by default.'),
    }),
    z.strictObject({
      type: z.literal('asha').describe('Asynchronous successive halving (Li et al. 2020).'),
      mode: oneOf(['stop', 'promote'])
        .optional()
        .describe('A trial that is not among the best of its rung is stopped, by default, or paused.'),
      min_resource: whole(1).optional().describe('Resource of the lowest rung; 1 by default.'),
      max_resource: whole(1).optional().describe('Resource of a full training.'),
      reduction_factor: whole(2).optional().describe('One trial in this many passes a rung; 3 by default.'),
      brackets: whole(1).optional().describe('Ladders that start at different rungs; 1 by default.'),
      grace: grace.optional().describe('No trial is pruned below this resource.'),
      resource: resource.optional(),
    }),
    z.strictObject({
      type: z.literal('sync-hyperband').describe('Hyperband, its brackets in step (Li et al. 2018).'),
      min_resource: whole(1).optional().describe('Resource of the lowest rung; 1 by default.'),
      max_resource: whole(1).describe('Resource of a full training.'),
      reduction_factor: whole(2).optional().describe('One trial in this many passes a rung; 3 by default.'),
      resource: resource.optional(),
    }),
    z.strictObject({
      type: z.literal('median').describe('The median stopping rule (Golovin et al. 2017).'),
      grace: grace.optional().describe('No trial is pruned below this resource; 1 by default.'),
      min_trials: minTrials,
      resource: resource.optional(),
    }),
    z.strictObject({
      type: z.literal('percentile').describe('As median, with another share than half.'),
      percentile: percent.optional().describe('Share of the trials that go on, in per cent; 25 by default.'),
      grace: grace.optional().describe('No trial is pruned below this resource; 1 by default.'),
      min_trials: minTrials,
      resource: resource.optional(),
    }),
    z.strictObject({
      type: z.literal('patience').describe('Stops a trial that has not improved for a while.'),
      patience: whole(1).describe('Reports (or steps) to wait for an improvement.'),
      min_delta: notNegative.optional().describe('Smaller improvements do not count; 0 by default.'),
      grace: grace.optional().describe('No trial is pruned below this resource; 0 by default.'),
      resource: resource.optional().describe('What is counted: the reports, by default, or their step.'),
    }),
    z.strictObject({
      type: z.literal('threshold').describe('Stops a trial whose value leaves fixed bounds.'),
      lower: number.optional().describe('A trial below this value stops.'),
      upper: number.optional().describe('A trial above this value stops.'),
      non_finite: bool.optional().describe('Stop on NaN and infinite values; true by default.'),
      grace: grace.optional().describe('No trial is pruned below this resource; 0 by default.'),
      resource: resource.optional(),
    }),
    z.strictObject({
      type: z.literal('wilcoxon').describe('Signed-rank test against the best trial; steps are folds or instances.'),
      p_threshold: share.optional().describe('A trial stops when the p-value is below this; 0.1 by default.'),
      grace: whole(1).optional().describe('No trial is pruned below this many instances; 2 by default.'),
    }),
    z.strictObject({
      type: z.literal('extrapolate').describe("Extrapolates a trial's curve to its end."),
      max_resource: whole(1).optional().describe('Resource of a full training; the longest seen when left out.'),
      best: whole(1).optional().describe('A trial goes on while it may end among this many best; 1 by default.'),
      alpha: share.optional().describe('It stops when the probability of that is below this; 0.01 by default.'),
      min_trials: whole(1).optional().describe('Completed trials to compare with; 5 by default.'),
      grace: grace.optional().describe('No trial is pruned below this resource; 3 by default.'),
      resource: resource.optional(),
    }),
  ],
  { error: () => `one of ${EARLY_TERMINATE_TYPES.join(', ')}` },
)
export type EarlyTerminateInput = z.infer<typeof EarlyTerminateInput>

export const EARLY_TERMINATE_TYPES: readonly string[] = EarlyTerminateInput.options.map(({ shape }) => shape.type.value)

/** The keys beside a `type`; those of all types when it is none of them. */
export function earlyTerminateKeys(type: unknown): readonly string[] {
  const named = EarlyTerminateInput.options.filter(({ shape }) => shape.type.value === type)
  const options = named.length > 0 ? named : EarlyTerminateInput.options
  return [...new Set(options.flatMap(({ shape }) => Object.keys(shape)))]
}
