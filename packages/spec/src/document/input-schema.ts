import { z } from 'zod'
import { DURATION_EXAMPLES, MEMORY_EXAMPLES, parseDuration, parseMemory } from '../units.ts'
import { METHODS } from './sweep-document.ts'

/**
 * The YAML shape of a sweep, before units, defaults and distributions are resolved. Every `error` says what would do,
 * to follow "must be". The JSON Schema for editors is generated from here.
 */
const text = (max: number, what = 'text') =>
  z
    .string({ error: what })
    .min(1, { error: what })
    .max(max, { error: `${what} of at most ${max} characters` })
const whole = (min: number) => {
  const error =
    min === 0 ? 'a whole number, 0 or more' : min === 1 ? 'a whole number above 0' : `a whole number, ${min} or more`
  return z.int({ error }).min(min, { error })
}
const positive = z.number({ error: 'a number above 0' }).gt(0, { error: 'a number above 0' })
const oneOf = <const T extends readonly string[]>(values: T) => z.enum(values, { error: `one of ${values.join(', ')}` })
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

const MetricInput = z.strictObject(
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

const eta = z.number({ error: 'a number above 1' }).gt(1, { error: 'a number above 1' })
const resource = oneOf(['step', 'reports']).describe('What is counted: the step of a report, or the reports.')
const EarlyTerminateInput = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('hyperband').describe("W&B's Hyperband: bands count logged values of the metric."),
      min_iter: whole(1).optional().describe('The first band; the others are multiples by eta.'),
      max_iter: whole(1).optional().describe('With s: the bands are max_iter divided by eta, s times.'),
      s: whole(1).optional().describe('How many bands below max_iter.'),
      eta: eta.optional().describe('One trial in eta goes on; 3 by default.'),
      strict: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe('Judge a trial by its value at the band; true by default.'),
    }),
    z.strictObject({
      type: z.literal('asha').describe('Asynchronous successive halving (Li et al. 2020).'),
      min_resource: whole(1).optional().describe('Resource of the lowest rung; 1 by default.'),
      max_resource: whole(1).optional().describe('Resource of a full training.'),
      reduction_factor: whole(2).optional().describe('One trial in this many passes a rung; 3 by default.'),
      brackets: whole(1).optional().describe('Ladders that start at different rungs; 1 by default.'),
      grace: whole(0).optional().describe('No trial is pruned below this resource.'),
      resource: resource.optional(),
    }),
    z.strictObject({
      type: z.literal('median').describe('The median stopping rule (Golovin et al. 2017).'),
      grace: whole(0).optional().describe('No trial is pruned below this resource; 1 by default.'),
      min_trials: whole(1).optional().describe('Other trials that must have come as far; 5 by default.'),
      resource: resource.optional(),
    }),
  ],
  { error: 'one of hyperband, asha, median' },
)

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

export const SweepInput = z.strictObject(
  {
    name: text(200).optional().describe('A name for people.'),
    description: z.string({ error: 'text' }).max(10_000, { error: 'text of at most 10000 characters' }).optional(),
    project: text(200).optional().describe('The project the sweep belongs to; "default" when left out.'),
    tags: z.array(text(100), { error: 'a list of text' }).max(100, { error: 'a list of at most 100' }).optional(),
    method: oneOf([...METHODS, 'bayes']).describe(
      "How configs are chosen; bayes is W&B's name for a model-based method, tpe.",
    ),
    metric: MetricInput.optional().describe('What the sweep optimises.'),
    parameters: z.record(z.string(), ParameterInput, { error: 'a map of parameters' }).describe('The search space.'),
    early_terminate: EarlyTerminateInput.optional().describe('How bad trials are stopped early.'),
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
          gpus: whole(0).optional().describe('Whole GPUs per trial; 0 hides them.'),
          cpus: positive.optional().describe('CPU cores per trial.'),
          memory: memory.optional().describe(`Memory per trial, such as ${MEMORY_EXAMPLES}.`),
        },
        { error: 'a map such as {gpus: 1}' },
      )
      .optional(),
    retry: z
      .strictObject(
        {
          max: whole(0).optional().describe('Further attempts after a failure of the program; 0 by default.'),
          lost_max: whole(0).optional().describe('Further attempts after a lost host; 3 by default.'),
        },
        { error: 'a map such as {max: 2}' },
      )
      .optional(),
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
    launcher: oneOf(['process']).optional(),
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
  'tags',
  'parallelism',
  'priority',
  'resources',
  'retry',
  'budget',
  'timeout',
  'grace_period',
  'env',
  'seed',
  'queue',
  'launcher',
  'capture',
]
