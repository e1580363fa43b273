import { z } from 'zod'
import { Cause, StopReason } from '../attempt.ts'
import { ArtifactPath, Code, Sha256 } from '../code.ts'
import { KubernetesPod } from '../document/kubernetes-pod.ts'
import { Capture, Container, LAUNCHERS, Requires } from '../document/sweep-document.ts'
import { Verdict } from '../facts.ts'
import { AgentId, AttemptId, SweepId } from '../ids.ts'
import { Json, MetricValue } from '../number.ts'
import { Config, SearchSpace } from '../search-space.ts'

/**
 * What an agent and the server say to each other, under `/api/v1/agents`. Everything an agent sends may be sent again
 * without harm: reports are numbered by their byte offset in the run's own files, ends are fenced by the epoch.
 */

export const Gpu = z.strictObject({
  index: z.int().min(0),
  uuid: z.string().optional(),
  name: z.string().optional(),
  memoryBytes: z.int().optional(),
})
export type Gpu = z.infer<typeof Gpu>

/** A place for one trial; bound to a GPU where the host has them. */
export const Slot = z.strictObject({
  index: z.int().min(0),
  gpu: Gpu.optional(),
  /** Of how many equal shares of its GPU it is one; absent: it is all of it. */
  shares: z.int().min(2).optional(),
})
export type Slot = z.infer<typeof Slot>

/** `POST /agents`. An agent that comes back sends its old id with its old token and keeps both. */
export const RegisterAgent = z.strictObject({
  agentId: AgentId.optional(),
  name: z.string().min(1).max(100),
  host: z.string().max(255),
  slots: z.array(Slot).min(1).max(1024),
  cpus: z.number().positive(),
  memoryBytes: z.int().positive(),
  queues: z.array(z.string()).min(1),
  launchers: z.array(z.string()).min(1),
  labels: z.record(z.string(), z.string()).default({}),
  version: z.string(),
  /**
   * Told by an agent that has just been started: all that it has taken over from before. What else the server counts as
   * its own was on its way when it was killed, and is given to others at once instead of at the end of its lease.
   */
  attempts: z.array(AttemptId).max(10_000).optional(),
})
export type RegisterAgent = z.infer<typeof RegisterAgent>

export const AgentRegistered = z.strictObject({
  agentId: AgentId,
  token: z.string(),
  heartbeatMs: z.int(),
  /** For so long after each heartbeat the leases of what it runs last at least. */
  leaseMs: z.int(),
})
export type AgentRegistered = z.infer<typeof AgentRegistered>

/** What a trial takes up. `gpus` undefined: one slot, with its GPU if it has one; below 1: a share of one GPU. */
export const Shape = z.strictObject({
  gpus: z.number().min(0).optional(),
  cpus: z.number().positive().optional(),
  memoryBytes: z.int().positive().optional(),
  /** Where it may run. */
  requires: Requires.optional(),
})
export type Shape = z.infer<typeof Shape>

/** Room an agent has left. `gpuSlots` of the `slots` have a GPU. */
export const Room = z.strictObject({
  slots: z.int().min(0),
  gpuSlots: z.int().min(0),
  cpus: z.number(),
  memoryBytes: z.number(),
  /** Indices of the free slots; absent where only their numbers are known. */
  free: z.array(z.int().min(0)).max(1024).optional(),
  /** Why nothing can be started there now all the same, in words; absent where it can. */
  blocked: z.string().max(1000).optional(),
})
export type Room = z.infer<typeof Room>

/** `POST /agents/:id/claim`: waits up to `waitMs` for work that fits. */
export const Claim = z.strictObject({ room: Room, max: z.int().min(1).max(64), waitMs: z.int().min(0).max(30_000) })
export type Claim = z.infer<typeof Claim>

/** A ticket queue that an agent may take from, and what each trial in it takes up. */
export const AgentQueue = z.strictObject({ name: z.string().min(1), shape: Shape })
export type AgentQueue = z.infer<typeof AgentQueue>

/** `POST /agents/:id/queue-access`: how an agent takes tickets itself, instead of waiting for work over HTTP. */
export const QueueAccess = z.strictObject({
  /** Absent where agents are not let into the queue. */
  redisUrl: z.string().optional(),
  /** Those of its pools that it can serve at all, also where they are empty. */
  queues: z.array(AgentQueue),
})
export type QueueAccess = z.infer<typeof QueueAccess>

/** `POST /agents/:id/condition`, whenever it changes: what only the agent can know of how it works. */
export const AgentCondition = z.strictObject({
  /** How it hears of work now. */
  claims: z.enum(['queue', 'http']),
  /** Why it does not use the queue that the server offers it, in words. */
  queueTrouble: z.string().max(1000).optional(),
  /** Namespaces in which agents were lost, as far as it looks there for what they left. */
  lostNamespaces: z
    .array(
      z.strictObject({
        namespace: z.string(),
        /** Why it could not look; absent where it could. */
        problem: z.string().max(1000).optional(),
      }),
    )
    .max(1000)
    .optional(),
})
export type AgentCondition = z.infer<typeof AgentCondition>

/** `POST /agents/:id/claim-tickets`: claims attempts whose tickets the agent took itself; never waits. */
export const ClaimTickets = z.strictObject({ attempts: z.array(AttemptId).min(1).max(64) })
export type ClaimTickets = z.infer<typeof ClaimTickets>

/** Everything an agent needs to run one attempt. */
export const Assignment = z.strictObject({
  attemptId: AttemptId,
  epoch: z.int(),
  /** Good for this attempt only, dies with its lease; given to the program as SWEEP_TOKEN. */
  token: z.string(),
  sweepId: SweepId,
  sweepName: z.string(),
  trial: z.int(),
  attempt: z.int(),
  seed: z.int(),
  config: Config,
  space: SearchSpace,
  program: z.string().optional(),
  command: z.array(z.string()),
  /** Where the program runs; the folder of the sweep file on a machine that shares it. */
  workdir: z.string(),
  /** Where its code is; absent: in `workdir`. */
  code: Code.optional(),
  /** What it runs in, for `docker`. */
  launcher: z.enum(LAUNCHERS).default('process'),
  container: Container.optional(),
  kubernetes: KubernetesPod.optional(),
  env: z.record(z.string(), z.string()),
  shape: Shape,
  capture: Capture,
  metric: z.string().optional(),
  timeoutMs: z.int().optional(),
  graceMs: z.int(),
  /** Checkpoint folder of an earlier attempt of this trial or of its parent, when there is one this agent can read. */
  restore: z.string().optional(),
  /** The newest copy of that checkpoint in the object store, for an agent that can't read the folder. */
  restoreCopy: z.strictObject({ step: z.int(), sha256: Sha256, sizeBytes: z.int().min(0) }).optional(),
  /** Copies of its checkpoints belong into the object store: another agent may have to go on from them. */
  keepsCheckpoints: z.boolean().optional(),
})
export type Assignment = z.infer<typeof Assignment>

export const ClaimReply = z.strictObject({ assignments: z.array(Assignment) })
export type ClaimReply = z.infer<typeof ClaimReply>

/** One line that the run wrote, or one line of its output in which metrics were found. */
export const Point = z.strictObject({
  /** Absent when the line names none: the server counts on from the last. */
  step: z.int().optional(),
  /** Milliseconds since 1970 by the agent's clock; informative only. */
  at: z.number(),
  values: z.record(z.string().min(1).max(256), MetricValue),
})
export type Point = z.infer<typeof Point>

/**
 * Points of one file of the run, from byte `from` (exclusive of nothing) up to byte `to`. The server keeps the highest
 * `to` per attempt and file; a batch that begins below it is cut by the agent, not by the server, so a batch is taken
 * whole when `from` equals what the server has, and answered with the server's offset otherwise.
 */
export const PointBatch = z.strictObject({
  source: z.enum(['metrics', 'output']),
  from: z.int().min(0),
  to: z.int().min(0),
  points: z.array(Point).max(1000),
})
export type PointBatch = z.infer<typeof PointBatch>

/**
 * Output from byte `offset` up to byte `to` of output.log; `to` may be left out where `text` is those bytes exactly. The
 * server takes what begins at its offset or beyond, so an agent may skip output that nobody will read.
 */
export const LogChunk = z.strictObject({
  offset: z.int().min(0),
  to: z.int().min(0).optional(),
  text: z.string().max(262_144),
})
export type LogChunk = z.infer<typeof LogChunk>

/** What the run is and where it runs, sent once when the process has started. */
export const Started = z.strictObject({
  at: z.number(),
  pid: z.int().optional(),
  argv: z.array(z.string()),
  slots: z.array(z.int()),
  runDir: z.string(),
  environment: z.record(z.string(), Json),
})
export type Started = z.infer<typeof Started>

/** A folder that says by its marker that it was written to the end. */
export const SavedCheckpoint = z.strictObject({ step: z.int(), path: z.string() })
export type SavedCheckpoint = z.infer<typeof SavedCheckpoint>

export const Ended = z.strictObject({
  at: z.number(),
  cause: Cause,
  message: z.string().max(2000),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  /** Run time of the process by the agent's monotonic clock, in seconds. */
  seconds: z.number().min(0),
  /** Newest complete checkpoint, for the next attempt. */
  checkpoint: SavedCheckpoint.optional(),
})
export type Ended = z.infer<typeof Ended>

/** Use of the machine by one attempt at one moment; becomes metrics `system/<key>`. */
export const Sample = z.strictObject({ at: z.number(), values: z.record(z.string(), z.number()) })
export type Sample = z.infer<typeof Sample>

export const AttemptReport = z.strictObject({
  attemptId: AttemptId,
  epoch: z.int(),
  /** What the attempt waits for before its program runs, in words; empty once it waits no more. */
  note: z.string().max(1000).optional(),
  started: Started.optional(),
  batches: z.array(PointBatch).max(2).default([]),
  samples: z.array(Sample).max(100).default([]),
  log: LogChunk.optional(),
  /** A checkpoint newer than the last one told; others may go on from it while the attempt runs. */
  checkpoint: SavedCheckpoint.optional(),
  /** Comes with or after the last batch of points. */
  ended: Ended.optional(),
})
export type AttemptReport = z.infer<typeof AttemptReport>

/** `POST /agents/:id/reports`. */
export const Reports = z.strictObject({
  attempts: z.array(AttemptReport).max(256),
  /** Room there is once these reports are taken; filled at once or not at all, so that the reply never waits for work. */
  claim: z.strictObject({ room: Room, max: z.int().min(1).max(64) }).optional(),
})
export type Reports = z.infer<typeof Reports>

/** `POST /agents/:id/artifacts`, once the bytes are in the object store. */
export const KeepArtifact = z.strictObject({
  attemptId: AttemptId,
  epoch: z.int(),
  path: ArtifactPath,
  sha256: Sha256,
})
export type KeepArtifact = z.infer<typeof KeepArtifact>

/** `POST /agents/:id/checkpoints`, once the archive is in the object store. */
export const KeepCheckpoint = z.strictObject({
  attemptId: AttemptId,
  epoch: z.int(),
  step: z.int(),
  /** As it was told in `SavedCheckpoint`. */
  path: z.string().max(4000),
  sha256: Sha256,
})
export type KeepCheckpoint = z.infer<typeof KeepCheckpoint>

/** `PUT /attempts/:id/checkpoints/:step`, by a program whose disk no agent sees; the body is the archive. */
export const CheckpointUpload = z.strictObject({
  sha256: Sha256,
  /** What it is told by as well. */
  path: z.string().min(1).max(4000),
})

/** `GET /attempts/:id/restore`: what the attempt may go on from, the best first. */
export const RestoreCopies = z.strictObject({
  copies: z.array(z.strictObject({ step: z.int(), sha256: Sha256, sizeBytes: z.int().min(0) })),
})
export type RestoreCopies = z.infer<typeof RestoreCopies>

/** `fenced`: the attempt is somebody else's. `missing`: the object store does not have the bytes; put them again. */
export const Kept = z.strictObject({ result: z.enum(['kept', 'fenced', 'missing']) })
export type Kept = z.infer<typeof Kept>

/** `POST /agents/:id/free-runs`: attempts that have ended, of which the agent still has the run folders. */
export const AskFreeRuns = z.strictObject({ attempts: z.array(AttemptId).max(500) })
/** Those whose run folders nothing needs any more. */
export const FreeRuns = z.strictObject({ free: z.array(AttemptId) })

export const AttemptStatus = z.strictObject({
  attemptId: AttemptId,
  /** `fenced`: the attempt is somebody else's or over. Kill what runs, forget it. */
  status: z.enum(['ok', 'fenced']),
  /** Bytes of each file that the server has. */
  offsets: z.strictObject({ metrics: z.int(), output: z.int(), log: z.int() }).optional(),
  stop: z.strictObject({ reason: StopReason, verdict: Verdict }).nullable(),
})
export type AttemptStatus = z.infer<typeof AttemptStatus>

export const ReportsReply = z.strictObject({
  attempts: z.array(AttemptStatus),
  /** Answer to `claim`; absent when there is nothing. */
  assignments: z.array(Assignment).optional(),
})
export type ReportsReply = z.infer<typeof ReportsReply>

/** `POST /agents/:id/heartbeat`: renews the lease of every attempt it names, of no other. */
export const Heartbeat = z.strictObject({
  room: Room,
  draining: z.boolean(),
  attempts: z.array(z.strictObject({ attemptId: AttemptId, epoch: z.int() })),
})
export type Heartbeat = z.infer<typeof Heartbeat>

export const HeartbeatReply = z.strictObject({ attempts: z.array(AttemptStatus), drain: z.boolean() })
export type HeartbeatReply = z.infer<typeof HeartbeatReply>

/**
 * `POST /agents/:id/leftovers`: of claims whose containers or Jobs an agent has found, whoever made them, those that are
 * over. Asked and answered in the same shape; what another server's agent made is in no answer.
 */
export const Leftovers = z.strictObject({
  attempts: z.array(z.strictObject({ attemptId: AttemptId, epoch: z.int() })).max(1000),
})
export type Leftovers = z.infer<typeof Leftovers>

/** `POST /agents/:id/lost-namespaces`: those that sweeps name of which attempts were lost, in the last 30 days. */
export const LostNamespaces = z.strictObject({ namespaces: z.array(z.string()).max(1000) })
export type LostNamespaces = z.infer<typeof LostNamespaces>

/** Events of `GET /agents/:id/stream` (SSE): a decision as soon as it is stored. Lost ones come with the heartbeat. */
export const AgentEvent = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('stop'),
    attemptId: AttemptId,
    epoch: z.int(),
    reason: StopReason,
    verdict: Verdict,
  }),
  z.strictObject({ type: z.literal('drain') }),
  /** As in `QueueAccess`: there is a new one. */
  z.strictObject({ type: z.literal('queues'), queues: z.array(AgentQueue) }),
])
export type AgentEvent = z.infer<typeof AgentEvent>
