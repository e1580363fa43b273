import { z } from 'zod'
import { GitRef, GitUrl, InnerFolder } from '../code.ts'
import { HEALTH_ACTIONS, type HealthRule } from '../health.ts'
import { DURATION_EXAMPLES, MEMORY_EXAMPLES, parseDuration, parseMemory } from '../units.ts'
import { ContainerInput } from './container-input.ts'
import { EarlyTerminateInput } from './early-terminate-input.ts'
import { oneOf, whole } from './input-values.ts'
import { KubernetesInput } from './kubernetes-input.ts'
import {
  CODE_CHOICES,
  isCountOrShare,
  LABEL_NAME,
  LAUNCHERS,
  METHODS,
  MOST_CONSTRAINTS,
  MOST_OBJECTIVES,
  MOST_PAST_RESULTS,
  MOST_REPLICATES,
  POPULATION_METHODS,
} from './sweep-document.ts'

/**
 * The YAML shape of a sweep, before units, defaults and distributions are resolved. Every `error` says what would do,
 * to follow "must be". The JSON Schema for editors is generated from here.
 */
const text = (max: number, what = 'text') =>
  z
    .string({ error: what })
    .min(1, { error: what })
    .max(max, { error: `${what} of at most ${max} characters` })
const positive = z.number({ error: 'a number above 0' }).gt(0, { error: 'a number above 0' })
/** A number, or text that spells one: `1e-5` is text to PyYAML, so people quote numbers. */
const numeric = z.union(
  [z.number(), z.string().regex(/^\s*[-+]?[0-9._]+([eE][-+]?[0-9]+)?\s*$/, { error: 'a number' })],
  {
    error: 'a number',
  },
)
const durationError = `a duration such as ${DURATION_EXAMPLES}`
const duration = z
  .union([z.number(), z.string()], { error: durationError })
  .refine((value) => parseDuration(value) !== null, { error: durationError, abort: true })
const longerThanZero = duration.refine((value) => (parseDuration(value) ?? 0) > 0, { error: 'above 0' })
const atMostAnHour = duration.refine((value) => (parseDuration(value) ?? 0) <= 3_600_000, { error: 'at most 1h' })
const memory = z
  .union([z.number(), z.string()], { error: `a size such as ${MEMORY_EXAMPLES}` })
  .refine((value) => (parseMemory(value) ?? 0) > 0, { error: `a size such as ${MEMORY_EXAMPLES}` })
const healthAction = (what: string) =>
  oneOf(HEALTH_ACTIONS).optional().describe(`${what}: off, warn or stop; warn by default.`)
const commandError = 'a list such as [python3, train.py, "${args}"]'
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: 'text, a number, true, false or null',
})

export const DISTRIBUTIONS = [
  'constant',
  'categorical',
  'categorical_w_probabilities',
  'int_uniform',
  'uniform',
  'q_uniform',
  'log_uniform',
  'log_uniform_values',
  'q_log_uniform',
  'q_log_uniform_values',
  'inv_log_uniform',
  'inv_log_uniform_values',
  'normal',
  'q_normal',
  'log_normal',
  'q_log_normal',
  'beta',
  'q_beta',
] as const
export type Distribution = (typeof DISTRIBUTIONS)[number]

/** One entry of `parameters`. Which keys go together depends on the distribution: read-parameter.ts. */
export const ParameterInput = z.strictObject(
  {
    value: z.unknown().optional().describe('A constant, passed to every trial.'),
    values: z.unknown().optional().describe('The values to choose from, of any type.'),
    distribution: oneOf(DISTRIBUTIONS).optional().describe('How values are drawn; inferred from the other keys.'),
    min: numeric.optional().describe('Lower bound. Two integers make an integer parameter, a decimal point a float.'),
    max: numeric.optional().describe('Upper bound, included.'),
    q: numeric.optional().describe('Values are rounded to multiples of q.'),
    mu: numeric.optional().describe('Mean of the normal distribution.'),
    sigma: numeric.optional().describe('Standard deviation of the normal distribution.'),
    a: numeric.optional().describe('First shape of the beta distribution.'),
    b: numeric.optional().describe('Second shape of the beta distribution.'),
    default: z.unknown().optional().describe('A value known to be good: methods that learn try it first.'),
    prior: z
      .strictObject(
        {
          mu: numeric.describe('The value that is likely best.'),
          sigma: numeric.optional().describe('How far off it may be; on a log scale in factors of e.'),
        },
        { error: 'a map such as {mu: 0.01, sigma: 0.005}' },
      )
      .optional()
      .describe('Where good values of a number are expected: methods that learn look there first.'),
    probabilities: z
      .array(z.number({ error: 'a number' }).min(0, { error: 'a number, 0 or more' }), { error: 'a list of numbers' })
      .optional()
      .describe('Chance of each of `values`, adding up to 1.'),
    when: z
      .record(
        z.string(),
        z.union([scalar, z.array(scalar).min(1, { error: 'a value or a list of values' })], {
          error: 'a value or a list of values',
        }),
        {
          error: 'a map such as {optimizer: adam}',
        },
      )
      .optional()
      .describe('The parameter exists only when others have these values, as in {optimizer: adam}.'),
    get parameters() {
      return z
        .record(z.string(), ParameterInput, { error: 'a map of parameters' })
        .optional()
        .describe('Parameters nested under this one.')
    },
  },
  { error: 'a map such as {min: 0.1, max: 0.9} or {values: [1, 2]}' },
)
export type ParameterInput = z.infer<typeof ParameterInput>

export const MetricInput = z.strictObject(
  {
    name: text(256, 'the name of a metric').describe('The metric as the program reports it.'),
    goal: oneOf(['minimize', 'maximize']).default('minimize').describe('Which way is better.'),
    target: z.number({ error: 'a number' }).optional().describe('No trial starts once one has reached it.'),
    summary: oneOf(['best', 'last']).optional().describe("Which of a trial's values stands for it; best by default."),
    impute: z.unknown().optional().describe('W&B only; no effect.'),
    impute_while_running: z.unknown().optional().describe('W&B only; no effect.'),
  },
  { error: 'a map such as {name: val_loss, goal: minimize}' },
)
export type MetricInput = z.infer<typeof MetricInput>

const objectivesError = { error: `a list of at most ${MOST_OBJECTIVES} metrics` }
const MetricsInput = z.array(MetricInput).min(1, objectivesError).max(MOST_OBJECTIVES, objectivesError)

export const ConstraintInput = z.strictObject(
  {
    name: text(256, 'the name of a metric').describe('The metric as the program reports it.'),
    max: z.number({ error: 'a number' }).optional().describe('Upper bound, included.'),
    min: z.number({ error: 'a number' }).optional().describe('Lower bound, included.'),
  },
  { error: 'a map such as {name: memory_gb, max: 8}' },
)
const constraintsError = { error: `a list of at most ${MOST_CONSTRAINTS} such as [{name: memory_gb, max: 8}]` }

const WarmStartInput = z.strictObject(
  {
    sweeps: z
      .array(text(100, 'the id of a sweep'), { error: 'a list of ids of sweeps' })
      .max(100, { error: 'a list of at most 100' })
      .optional()
      .describe('Earlier sweeps on the same server, whose trials count as results.'),
    results: z
      .array(z.record(z.string(), z.unknown(), { error: 'a map such as {lr: 0.01, val_loss: 0.31}' }), {
        error: 'a list of maps',
      })
      .max(MOST_PAST_RESULTS, { error: `a list of at most ${MOST_PAST_RESULTS}` })
      .optional()
      .describe('A table of past results: the parameters by name, and the metric.'),
    results_file: text(1000, 'the name of a CSV file')
      .optional()
      .describe('The same as a CSV file, beside the sweep file: a column for each parameter, and for the metric.'),
  },
  { error: 'a map such as {sweeps: [...]} or {results: [{lr: 0.01, val_loss: 0.31}]}' },
)

const halfError = { error: 'a number above 0, at most 0.5' }
const chanceError = { error: 'a number from 0 to 1' }
const PbtInput = z.strictObject(
  {
    population: whole(2).optional().describe('Members that train at the same time; 8 by default.'),
    interval: whole(1).optional().describe('Resource between two comparisons of a member; 5 by default.'),
    quantile: z
      .number(halfError)
      .gt(0, halfError)
      .max(0.5, halfError)
      .optional()
      .describe('Share of the members that count as the worst, and as the best; 0.25 by default.'),
    resample: z
      .number(chanceError)
      .min(0, chanceError)
      .max(1, chanceError)
      .optional()
      .describe('Chance that a parameter is drawn anew for a copy, not perturbed; 0.25 by default.'),
    max_resource: whole(1)
      .optional()
      .describe('Resource of a full training; in its last interval nobody is compared or copied.'),
    resource: oneOf(['step', 'reports']).optional().describe('What is counted: the step of a report, or the reports.'),
  },
  { error: 'a map such as {population: 8, interval: 5}' },
)

const seedsError = { error: `a whole number from 2 to ${MOST_REPLICATES}` }
const gpusError = { error: 'a whole number, or a share of one GPU such as 0.33' }

const CaptureInput = z.strictObject(
  {
    stdout: oneOf(['auto', 'regex', 'none']).optional().describe('How metrics are found in what the program prints.'),
    patterns: z
      .array(
        z.strictObject(
          {
            regex: text(500, 'a regular expression').describe(
              'With groups `name` and `value`, or the value as first group.',
            ),
            metric: text(256, 'the name of a metric').optional(),
          },
          { error: 'a map such as {regex: "loss: (\\\\S+)", metric: loss}' },
        ),
        { error: 'a list of maps' },
      )
      .optional(),
  },
  { error: 'a map such as {stdout: auto}' },
)

const CodeInput = z.union(
  [
    z.enum(CODE_CHOICES),
    z.strictObject({
      git: GitUrl.describe('Address of a git repository.'),
      ref: GitRef.optional().describe('Branch, tag or commit; resolved once, when the sweep is created.'),
      folder: InnerFolder.optional().describe('Folder of the repository in which trials run; its top by default.'),
    }),
  ],
  { error: 'auto, snapshot, none, or a map such as {git: https://host/repository.git, ref: main}' },
)

export const SweepInput = z.strictObject(
  {
    name: text(200).optional().describe('A name for people.'),
    description: z.string({ error: 'text' }).max(10_000, { error: 'text of at most 10000 characters' }).optional(),
    project: text(200).optional().describe('The project the sweep belongs to; "default" when left out.'),
    tags: z.array(text(100), { error: 'a list of text' }).max(100, { error: 'a list of at most 100' }).optional(),
    method: oneOf([...METHODS, ...POPULATION_METHODS, 'bayes'])
      .default('auto')
      .describe(
        "How configs are chosen; auto picks by the space and the trials so far, and bayes is W&B's name for it.",
      ),
    metric: z
      .union([MetricInput, MetricsInput])
      .optional()
      .describe('What the sweep optimises: one metric, or a list of several objectives.'),
    constraints: z
      .array(ConstraintInput, constraintsError)
      .min(1, constraintsError)
      .max(MOST_CONSTRAINTS, constraintsError)
      .optional()
      .describe('Bounds that the metrics of a trial must keep to for it to count.'),
    parameters: z.record(z.string(), ParameterInput, { error: 'a map of parameters' }).describe('The search space.'),
    early_terminate: EarlyTerminateInput.optional().describe('How bad trials are stopped early.'),
    replicates: z
      .strictObject(
        { seeds: whole(2).max(MOST_REPLICATES, seedsError).describe('How many runs of each config, a trial each.') },
        { error: 'a map such as {seeds: 5}' },
      )
      .optional()
      .describe('Each config is run with several seeds, and judged by the mean; the budget counts trials.'),
    pbt: PbtInput.optional().describe('The population of method pbt.'),
    warm_start: WarmStartInput.optional().describe('What is known from before; methods that learn begin there.'),
    program: text(4000, 'the path of a script').optional().describe('The training script, ${program} in `command`.'),
    command: z
      .union([z.string().min(1, { error: commandError }), z.array(scalar).min(1, { error: commandError })], {
        error: commandError,
      })
      .optional()
      .describe("What to run; ${args} and other macros are replaced. W&B's default runs `program` with python3."),
    run_cap: whole(1).optional().describe('Most trials the sweep starts.'),
    parallelism: whole(1).optional().describe('Most trials that run at once.'),
    priority: positive
      .max(1000, { error: 'a number up to 1000' })
      .optional()
      .describe('Share of the slots; 1 by default.'),
    resources: z
      .strictObject(
        {
          gpus: z
            .number(gpusError)
            .min(0, gpusError)
            .refine(isCountOrShare, gpusError)
            .optional()
            .describe('GPUs per trial, or a share of one such as 0.33; 0 hides them.'),
          cpus: positive.optional().describe('CPU cores per trial.'),
          memory: memory.optional().describe(`Memory per trial, such as ${MEMORY_EXAMPLES}.`),
        },
        { error: 'a map such as {gpus: 1}' },
      )
      .optional(),
    requires: z
      .strictObject(
        {
          labels: z
            .record(
              z
                .string()
                .regex(LABEL_NAME, { error: 'a name of letters, digits, dots, dashes, slashes and underscores' }),
              z.union([z.string(), z.number(), z.boolean()], { error: 'text, a number, true or false' }),
              { error: 'a map such as {zone: b}' },
            )
            .optional()
            .describe('Labels that the agent must have, with these values.'),
          gpu_model: text(100, 'the name of a GPU such as A100').optional().describe('Words of the name of the GPU.'),
          gpu_memory: memory.optional().describe(`Least memory of the GPU, such as ${MEMORY_EXAMPLES}.`),
        },
        { error: 'a map such as {labels: {zone: b}, gpu_model: A100}' },
      )
      .optional()
      .describe('What an agent must have to be given trials of the sweep.'),
    retry: z
      .strictObject(
        {
          max: whole(0).optional().describe('Further attempts after a failure of the program; 0 by default.'),
          lost_max: whole(0).optional().describe('Further attempts after a lost host; 3 by default.'),
        },
        { error: 'a map such as {max: 2}' },
      )
      .optional(),
    max_failed_trials: whole(0)
      .optional()
      .describe('Trials that may fail, after their retries; with one more the sweep stops. Any number by default.'),
    health: z
      .strictObject(
        {
          nan: healthAction('A loss or the objective is NaN or infinite'),
          divergence: healthAction('A loss has climbed above where it began'),
          gradient_norm: healthAction('The norm of the gradient is over 100 again and again'),
          no_progress: healthAction('Nothing has got better since the first value'),
          overfitting: healthAction('The evaluation gets worse while the training gets better'),
          gpu_idle: healthAction('A GPU has nothing to do'),
          eval_every_step: healthAction("An evaluation is logged as often as the training's steps"),
          memory: healthAction('Memory creeps towards the limit'),
        } satisfies Record<HealthRule, z.ZodType>,
        { error: 'a map such as {nan: stop, no_progress: warn}' },
      )
      .optional()
      .describe('What to do about a trial whose metrics show that something is wrong; warn by default.'),
    budget: z
      .strictObject(
        {
          trials: whole(1).optional().describe('Most trials the sweep starts; the smaller of this and run_cap holds.'),
          wall: longerThanZero.optional().describe(`Longest life of the sweep, such as ${DURATION_EXAMPLES}.`),
          gpu_hours: positive.optional().describe('Most GPU-hours of all trials together.'),
        },
        { error: 'a map such as {trials: 50}' },
      )
      .optional(),
    timeout: longerThanZero.optional().describe('Longest run of one attempt; a bare number is seconds.'),
    grace_period: atMostAnHour.optional().describe('From SIGTERM to SIGKILL; 30s by default.'),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), scalar, { error: 'a map of names and values' })
      .optional()
      .describe('Environment variables of the program.'),
    seed: whole(0).optional().describe('The same seed gives the same configs.'),
    queue: z
      .string({ error: 'the name of a queue' })
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'lower-case letters, digits and dashes, at most 63' })
      .optional(),
    code: CodeInput.optional().describe('Where the code comes from; auto by default.'),
    launcher: oneOf(LAUNCHERS).optional().describe('What a trial runs as; process by default.'),
    container: ContainerInput.optional().describe('The containers of launcher docker.'),
    kubernetes: KubernetesInput.optional().describe('The pods of launcher kubernetes.'),
    capture: CaptureInput.optional().describe('How metrics are read from a program that does not use the SDK.'),
    entity: z.unknown().optional().describe('W&B only; no effect.'),
    metrics: z.unknown().optional().describe('W&B only; no effect.'),
    controller: z.unknown().optional().describe('W&B only; no effect.'),
    job: z.unknown().optional().describe('W&B only; no effect.'),
    image_uri: z.unknown().optional().describe('W&B only; no effect.'),
    launch: z.unknown().optional().describe('W&B only; no effect.'),
    scheduler: z.unknown().optional().describe('W&B only; no effect.'),
    apiVersion: z.unknown().optional().describe('W&B only; no effect.'),
    kind: z.unknown().optional().describe('W&B only; no effect.'),
  },
  { error: 'a map with keys such as method, metric and parameters' },
)
export type SweepInput = z.infer<typeof SweepInput>

/** Accepted because W&B's files have them; nothing here reads them. */
export const WITHOUT_EFFECT: readonly string[] = [
  'entity',
  'metrics',
  'controller',
  'job',
  'image_uri',
  'launch',
  'scheduler',
  'apiVersion',
  'kind',
]

/** Keys of ours: a file that has one is no plain W&B file, and its unknown keys are errors. */
export const OWN_KEYS: readonly string[] = [
  'constraints',
  'pbt',
  'replicates',
  'warm_start',
  'tags',
  'parallelism',
  'priority',
  'resources',
  'requires',
  'retry',
  'max_failed_trials',
  'health',
  'budget',
  'timeout',
  'grace_period',
  'env',
  'seed',
  'queue',
  'code',
  'launcher',
  'container',
  'kubernetes',
  'capture',
]
