import { z } from 'zod'
import { SearchSpace } from '../search-space.ts'

/**
 * A sweep definition as everything past the parser sees it: checked, defaults filled in, units resolved to
 * milliseconds, bytes and seconds. `parse-document.ts` makes it from YAML; it is stored as jsonb and travels over HTTP.
 */
export const Metric = z.strictObject({
  name: z.string().min(1).max(256),
  goal: z.enum(['minimize', 'maximize']),
  /** Once a trial reaches it, no new trial starts; running ones finish. */
  target: z.number().optional(),
  /** Which of a trial's values stands for the trial. */
  summary: z.enum(['best', 'last']).default('best'),
})
export type Metric = z.infer<typeof Metric>

/** W&B's `early_terminate: {type: hyperband}`: bands count logged values of the metric, not steps. */
export const WandbHyperband = z.strictObject({
  type: z.literal('hyperband'),
  minIter: z.int().min(1).optional(),
  maxIter: z.int().min(1).optional(),
  s: z.int().min(1).optional(),
  eta: z.number().gt(1).default(3),
  strict: z.boolean().default(true),
})
export type WandbHyperband = z.infer<typeof WandbHyperband>

/** Stopping ASHA (Li et al. 2020, arXiv 1810.05934, section 3): rungs count resource, in the unit of `resource`. */
export const Asha = z.strictObject({
  type: z.literal('asha'),
  minResource: z.int().min(1).default(1),
  /** Unknown when absent: rungs then go on without an end. */
  maxResource: z.int().min(1).optional(),
  reductionFactor: z.int().min(2).default(3),
  brackets: z.int().min(1).default(1),
  /** Resource below which no trial is pruned. */
  grace: z.int().min(0).default(0),
  /** What is counted: the step of a report, or how many reports there were. */
  resource: z.enum(['step', 'reports']).default('step'),
})
export type Asha = z.infer<typeof Asha>

/** Golovin et al. 2017 (Vizier), section 3.2.2: the median of the running averages of the others at the same step. */
export const Median = z.strictObject({
  type: z.literal('median'),
  /** Steps (or reports) below which no trial is pruned. */
  grace: z.int().min(0).default(1),
  /** Other trials that must have reached the step. */
  minTrials: z.int().min(1).default(5),
  resource: z.enum(['step', 'reports']).default('step'),
})
export type Median = z.infer<typeof Median>

export const EarlyTerminate = z.discriminatedUnion('type', [WandbHyperband, Asha, Median])
export type EarlyTerminate = z.infer<typeof EarlyTerminate>

export const Resources = z.strictObject({
  /** Whole GPUs per trial; absent means one slot with whatever GPU that slot has, 0 hides the GPUs. */
  gpus: z.int().min(0).optional(),
  cpus: z.number().positive().optional(),
  memoryBytes: z.int().positive().optional(),
})
export type Resources = z.infer<typeof Resources>

export const Retry = z.strictObject({
  /** Further attempts after a failure of the program itself. */
  max: z.int().min(0).default(0),
  /** Further attempts after a failure that was not the program's: agent lost, host fault, preemption. */
  lostMax: z.int().min(0).default(3),
})
export type Retry = z.infer<typeof Retry>

export const Budget = z.strictObject({
  trials: z.int().positive().optional(),
  wallMs: z.int().positive().optional(),
  gpuSeconds: z.number().positive().optional(),
})
export type Budget = z.infer<typeof Budget>

/** How metrics are read from a program that does not use the SDK. */
export const Capture = z.strictObject({
  /** `auto` understands `name=value`, `name: value` and JSON lines; `regex` uses only `patterns`. */
  stdout: z.enum(['auto', 'regex', 'none']).default('auto'),
  /** Each has either groups `name` and `value`, or a fixed `metric` and the value as its first group. */
  patterns: z.array(z.strictObject({ regex: z.string().max(500), metric: z.string().max(256).optional() })).default([]),
})
export type Capture = z.infer<typeof Capture>

/** How configs are chosen; a sampler each in `search`. */
export const METHODS = ['grid', 'random', 'sobol', 'lhs', 'tpe'] as const

export const SweepDocument = z.strictObject({
  name: z.string().max(200).optional(),
  description: z.string().max(10_000).optional(),
  project: z.string().max(200).default('default'),
  tags: z.array(z.string().max(100)).default([]),
  method: z.enum(METHODS),
  metric: Metric.optional(),
  space: SearchSpace,
  earlyTerminate: EarlyTerminate.optional(),
  program: z.string().optional(),
  /** Items as in W&B's `command`, macros not yet expanded. */
  command: z.array(z.string()).min(1),
  /** How many trials may run at once; absent means as many as there is room for. */
  parallelism: z.int().positive().optional(),
  /** Weight of the sweep when several want the same slots: 2 gets twice the slots of 1. */
  priority: z.number().positive().max(1000).default(1),
  resources: Resources.default({}),
  retry: Retry.prefault({}),
  /** `run_cap` and `budget.trials` are one thing; the smaller wins. */
  budget: Budget.default({}),
  /** Longest run time of one attempt. */
  timeoutMs: z.int().positive().optional(),
  /** Time between SIGTERM and SIGKILL. */
  graceMs: z.int().min(0).max(3_600_000).default(30_000),
  env: z.record(z.string(), z.string()).default({}),
  seed: z.int().min(0),
  queue: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .default('default'),
  launcher: z.enum(['process']).default('process'),
  capture: Capture.prefault({}),
})
export type SweepDocument = z.infer<typeof SweepDocument>
