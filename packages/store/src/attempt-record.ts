import type { AttemptState, Cause, StopReason } from '@sweep/spec/attempt'
import { Verdict } from '@sweep/spec/facts'
import { type AgentId, type AttemptId, attemptId, type SweepId } from '@sweep/spec/ids'
import { Json } from '@sweep/spec/number'
import { z } from 'zod'
import type { Queryable } from './database.ts'
import { Checkpoint } from './trial-record.ts'

export interface AttemptRecord {
  readonly id: AttemptId
  readonly sweepId: SweepId
  readonly trial: number
  readonly number: number
  readonly state: AttemptState
  readonly epoch: number
  readonly cause: Cause | null
  /** Why it ended; while it runs, what its program waits for. */
  readonly message: string | null
  readonly agentId: AgentId | null
  /** Name of the agent. */
  readonly agent: string | null
  readonly slots: readonly number[]
  readonly gpus: number
  readonly exitCode: number | null
  readonly signal: string | null
  readonly argv: readonly string[] | null
  readonly environment: { readonly [key: string]: Json }
  readonly runDir: string | null
  readonly checkpoint: Checkpoint | null
  readonly gpuSeconds: number
  readonly seconds: number | null
  readonly stop: { readonly reason: StopReason; readonly verdict: Verdict } | null
  readonly queuedAt: Date
  readonly claimedAt: Date | null
  readonly startedAt: Date | null
  readonly endedAt: Date | null
}

interface AttemptRow {
  readonly id: AttemptId
  readonly sweep_id: SweepId
  readonly trial: number
  readonly number: number
  readonly state: AttemptState
  readonly epoch: number
  readonly cause: Cause | null
  readonly message: string | null
  readonly agent_id: AgentId | null
  readonly agent: string | null
  readonly slots: number[]
  readonly gpus: number
  readonly exit_code: number | null
  readonly signal: string | null
  readonly argv: string[] | null
  readonly environment: unknown
  readonly run_dir: string | null
  readonly checkpoint: unknown
  readonly gpu_seconds: number
  readonly seconds: number | null
  readonly stop_reason: StopReason | null
  readonly stop_verdict: unknown
  readonly queued_at: Date
  readonly claimed_at: Date | null
  readonly started_at: Date | null
  readonly ended_at: Date | null
}

const COLUMNS = `a.id, a.sweep_id, a.trial, a.number, a.state, a.epoch, a.cause, a.message, a.agent_id, g.name as agent,
  a.slots, a.gpus, a.exit_code, a.signal, a.argv, a.environment, a.run_dir, a.checkpoint, a.gpu_seconds, a.seconds,
  a.stop_reason, a.stop_verdict, a.queued_at, a.claimed_at, a.started_at, a.ended_at`

const Environment = z.record(z.string(), Json)

function attemptRecord(row: AttemptRow): AttemptRecord {
  return {
    id: row.id,
    sweepId: row.sweep_id,
    trial: row.trial,
    number: row.number,
    state: row.state,
    epoch: row.epoch,
    cause: row.cause,
    message: row.message,
    agentId: row.agent_id,
    agent: row.agent,
    slots: row.slots,
    gpus: row.gpus,
    exitCode: row.exit_code,
    signal: row.signal,
    argv: row.argv,
    environment: Environment.parse(row.environment),
    runDir: row.run_dir,
    checkpoint: row.checkpoint === null ? null : Checkpoint.parse(row.checkpoint),
    gpuSeconds: row.gpu_seconds,
    seconds: row.seconds,
    stop: row.stop_reason === null ? null : { reason: row.stop_reason, verdict: Verdict.parse(row.stop_verdict) },
    queuedAt: row.queued_at,
    claimedAt: row.claimed_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  }
}

export async function getAttempt(database: Queryable, id: AttemptId): Promise<AttemptRecord | undefined> {
  const { rows } = await database.query<AttemptRow>(
    {
      name: 'attempt-get',
      text: `select ${COLUMNS} from attempts a left join agents g on g.id = a.agent_id where a.id = $1`,
    },
    [id],
  )
  return rows[0] && attemptRecord(rows[0])
}

/** All attempts of a trial, oldest first. */
export async function listAttempts(database: Queryable, sweepId: SweepId, trial: number): Promise<AttemptRecord[]> {
  const { rows } = await database.query<AttemptRow>(
    {
      name: 'attempt-list',
      // Their ids are made of the trial's key and 1, 2, 3, …, so the primary key finds them.
      text: `select ${COLUMNS} from trials t
               join attempts a on a.id = any(array(
                 select t.sweep_id || '-' || t.number || '-' || n from generate_series(1, t.attempts) n))
               left join agents g on g.id = a.agent_id
              where t.sweep_id = $1 and t.number = $2 order by a.number`,
    },
    [sweepId, trial],
  )
  return rows.map(attemptRecord)
}

/**
 * An environment with what stands in that of another attempt of the sweep: agents send a diff and a list of packages once,
 * and name their hashes from then on.
 */
export async function wholeEnvironment(
  database: Queryable,
  sweepId: SweepId,
  environment: AttemptRecord['environment'],
): Promise<AttemptRecord['environment']> {
  const { git, packages, packagesHash } = environment
  const diffHash = isObject(git) && git['diff'] === undefined ? (git['diffHash'] ?? null) : null
  const wanted = packages === undefined ? (packagesHash ?? null) : null
  if (diffHash === null && wanted === null) return environment
  const { rows } = await database.query<{ diff: unknown; packages: unknown }>(
    {
      name: 'attempt-environment',
      // The first attempts of a sweep have them, most often the very first.
      text: `select (select a.environment->'git'->'diff' ${ATTEMPTS_OF}
                        and a.environment->'git'->>'diffHash' = $2 and a.environment->'git' ? 'diff'
                      order by t.number, n limit 1) as diff,
                    (select a.environment->'packages' ${ATTEMPTS_OF}
                        and a.environment->>'packagesHash' = $3 and a.environment ? 'packages'
                      order by t.number, n limit 1) as packages`,
    },
    [sweepId, diffHash, wanted],
  )
  const found = rows[0]
  const diff = Json.parse(found?.diff ?? null)
  const list = Json.parse(found?.packages ?? null)
  return {
    ...environment,
    ...(diff === null || !isObject(git) ? {} : { git: { ...git, diff } }),
    ...(list === null ? {} : { packages: list }),
  }
}

const ATTEMPTS_OF = `from trials t cross join lateral generate_series(1, t.attempts) n
  join attempts a on a.id = t.sweep_id || '-' || t.number || '-' || n where t.sweep_id = $1`

function isObject(json: Json | undefined): json is { [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

/** Id of the newest attempt of a trial, or of the one with this number; undefined when there is no such trial. */
export async function resolveAttempt(
  database: Queryable,
  sweepId: SweepId,
  trial: number,
  number?: number,
): Promise<AttemptId | undefined> {
  const { rows } = await database.query<{ attempts: number }>(
    { name: 'attempt-resolve', text: 'select attempts from trials where sweep_id = $1 and number = $2' },
    [sweepId, trial],
  )
  return rows[0] && attemptId(sweepId, trial, number ?? rows[0].attempts)
}

/** The agent that runs the attempt with this epoch; undefined when none does, and a token of the attempt is no good. */
export async function agentOfRunning(database: Queryable, id: AttemptId, epoch: number): Promise<AgentId | undefined> {
  const { rows } = await database.query<{ agent_id: AgentId }>(
    { name: 'attempt-agent', text: `select agent_id from attempts where id = $1 and epoch = $2 and state = 'running'` },
    [id, epoch],
  )
  return rows[0]?.agent_id
}
