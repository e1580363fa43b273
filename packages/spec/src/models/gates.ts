import { z } from 'zod'
import { METRIC_SUMMARIES, type MetricSummary } from '../filter/filter.ts'
import type { HealthFinding } from '../health.ts'
import { HEALTH_SEVERITIES } from '../health.ts'
import { Name } from '../tracking/names.ts'
import type { RunStatus } from '../tracking/run-status.ts'
import type { ModelStage } from './stages.ts'

const Summary = z.enum(METRIC_SUMMARIES)

/** What a version has to be before it may be promoted. docs/tracking/models.md says what each asks. */
export const ModelGate = z.discriminatedUnion('kind', [
  /** A metric of its run lies within bounds, both included. */
  z
    .strictObject({
      kind: z.literal('metric'),
      metric: Name,
      summary: Summary.default('last'),
      min: z.number().optional(),
      max: z.number().optional(),
    })
    .refine(({ min, max }) => min !== undefined || max !== undefined, { error: 'needs min, max, or both' })
    .refine(({ min, max }) => min === undefined || max === undefined || min <= max, {
      path: ['min'],
      error: 'must not be above max',
    }),
  /** A metric is better than that of the version in production, by so much at least; 0: it is not worse. */
  z.strictObject({
    kind: z.literal('improvement'),
    metric: Name,
    goal: z.enum(['minimize', 'maximize']),
    summary: Summary.default('last'),
    by: z.number().min(0).default(0),
    /** `by` is a share of what production has, rather than a difference. */
    relative: z.boolean().default(false),
  }),
  /** Its run has completed. */
  z.strictObject({ kind: z.literal('completed') }),
  /** The version has a tag, with this value if one is named. */
  z.strictObject({ kind: z.literal('tag'), key: Name, value: z.string().max(8000).optional() }),
  /** Nothing of this severity or worse is wrong with its run. */
  z.strictObject({ kind: z.literal('health'), severity: z.enum(HEALTH_SEVERITIES).default('error') }),
  /** It is known of the version. */
  z.strictObject({
    kind: z.literal('recorded'),
    what: z.enum(['signature', 'framework', 'commit', 'clean-commit', 'data-version']),
  }),
  /** It stands in staging now, so that none comes to production without having been there. */
  z.strictObject({ kind: z.literal('staged') }),
])
export type ModelGate = z.output<typeof ModelGate>

/** What one gate has found. NaN and infinities are strings, as everywhere. */
export const GateResult = z.strictObject({
  gate: ModelGate,
  passed: z.boolean(),
  /** What the version has. */
  value: z.union([z.number(), z.string()]).nullable(),
  /** What it needs. */
  threshold: z.union([z.number(), z.string()]).nullable(),
  /** Both, in a sentence. */
  message: z.string(),
})
export type GateResult = z.infer<typeof GateResult>

/** Values of a metric by how they are summed up; null where it has none that is finite. */
export type SummedMetric = Readonly<Record<MetricSummary, number | null>>

/** What gates look at. */
export interface GateFacts {
  readonly stage: ModelStage
  readonly tags: Readonly<Record<string, string>>
  readonly metrics: Readonly<Record<string, SummedMetric>>
  /** Null where no run of ours has made it. */
  readonly runStatus: RunStatus | null
  /** Those of its run that still hold. */
  readonly findings: readonly Pick<HealthFinding, 'rule' | 'metric' | 'severity' | 'message'>[]
  readonly hasSignature: boolean
  readonly framework: string | null
  readonly commit: string | null
  /** Whether the code was changed since that commit; null when nobody knows. */
  readonly dirty: boolean | null
  readonly dataVersion: string | null
  /** The version in production; null when there is none. */
  readonly production: {
    readonly version: number
    readonly metrics: Readonly<Record<string, SummedMetric>>
  } | null
}

/** Decides by gates; pure. One result a gate, in their order. */
export type JudgeGates = (gates: readonly ModelGate[], facts: GateFacts) => readonly GateResult[]
