import { z } from 'zod'
import { Cause, StopReason } from './attempt.ts'
import { Json, MetricValue } from './number.ts'
import { Config } from './search-space.ts'
import { SWEEP_EVENTS, SWEEP_STATES } from './sweep-state.ts'

/**
 * What happened to a sweep, one after the other. Facts of a sweep are numbered 1, 2, 3, … without a gap, in the order
 * their transactions committed; everything the controller knows is folded from them in that order, so the same facts
 * and seed give the same suggestions and decisions.
 *
 * `basis` on a fact that the controller wrote is the number of the last fact it had folded when it decided.
 */
const trial = z.int().positive()
const attempt = z.int().positive()
const basis = z.int().nonnegative()

/** Why a trial goes on or not: what was compared, with whom, and in words. */
export const Verdict = z.strictObject({
  reason: z.string(),
  rung: z.int().optional(),
  bracket: z.int().optional(),
  /** The resource (step or count of reports) at which trials were compared. */
  resource: z.number().optional(),
  value: MetricValue.optional(),
  threshold: MetricValue.optional(),
  rank: z.int().optional(),
  peers: z.int().optional(),
})
export type Verdict = z.infer<typeof Verdict>

export const FactBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sweep-created'), seed: z.int() }),
  z.strictObject({
    kind: z.literal('control'),
    /** A sweep event, or `change` of parallelism, budget or priority. */
    action: z.enum([...SWEEP_EVENTS, 'change']),
    by: z.string(),
    changes: z.record(z.string(), Json).optional(),
  }),
  z.strictObject({
    kind: z.literal('trial-created'),
    trial,
    config: Config,
    /** `sampler`, or `user` for a config that somebody enqueued. */
    source: z.enum(['sampler', 'user']),
    basis,
    /** Index of this suggestion among the sampler's own, from 0: seeds its random numbers. */
    draw: z.int().nonnegative().optional(),
    /** The trial whose newest checkpoint it goes on from, and the step of that; without a step there was none. */
    parent: z.strictObject({ trial, step: z.int().optional() }).optional(),
    reason: z.string(),
  }),
  z.strictObject({ kind: z.literal('attempt-queued'), trial, attempt, reason: z.string() }),
  z.strictObject({
    kind: z.literal('attempt-started'),
    trial,
    attempt,
    epoch: z.int(),
    agent: z.string(),
    gpus: z.number().nonnegative(),
  }),
  /** One value of the sweep's metric, its first objective. `ordinal` counts the values of this attempt from 1, NaN and infinite ones too. */
  z.strictObject({ kind: z.literal('report'), trial, attempt, step: z.int(), ordinal: z.int(), value: MetricValue }),
  /**
   * One value of another objective, or of a constraint's metric. Those of a line stand before the `report` of that line,
   * so whoever judges a report has all objectives of its step.
   */
  z.strictObject({
    kind: z.literal('side-report'),
    trial,
    attempt,
    step: z.int(),
    name: z.string(),
    value: MetricValue,
  }),
  z.strictObject({
    kind: z.literal('stop-asked'),
    trial,
    attempt,
    stop: StopReason,
    basis,
    by: z.string(),
    verdict: Verdict,
  }),
  z.strictObject({
    kind: z.literal('attempt-ended'),
    trial,
    attempt,
    cause: Cause,
    message: z.string(),
    gpuSeconds: z.number(),
    seconds: z.number(),
  }),
  z.strictObject({
    kind: z.literal('trial-ended'),
    trial,
    state: z.enum(['completed', 'pruned', 'failed', 'cancelled']),
    value: MetricValue.nullable(),
    /**
     * What stands for the trial, by the name of every objective and every constraint's metric that it has a value of;
     * absent when the sweep has one objective and no constraint.
     */
    values: z.record(z.string(), MetricValue).optional(),
    /** Standard error of `value` where that is a mean of several runs: of what a sampler is told, never of what is stored. */
    spread: z.number().nonnegative().optional(),
    reason: z.string(),
  }),
  z.strictObject({ kind: z.literal('trial-requeued'), trial, by: z.string() }),
  /** A paused trial goes on; `attempt` is the one that was paused, and the next one is queued right after. */
  z.strictObject({ kind: z.literal('trial-resumed'), trial, attempt, basis, by: z.string(), verdict: Verdict }),
  /** No further trial will be issued, and why: what waits for more trials to be compared with need not wait longer. */
  z.strictObject({ kind: z.literal('no-more-trials'), reason: z.string(), basis }),
  /** Nothing was started though something could be, and why; written when the reason changes. */
  z.strictObject({ kind: z.literal('waiting'), reason: z.string(), basis }),
  /** An agent on which trials of the sweep failed was drained for that; what failed is not held against these trials. */
  z.strictObject({
    kind: z.literal('agent-drained'),
    agent: z.string(),
    trials: z.array(z.int().positive()),
    reason: z.string(),
  }),
  z.strictObject({ kind: z.literal('sweep-ended'), state: z.enum(SWEEP_STATES), reason: z.string() }),
])
export type FactBody = z.infer<typeof FactBody>
export type FactKind = FactBody['kind']

export type Fact = FactBody & { readonly seq: number; readonly at: Date }

/** The part of a fact of one kind. */
export type FactOf<K extends FactKind> = Extract<FactBody, { kind: K }>
