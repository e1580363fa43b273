import { z } from 'zod'
import { ATTEMPT_STATES, Cause } from '../attempt.ts'
import { ArtifactPath, Code, Sha256 } from '../code.ts'
import { Budget, Constraint, Metric, QueueName, SweepDocument } from '../document/sweep-document.ts'
import { HealthRule } from '../health.ts'
import { AgentId, AttemptId, SweepId, TrialId } from '../ids.ts'
import { Json, MetricValue } from '../number.ts'
import { Config } from '../search-space.ts'
import { SWEEP_STATES } from '../sweep-state.ts'
import { TRIAL_STATES } from '../trial.ts'
import { AgentCondition } from './agent-protocol.ts'
import { FindingView } from './health.ts'

/** Bodies of the public HTTP API under `/api/v1`. Times are ISO 8601 in UTC; durations carry their unit in the name. */

export const Time = z.iso.datetime()

export const ErrorBody = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  details: z.unknown().optional(),
  requestId: z.string().optional(),
})
export type ErrorBody = z.infer<typeof ErrorBody>

export const CreateSweep = z.strictObject({
  /** Chosen by the caller, so that a call that is repeated can't make a second sweep; chosen by the server when absent. */
  id: SweepId.optional(),
  /** The YAML text, at most 256 KiB. */
  source: z.string().max(262_144),
  /** Named in error positions. */
  file: z.string().max(1000).default('sweep.yaml'),
  /** Absolute folder in which trials run. */
  workdir: z.string().max(4000),
  /** Values that replace those of the document, by dotted key. */
  overrides: z.record(z.string(), Json).default({}),
  /** Where the code of the sweep is, as far as the document leaves it open; absent: in `workdir`. */
  code: Code.optional(),
  /** Configs of the first trials, in their order; the sampler chooses what comes after them. */
  configs: z.array(Config).max(1000).default([]),
})
export type CreateSweep = z.input<typeof CreateSweep>

export const Warning = z.strictObject({
  message: z.string(),
  hint: z.string().optional(),
  /** Where in the document, such as `parameters.lr.min`. */
  path: z.string().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
})
export type Warning = z.infer<typeof Warning>

export const TrialCounts = z.strictObject({
  queued: z.int(),
  running: z.int(),
  paused: z.int(),
  completed: z.int(),
  pruned: z.int(),
  failed: z.int(),
  cancelled: z.int(),
})
export type TrialCounts = z.infer<typeof TrialCounts>

export const Objective = Metric.pick({ name: true, goal: true })
export type Objective = z.infer<typeof Objective>

export const SweepView = z.strictObject({
  id: SweepId,
  name: z.string(),
  project: z.string(),
  state: z.enum(SWEEP_STATES),
  /** Why it ended, or why nothing starts. */
  reason: z.string().nullable(),
  method: z.string(),
  /** The objective, or the first of several. */
  metric: Objective.nullable(),
  /** All of several objectives, `metric` first; absent when there is one or none. */
  objectives: z.array(Objective).optional(),
  constraints: z.array(Constraint).optional(),
  trials: TrialCounts,
  /**
   * By `metric`, of the trials that keep to the constraints. With `replicates` it is the config of the best mean: `trial`
   * is its first, `value` the mean, and `runs` how many runs that is of.
   */
  best: z.strictObject({ trial: z.int(), value: MetricValue, config: Config, runs: z.int().optional() }).nullable(),
  parallelism: z.int().nullable(),
  priority: z.number(),
  budget: Budget,
  gpuSeconds: z.number(),
  createdAt: Time,
  endedAt: Time.nullable(),
})
export type SweepView = z.infer<typeof SweepView>

export const SweepDetail = SweepView.extend({
  document: SweepDocument,
  source: z.string(),
  /** What error positions in `source` call it. */
  file: z.string().optional(),
  workdir: z.string(),
  code: Code,
})
export type SweepDetail = z.infer<typeof SweepDetail>

export const SweepCreated = z.strictObject({ sweep: SweepView, warnings: z.array(Warning) })
export type SweepCreated = z.infer<typeof SweepCreated>

export const TrialView = z.strictObject({
  id: TrialId,
  number: z.int(),
  state: z.enum(TRIAL_STATES),
  config: Config,
  source: z.enum(['sampler', 'user']),
  /** Number of the trial whose checkpoint it went on from; absent for one that started from nothing. */
  parent: z.int().optional(),
  /** The value that stands for the trial, by `metric.summary`; null when nothing finite was reported. */
  value: MetricValue.nullable(),
  /** With several objectives, or constraints: what stands for the trial, by the name of each of their metrics. */
  values: z.record(z.string(), MetricValue).optional(),
  /** With constraints: whether it keeps to all of them; what has no value yet does not. */
  feasible: z.boolean().optional(),
  lastValue: MetricValue.nullable(),
  lastStep: z.int().nullable(),
  reports: z.int(),
  attempts: z.int(),
  reason: z.string().nullable(),
  cause: Cause.nullable(),
  agent: z.string().nullable(),
  createdAt: Time,
  startedAt: Time.nullable(),
  endedAt: Time.nullable(),
})
export type TrialView = z.infer<typeof TrialView>

/** What the newest confirmation of the sweep says of a trial's config; see `Confirmation`. */
export const ConfirmedMean = z.strictObject({
  sweep: SweepId,
  metric: z.string(),
  runs: z.int(),
  mean: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  group: z.string(),
})
export type ConfirmedMean = z.infer<typeof ConfirmedMean>

export const LeaderboardRow = TrialView.extend({
  rank: z.int().nullable(),
  confirmed: ConfirmedMean.optional(),
  /** With several objectives: no feasible trial that has ended is better by one of them and as good by the others. */
  front: z.boolean().optional(),
  /** Rules that find something wrong with it now; absent when none does. */
  health: z.array(HealthRule).optional(),
  /** Of its attempts that have ended, by the server's prices; absent where it has none, or nothing has ended. */
  cost: z
    .strictObject({
      amount: z.number(),
      currency: z.string(),
      /** Of wall time on hosts without a price, which is not in the amount. */
      unpricedSeconds: z.number(),
    })
    .optional(),
})
export type LeaderboardRow = z.infer<typeof LeaderboardRow>

/** `next` is an opaque cursor for `after`, null on the last page. */
export const Leaderboard = z.strictObject({ rows: z.array(LeaderboardRow), next: z.string().nullable() })
export type Leaderboard = z.infer<typeof Leaderboard>

export const AttemptView = z.strictObject({
  id: AttemptId,
  number: z.int(),
  state: z.enum(ATTEMPT_STATES),
  cause: Cause.nullable(),
  /** Why it ended; while it runs, what its program waits for. */
  message: z.string().nullable(),
  agent: z.string().nullable(),
  slots: z.array(z.int()),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  argv: z.array(z.string()).nullable(),
  environment: z.record(z.string(), Json),
  runDir: z.string().nullable(),
  gpuSeconds: z.number(),
  seconds: z.number().nullable(),
  queuedAt: Time,
  startedAt: Time.nullable(),
  endedAt: Time.nullable(),
})
export type AttemptView = z.infer<typeof AttemptView>

export const TrialDetail = TrialView.extend({
  attemptList: z.array(AttemptView),
  metricNames: z.array(z.string()),
  /** What its metrics have shown to be wrong, what still holds first. */
  findings: z.array(FindingView).optional(),
})
export type TrialDetail = z.infer<typeof TrialDetail>

export const MetricSeries = z.strictObject({
  name: z.string(),
  steps: z.array(z.int()),
  values: z.array(MetricValue),
})
export type MetricSeries = z.infer<typeof MetricSeries>

export const ArtifactView = z.strictObject({
  path: ArtifactPath,
  sizeBytes: z.int(),
  sha256: Sha256,
  /** Number of the attempt that wrote it; a later one replaces what an earlier one wrote under the same path. */
  attempt: z.int().nullable(),
  createdAt: Time,
})
export type ArtifactView = z.infer<typeof ArtifactView>

/** By path. */
export const ArtifactList = z.strictObject({ artifacts: z.array(ArtifactView), next: z.string().nullable() })
export type ArtifactList = z.infer<typeof ArtifactList>

export const ChangeSweep = z.strictObject({
  parallelism: z.int().positive().nullable().optional(),
  priority: z.number().positive().max(1000).optional(),
  /** Only the named limits change; null lifts one. */
  budget: z
    .strictObject({
      trials: z.int().positive().nullable().optional(),
      wallMs: z.int().positive().nullable().optional(),
      gpuSeconds: z.number().positive().nullable().optional(),
    })
    .optional(),
})
export type ChangeSweep = z.infer<typeof ChangeSweep>

export const EnqueueTrial = z.strictObject({ config: Config, repeat: z.boolean().default(false) })
export type EnqueueTrial = z.input<typeof EnqueueTrial>

export const AgentView = z.strictObject({
  id: AgentId,
  name: z.string(),
  host: z.string(),
  state: z.enum(['ready', 'draining', 'gone']),
  /** Why it was drained. */
  reason: z.string().optional(),
  slots: z.int(),
  busy: z.int(),
  gpus: z.array(z.string()),
  queues: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  version: z.string(),
  lastSeenAt: Time,
  /** As it says itself; absent where it has said nothing, as older agents do. */
  condition: AgentCondition.optional(),
})
export type AgentView = z.infer<typeof AgentView>

export const FactView = z.strictObject({ seq: z.int(), at: Time, body: z.unknown() })
export type FactView = z.infer<typeof FactView>

/** `data` of the server-sent events of `/sweeps/:id/events`; `id:` of the event is the number of the fact. */
export const SweepEventData = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('fact'), fact: FactView }),
  z.strictObject({
    type: z.literal('sweep'),
    sweep: SweepView,
    /** What the health rules have found, or find no more, since the last one of the stream; absent for nothing. */
    findings: z.array(FindingView).optional(),
  }),
])
export type SweepEventData = z.infer<typeof SweepEventData>

/** `GET /health`, for probes: 200 while the database answers, 503 otherwise. */
export const Health = z.strictObject({
  status: z.enum(['ok', 'unavailable']),
  version: z.string(),
  database: z.enum(['ok', 'away']),
  /** Name of the newest migration that the database has. */
  migration: z.string().nullable(),
})
export type Health = z.infer<typeof Health>

/** `GET /whoami`: what the token of the request may do. */
export const WhoAmI = z.strictObject({
  kind: z.enum(['nobody', 'anonymous', 'user', 'join', 'agent', 'trial']),
  name: z.string(),
  role: z.enum(['viewer', 'operator', 'admin']).nullable(),
})
export type WhoAmI = z.infer<typeof WhoAmI>

/** `POST /validate`: everything that `POST /sweeps` checks, with nothing stored. */
export const ValidateSweep = CreateSweep.omit({ id: true, workdir: true, code: true, configs: true })
export type ValidateSweep = z.input<typeof ValidateSweep>

export const SweepValidated = z.strictObject({ document: SweepDocument, warnings: z.array(Warning) })
export type SweepValidated = z.infer<typeof SweepValidated>

/** Newest first. */
export const SweepList = z.strictObject({ sweeps: z.array(SweepView), next: z.string().nullable() })
export type SweepList = z.infer<typeof SweepList>

/** By number. */
export const TrialList = z.strictObject({ trials: z.array(TrialView), next: z.string().nullable() })
export type TrialList = z.infer<typeof TrialList>

export const MetricsReply = z.strictObject({ attempt: z.int(), series: z.array(MetricSeries) })
export type MetricsReply = z.infer<typeof MetricsReply>

/** Where an attempt ran; `RunEnvironment` names what is in it. */
export const TrialEnvironment = z.strictObject({ attempt: z.int(), environment: z.record(z.string(), Json) })
export type TrialEnvironment = z.infer<typeof TrialEnvironment>

/** A piece of an attempt's output. Of very long output the beginning and the end are kept, so `offset` may jump ahead. */
export const LogPage = z.strictObject({
  attempt: z.int(),
  /** Byte of the output at which `text` begins. */
  offset: z.int(),
  text: z.string(),
  /** For `after`: the byte that follows `text`. */
  next: z.int(),
  /** True when the attempt is over and this page reaches the end of its output. */
  done: z.boolean(),
})
export type LogPage = z.infer<typeof LogPage>

export const FactPage = z.strictObject({ facts: z.array(FactView), next: z.int() })
export type FactPage = z.infer<typeof FactPage>

/** `GET /queue-check`: whether the queue that this server offers its agents can be used, as seen from here. */
export const AgentQueueCheck = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('not-offered') }),
  z.strictObject({ status: z.literal('ok'), address: z.string() }),
  z.strictObject({ status: z.literal('failed'), address: z.string(), problem: z.string() }),
])
export type AgentQueueCheck = z.infer<typeof AgentQueueCheck>

export const AgentList = z.strictObject({ agents: z.array(AgentView) })
export type AgentList = z.infer<typeof AgentList>

/** `POST /tokens`. A `join` token lets agents register, and nothing else. */
export const CreateToken = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('user'),
    name: z.string().min(1).max(100),
    role: z.enum(['viewer', 'operator', 'admin']),
    /** From now; absent means it never expires. */
    expiresInSeconds: z.int().positive().max(315_360_000).optional(),
  }),
  z.strictObject({
    kind: z.literal('join'),
    name: z.string().min(1).max(100),
    expiresInSeconds: z.int().positive().max(315_360_000).default(3600),
    /** How many agents may register with it; absent means any number. */
    uses: z.int().positive().optional(),
    /** The queues that agents may serve which join with it; absent means any. */
    queues: z.array(QueueName).min(1).max(100).optional(),
  }),
])
export type CreateToken = z.input<typeof CreateToken>

export const TokenView = z.strictObject({
  id: z.int(),
  kind: z.enum(['user', 'join', 'agent']),
  name: z.string(),
  /** Of a user's token. */
  role: z.enum(['viewer', 'operator', 'admin']).nullable(),
  /** Of an agent's token. */
  agentId: AgentId.nullable(),
  /** Of a join token, where it is for these queues only. */
  queues: z.array(z.string()).optional(),
  /** Of a join token, where its uses are counted. */
  usesLeft: z.int().optional(),
  expiresAt: Time.optional(),
  createdAt: Time,
})
export type TokenView = z.infer<typeof TokenView>

export const TokenList = z.strictObject({ tokens: z.array(TokenView) })
export type TokenList = z.infer<typeof TokenList>

/** The only reply that ever holds the token itself. */
export const TokenCreated = z.strictObject({ id: z.int(), token: z.string() })
export type TokenCreated = z.infer<typeof TokenCreated>
