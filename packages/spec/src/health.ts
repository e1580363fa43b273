import { z } from 'zod'
import { MetricValue } from './number.ts'

/** What the metrics of a run are looked through for; docs/tracking/health.md says what each means. */
export const HEALTH_RULES = [
  'nan',
  'divergence',
  'gradient_norm',
  'no_progress',
  'overfitting',
  'gpu_idle',
  'eval_every_step',
  'memory',
] as const
export const HealthRule = z.enum(HEALTH_RULES)
export type HealthRule = z.infer<typeof HealthRule>

/** What a finding leads to: nothing, not even a finding; a finding; the end of the trial besides. */
export const HEALTH_ACTIONS = ['off', 'warn', 'stop'] as const
export const HealthAction = z.enum(HEALTH_ACTIONS)
export type HealthAction = z.infer<typeof HealthAction>

/** One action a rule; a rule that is not named warns. */
export const HealthPolicy = z.strictObject({
  nan: HealthAction.optional(),
  divergence: HealthAction.optional(),
  gradient_norm: HealthAction.optional(),
  no_progress: HealthAction.optional(),
  overfitting: HealthAction.optional(),
  gpu_idle: HealthAction.optional(),
  eval_every_step: HealthAction.optional(),
  memory: HealthAction.optional(),
} satisfies Record<HealthRule, z.ZodType>)
export type HealthPolicy = z.infer<typeof HealthPolicy>

/** `error`: what the run does from here on is lost. `warning`: worth a look. */
export const HEALTH_SEVERITIES = ['warning', 'error'] as const

/** What a rule has found in the metrics of one run. */
export const HealthFinding = z.strictObject({
  rule: HealthRule,
  /** Name of the metric that shows it. */
  metric: z.string(),
  severity: z.enum(HEALTH_SEVERITIES),
  /** What is wrong, in a sentence. */
  message: z.string(),
  /** What to check first. */
  advice: z.string(),
  /** Newest step that was looked at; null for samples of the machine, which have none. */
  step: z.number().nullable(),
  /** Step at which it began, as far as is known. */
  since: z.number().nullable(),
  /** The figures that were compared, by what they are. */
  evidence: z.record(z.string(), MetricValue),
})
export type HealthFinding = z.infer<typeof HealthFinding>
