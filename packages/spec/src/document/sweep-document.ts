import { z } from 'zod'
import { GitRef, GitUrl, InnerFolder } from '../code.ts'
import { HealthPolicy } from '../health.ts'
import { Config, SearchSpace } from '../search-space.ts'
import { KubernetesPod } from './kubernetes-pod.ts'

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

/** Bounds, both included, that a trial's value of a metric must lie within for the trial to be of use. */
export const Constraint = z
  .strictObject({ name: z.string().min(1).max(256), max: z.number().optional(), min: z.number().optional() })
  .refine(({ max, min }) => max !== undefined || min !== undefined, { error: 'needs max or min' })
export type Constraint = z.infer<typeof Constraint>

export const MOST_OBJECTIVES = 8
export const MOST_CONSTRAINTS = 16

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

/** ASHA (Li et al. 2020, arXiv 1810.05934, section 3): rungs count resource, in the unit of `resource`. */
export const Asha = z.strictObject({
  type: z.literal('asha'),
  /** `stop` ends a trial that is not among the best of its rung; `promote` pauses it, and it may go on later. */
  mode: z.enum(['stop', 'promote']).default('stop'),
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

/** Hyperband with its brackets in step (Li et al., JMLR 18(185), 2018, Algorithm 1); `hyperband` is W&B's. */
export const SyncHyperband = z.strictObject({
  type: z.literal('sync-hyperband'),
  minResource: z.int().min(1).default(1),
  /** Resource of a full training: R in the paper. */
  maxResource: z.int().min(1),
  reductionFactor: z.int().min(2).default(3),
  /** What is counted: the step of a report, or how many reports there were. */
  resource: z.enum(['step', 'reports']).default('step'),
})
export type SyncHyperband = z.infer<typeof SyncHyperband>

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

/** As `median`, with another share: 25 keeps the best quarter. */
export const Percentile = z.strictObject({
  ...Median.shape,
  type: z.literal('percentile'),
  percentile: z.number().min(0).max(100).default(25),
})
export type Percentile = z.infer<typeof Percentile>

/** After EarlyStopping of Keras: a trial is judged by its own values alone. */
export const Patience = z.strictObject({
  type: z.literal('patience'),
  /** Reports (or steps) without an improvement after which a trial is pruned. */
  patience: z.int().min(1),
  /** A value counts as an improvement when it is better by more than this, in the metric's unit. */
  minDelta: z.number().min(0).default(0),
  /** Reports (or steps) below which no trial is pruned. */
  grace: z.int().min(0).default(0),
  resource: z.enum(['step', 'reports']).default('reports'),
})
export type Patience = z.infer<typeof Patience>

/** Fixed bounds, in the metric's unit, whichever way is better. */
export const Threshold = z.strictObject({
  type: z.literal('threshold'),
  lower: z.number().optional(),
  upper: z.number().optional(),
  /** Whether NaN and infinite values are outside too. */
  nonFinite: z.boolean().default(true),
  /** Steps (or reports) below which no trial is pruned. */
  grace: z.int().min(0).default(0),
  resource: z.enum(['step', 'reports']).default('step'),
})
export type Threshold = z.infer<typeof Threshold>

/** Wilcoxon's signed-rank test against the best trial; the step of a report is the instance (say, the fold). */
export const Wilcoxon = z.strictObject({
  type: z.literal('wilcoxon'),
  /** A trial is pruned when the p-value is below this. */
  pThreshold: z.number().gt(0).lt(1).default(0.1),
  /** Instances shared with the best trial below which none is pruned. */
  grace: z.int().min(1).default(2),
})
export type Wilcoxon = z.infer<typeof Wilcoxon>

/** Extrapolates a trial's curve and prunes it when it hardly can end among the best. */
export const Extrapolate = z.strictObject({
  type: z.literal('extrapolate'),
  /** Resource of a full training; when absent, that of the longest completed trial. */
  maxResource: z.int().min(1).optional(),
  /** A trial goes on while it may end among this many best. */
  best: z.int().min(1).default(1),
  /** It is pruned when the probability of that is below this. */
  alpha: z.number().gt(0).lt(1).default(0.01),
  /** Completed trials that must be there to compare with. */
  minTrials: z.int().min(1).default(5),
  /** Resource below which no trial is pruned. */
  grace: z.int().min(0).default(3),
  resource: z.enum(['step', 'reports']).default('step'),
})
export type Extrapolate = z.infer<typeof Extrapolate>

export const EarlyTerminate = z.discriminatedUnion('type', [
  WandbHyperband,
  Asha,
  SyncHyperband,
  Median,
  Percentile,
  Patience,
  Threshold,
  Wilcoxon,
  Extrapolate,
])
export type EarlyTerminate = z.infer<typeof EarlyTerminate>

/** Several GPUs, or a share of one. */
export function isCountOrShare(gpus: number): boolean {
  return gpus < 1 || Number.isInteger(gpus)
}

export const Resources = z.strictObject({
  /** GPUs per trial, or below 1 a share of one; absent means one slot with whatever GPU that slot has, 0 hides the GPUs. */
  gpus: z.number().min(0).refine(isCountOrShare, { error: 'must be whole, or below 1' }).optional(),
  cpus: z.number().positive().optional(),
  memoryBytes: z.int().positive().optional(),
})
export type Resources = z.infer<typeof Resources>

/** Also the name of a label of a Kubernetes node. */
export const LABEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/

/** What an agent must have besides room. Of the GPUs of a host only those that satisfy it are used. */
export const Requires = z.strictObject({
  /** By name, the value that the agent must have. */
  labels: z.record(z.string(), z.string()).optional(),
  /** Words of the GPU's name, as in `A100` or `RTX 4090`; case does not matter. */
  gpuModel: z.string().max(100).optional(),
  /** Least memory of the whole GPU. */
  gpuMemoryBytes: z.int().positive().optional(),
})
export type Requires = z.infer<typeof Requires>

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

export const MOST_REPLICATES = 100

/** Every config is run with so many seeds, a trial each; docs/search/replicates.md. */
export const Replicates = z.strictObject({ seeds: z.int().min(1).max(MOST_REPLICATES) })
export type Replicates = z.infer<typeof Replicates>

/** The sweep whose best configs this one runs again, and the trials that had them, the best first. */
export const Confirms = z.strictObject({ sweep: z.string(), trials: z.array(z.int().positive()).min(1) })
export type Confirms = z.infer<typeof Confirms>

/** How metrics are read from a program that does not use the SDK. */
export const Capture = z.strictObject({
  /** `auto` understands `name=value`, `name: value` and JSON lines; `regex` uses only `patterns`. */
  stdout: z.enum(['auto', 'regex', 'none']).default('auto'),
  /** Each has either groups `name` and `value`, or a fixed `metric` and the value as its first group. */
  patterns: z.array(z.strictObject({ regex: z.string().max(500), metric: z.string().max(256).optional() })).default([]),
})
export type Capture = z.infer<typeof Capture>

/** One config that was tried before the sweep, and the value of its metric. */
export const PastResult = z.strictObject({
  config: Config,
  value: z.number(),
  /** By name those of all objectives, and of the constraints' metrics as far as they are known; see `trial-ended`. */
  values: z.record(z.string(), z.number()).optional(),
})
export type PastResult = z.infer<typeof PastResult>

export const MOST_PAST_RESULTS = 10_000

/** What methods that learn know before the first trial. */
export const WarmStart = z.strictObject({
  /** Earlier sweeps; the server adds their best trials to `results` when it stores the sweep. */
  sweeps: z.array(z.string()).max(100).default([]),
  results: z.array(PastResult).max(MOST_PAST_RESULTS).default([]),
})
export type WarmStart = z.infer<typeof WarmStart>

/** Methods whose configs depend on what trials before them reported; `auto` picks among the others. */
const LEARNING_METHODS = ['auto', 'tpe', 'nsga2', 'gp', 'cmaes', 'evolution'] as const
/** How the config of one trial after the other is chosen; a sampler each in `search`. */
export const METHODS = [...LEARNING_METHODS, 'grid', 'random', 'sobol', 'lhs'] as const
/** Those whose configs are chosen by one objective alone, beside the population methods. */
export const ONE_OBJECTIVE_METHODS = ['gp', 'cmaes', 'evolution'] as const satisfies readonly (typeof METHODS)[number][]
/** Methods that train a population whose members take over from each other; each is a sampler with a pruner. */
export const POPULATION_METHODS = ['pbt', 'pb2'] as const

/** Whether configs depend on what trials reported. */
export function learns(method: SweepDocument['method']): boolean {
  return trainsPopulation(method) || LEARNING_METHODS.some((one) => one === method)
}

export function trainsPopulation(method: SweepDocument['method']): boolean {
  return POPULATION_METHODS.some((one) => one === method)
}

/** Population based training (Jaderberg et al. 2017, arXiv 1711.09846). */
export const Pbt = z.strictObject({
  /** Members that train at the same time. */
  population: z.int().min(2).default(8),
  /** Resource that a member trains for between two comparisons. */
  interval: z.int().min(1).default(5),
  /** Share of the members that count as the worst, and as the best that these are replaced by. */
  quantile: z.number().gt(0).max(0.5).default(0.25),
  /** Chance that a parameter is drawn anew for a copy; it is perturbed otherwise. */
  resample: z.number().min(0).max(1).default(0.25),
  /** Resource of a full training; for the last interval a member is neither compared nor copied. */
  maxResource: z.int().min(1).optional(),
  /** What is counted: the step of a report, or how many reports there were. */
  resource: z.enum(['step', 'reports']).default('step'),
})
export type Pbt = z.infer<typeof Pbt>

/** A folder or file of the agent's host that is seen in the container. */
export const Mount = z.strictObject({
  /** Absolute, or relative to the sweep's folder. */
  source: z.string(),
  target: z.string(),
  readOnly: z.boolean().default(false),
})
export type Mount = z.infer<typeof Mount>

/** A name of an image, with a tag or a digest: it becomes part of a path to the engine. */
export const IMAGE_NAME =
  /^[a-z0-9][a-z0-9._-]*(:\d+)?(\/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$/

export const PULL_POLICIES = ['missing', 'always', 'never'] as const
export const CONTAINER_NETWORKS = ['bridge', 'none', 'host'] as const

/** The container that a trial runs in; of launcher `docker`. */
export const Container = z.strictObject({
  image: z.string().regex(IMAGE_NAME),
  pull: z.enum(PULL_POLICIES).default('missing'),
  mounts: z.array(Mount).default([]),
  /** Where the program starts, in the container; when absent, the sweep's folder, which is mounted there. */
  workdir: z.string().optional(),
  /** `uid:gid` or a name that the image knows; when absent, the agent's own user. */
  user: z.string().optional(),
  shmBytes: z.int().positive().optional(),
  network: z.enum(CONTAINER_NETWORKS).default('bridge'),
  /** Takes the place of the image's own. */
  entrypoint: z.array(z.string()).optional(),
})
export type Container = z.infer<typeof Container>

export const LAUNCHERS = ['process', 'docker', 'kubernetes'] as const

/**
 * `auto`: an agent that sees the folder of the sweep runs there, any other in a snapshot of it. `snapshot`: all run in
 * the snapshot. `none`: all run in the folder, which every host has under the same path.
 */
export const CODE_CHOICES = ['auto', 'snapshot', 'none'] as const

export const CodeChoice = z.union([
  z.enum(CODE_CHOICES),
  z.strictObject({ git: GitUrl, ref: GitRef.default('HEAD'), folder: InnerFolder.default('') }),
])
export type CodeChoice = z.infer<typeof CodeChoice>

export const QueueName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
  error: 'must be lower-case letters, digits and dashes, at most 63',
})

export const SweepDocument = z.strictObject({
  name: z.string().max(200).optional(),
  description: z.string().max(10_000).optional(),
  project: z.string().max(200).default('default'),
  tags: z.array(z.string().max(100)).default([]),
  method: z.enum([...METHODS, ...POPULATION_METHODS]),
  /** The objective, or the first of several: the one that stands for a trial where one number must. */
  metric: Metric.optional(),
  /** All objectives, `metric` first; absent when there is one or none. */
  objectives: z.array(Metric).min(2).max(MOST_OBJECTIVES).optional(),
  constraints: z.array(Constraint).min(1).max(MOST_CONSTRAINTS).optional(),
  space: SearchSpace,
  warmStart: WarmStart.optional(),
  earlyTerminate: EarlyTerminate.optional(),
  /** Absent: each config is run once. */
  replicates: Replicates.optional(),
  /** Of sweeps that `confirm` makes; no file can ask for it. */
  confirms: Confirms.optional(),
  /** Of the methods that train a population. */
  pbt: Pbt.optional(),
  program: z.string().optional(),
  /** Where its code comes from; absent: `auto`. */
  code: CodeChoice.optional(),
  /** Items as in W&B's `command`, macros not yet expanded. */
  command: z.array(z.string()).min(1),
  /** How many trials may run at once; absent means as many as there is room for. */
  parallelism: z.int().positive().optional(),
  /** Weight of the sweep when several want the same slots: 2 gets twice the slots of 1. */
  priority: z.number().positive().max(1000).default(1),
  resources: Resources.default({}),
  requires: Requires.optional(),
  retry: Retry.prefault({}),
  /** Once more trials than this have failed, the sweep is stopped; absent: any number may. */
  maxFailedTrials: z.int().min(0).optional(),
  /** What a finding in the metrics of a trial leads to, by rule. */
  health: HealthPolicy.optional(),
  /** `run_cap` and `budget.trials` are one thing; the smaller wins. */
  budget: Budget.default({}),
  /** Longest run time of one attempt. */
  timeoutMs: z.int().positive().optional(),
  /** Time between SIGTERM and SIGKILL. */
  graceMs: z.int().min(0).max(3_600_000).default(30_000),
  env: z.record(z.string(), z.string()).default({}),
  seed: z.int().min(0),
  queue: QueueName.default('default'),
  launcher: z.enum(LAUNCHERS).default('process'),
  container: Container.optional(),
  kubernetes: KubernetesPod.optional(),
  capture: Capture.prefault({}),
})
export type SweepDocument = z.infer<typeof SweepDocument>
