import { z } from 'zod'
import { SweepId } from './ids.ts'

/** What webhooks can be told of; docs/tracking/webhooks.md says what each means. */
export const EVENT_KINDS = [
  'project.created',
  'project.retention',
  'experiment.created',
  'experiment.ended',
  'run.created',
  'run.started',
  'run.ended',
  'run.unhealthy',
  'sweep.created',
  'sweep.started',
  'sweep.ended',
  'sweep.budget',
  'trial.created',
  'trial.started',
  'trial.pruned',
  'trial.failed',
  'trial.ended',
  'best.changed',
  'metric.threshold',
  'model.registered',
  'model.promoted',
  'model.promotion_refused',
  'model.rolled_back',
  'test',
] as const
export const EventKind = z.enum(EVENT_KINDS)
export type EventKind = z.infer<typeof EventKind>

/** Body of an event, as it is sent to a webhook of format `json`. What it is not about is null. */
export const EventBody = z.strictObject({
  kind: EventKind,
  at: z.iso.datetime(),
  project: z.string().nullable(),
  /** Id of the experiment of a run outside any sweep. */
  experiment: z.string().nullable(),
  sweep: z.strictObject({ id: SweepId, name: z.string() }).nullable(),
  trial: z.int().nullable(),
  run: z.string().nullable(),
  /** In a sentence, for people. */
  text: z.string(),
  /** NaN and infinities are strings, as everywhere. */
  data: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
})
export type EventBody = z.infer<typeof EventBody>

/** A bound on a metric of every run: its first value beyond is an event. Of sweeps only metrics that decide count. */
export const Threshold = z
  .strictObject({ metric: z.string().min(1).max(256), above: z.number().optional(), below: z.number().optional() })
  .refine(({ above, below }) => (above === undefined) !== (below === undefined), {
    error: 'needs either above or below',
  })
export type Threshold = z.infer<typeof Threshold>

export const WEBHOOK_FORMATS = ['json', 'slack'] as const
