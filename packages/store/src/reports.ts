import type { StopReason } from '@sweep/spec/attempt'
import { type AgentId, type AttemptId, attemptParts, type SweepId } from '@sweep/spec/ids'
import type { AttemptReport, AttemptStatus } from '@sweep/spec/wire/agent-protocol'
import { IngestedAttempt, REPORTING_COLUMNS, type ReportingAttempt, type TakenReport } from './attempt-ingest.ts'
import { bySweep, type ClaimResult, Claims, findClaimable } from './attempts.ts'
import type { Database, Queryable } from './database.ts'
import { EndedAttempts } from './end-attempts.ts'
import { jsonText } from './json-text.ts'
import { storeLogs } from './logs.ts'
import { knownNames, nameIds, namesById, rememberNames } from './metric-names.ts'
import { insertBatches, queueCompactions } from './metrics.ts'
import { stopOf } from './stops.ts'
import { SweepChange } from './sweep-change.ts'
import { NewRequests, noteRequests } from './tracking/logged-requests.ts'
import type { QueuedAttempt } from './trial-record.ts'

export interface Ingested {
  /** One per report, in their order. */
  readonly statuses: readonly AttemptStatus[]
  /** Sweeps that got new facts: notify `sweep_changed`. */
  readonly sweepIds: readonly SweepId[]
  /** New attempts of trials that are retried; the controller makes their tickets. */
  readonly queued: readonly QueuedAttempt[]
  /** One per attempt that was to be claimed, in no order. */
  readonly claims: readonly ClaimResult[]
}

/** Attempts that an agent would go on with, all of sweeps that it reports of. */
export interface ClaimAlong {
  readonly leaseMs: number
  readonly attemptIds: readonly AttemptId[]
}

/** What one agent says of attempts of one sweep, none of them twice, and what it would claim of that sweep after. */
export interface SweepPart {
  readonly agentId: AgentId
  readonly reports: readonly TakenReport[]
  readonly claim: ClaimAlong
}

export interface PartIngested {
  /** One per report, in their order. */
  readonly statuses: readonly AttemptStatus[]
  readonly claims: readonly ClaimResult[]
  /** Of the transaction as a whole, told with its first part. */
  readonly queued: readonly QueuedAttempt[]
  readonly changed: boolean
}

/** Takes what one agent says of one sweep; see `ingestParts`. */
export type TakePart = (sweepId: SweepId, part: SweepPart) => Promise<PartIngested>

/**
 * Takes what an agent reports. Safe to repeat: points are taken by byte offset, ends by epoch. One transaction per
 * sweep; reports of an attempt that is not (or no longer) this agent's are answered `fenced` and leave no trace.
 *
 * What it claims along is claimed in the same transaction, after the ends, so an agent that reports one attempt has the
 * next at the price of two statements.
 *
 * @param take another way than a transaction for each part
 */
export async function ingestReports(
  database: Database,
  agentId: AgentId,
  reports: readonly AttemptReport[],
  claim: ClaimAlong = { leaseMs: 0, attemptIds: [] },
  take: TakePart = async (sweepId, part) => (await ingestParts(database, sweepId, [part]))[0] ?? NOTHING,
): Promise<Ingested> {
  const statuses = new Map<AttemptReport, AttemptStatus>()
  const sweepIds: SweepId[] = []
  const queued: QueuedAttempt[] = []
  const claims = new Map<AttemptId, ClaimResult>()
  const wanted = new Map(bySweep(claim.attemptIds))
  const groups = rounds(reports)
  for (const [index, [sweepId, group]] of groups.entries()) {
    const isLast = groups[index + 1]?.[0] !== sweepId
    const along = { leaseMs: claim.leaseMs, attemptIds: isLast ? (wanted.get(sweepId) ?? []) : [] }
    const ingested = await take(sweepId, { agentId, reports: group, claim: along })
    for (const result of ingested.claims) claims.set(result.attemptId, result)
    group.forEach((report, index) => {
      statuses.set(report, ingested.statuses[index] ?? fenced(report.attemptId))
    })
    if (ingested.changed && !sweepIds.includes(sweepId)) sweepIds.push(sweepId)
    queued.push(...ingested.queued)
  }
  return {
    statuses: reports.map((report) => statuses.get(report) ?? fenced(report.attemptId)),
    sweepIds,
    queued,
    claims: [...new Set(claim.attemptIds)].map((id) => claims.get(id) ?? { result: 'gone', attemptId: id }),
  }
}

const NOTHING: PartIngested = { statuses: [], claims: [], queued: [], changed: false }

/**
 * Takes what several agents say of one sweep in one transaction: each has to lock the sweep until its commit is on
 * disk, so that many at once would wait for as many disks.
 */
export async function ingestParts(
  database: Database,
  sweepId: SweepId,
  parts: readonly SweepPart[],
): Promise<readonly PartIngested[]> {
  const { names, ingested } = await database.tx((tx) => ingestOfSweep(database, tx, sweepId, parts))
  rememberNames(database, names)
  return ingested
}

/** Groups of one sweep each, sweeps ascending; a second report of the same attempt comes in a later group. */
function rounds(reports: readonly AttemptReport[]): [SweepId, AttemptReport[]][] {
  const groups: { sweepId: SweepId; reports: Map<AttemptId, AttemptReport> }[] = []
  for (const report of reports) {
    const { sweepId } = attemptParts(report.attemptId)
    const open = groups.find((group) => group.sweepId === sweepId && !group.reports.has(report.attemptId))
    if (open === undefined) groups.push({ sweepId, reports: new Map([[report.attemptId, report]]) })
    else open.reports.set(report.attemptId, report)
  }
  return groups
    .sort((a, b) => (a.sweepId < b.sweepId ? -1 : a.sweepId > b.sweepId ? 1 : 0))
    .map((group) => [group.sweepId, [...group.reports.values()]])
}

const NO_REQUESTS = new NewRequests([])

const REPORTING = {
  name: 'reports-attempts',
  text: `select ${REPORTING_COLUMNS}, a.stop_reason, a.stop_verdict
           from unnest($1::text[]) as n (id)
           cross join lateral (select * from attempts where id = n.id offset 0 for no key update) a
           cross join lateral (select * from trials where sweep_id = a.sweep_id and number = a.trial offset 0) t
          where a.agent_id = any($2) and a.state = 'running'`,
}

type ReportingRow = ReportingAttempt & { readonly stop_reason: StopReason | null; readonly stop_verdict: unknown }

interface SweepIngested {
  readonly names: ReadonlyMap<string, number>
  /** One per part, in their order. */
  readonly ingested: readonly PartIngested[]
}

async function ingestOfSweep(
  database: Database,
  tx: Queryable,
  sweepId: SweepId,
  parts: readonly SweepPart[],
): Promise<SweepIngested> {
  const attemptIds = parts.flatMap((part) => part.reports.map((report) => report.attemptId))
  const [change, found, claimables] = await Promise.all([
    SweepChange.begin(tx, sweepId),
    tx.query<ReportingRow>(REPORTING, [attemptIds.sort(), parts.map((part) => part.agentId)]),
    Promise.all(
      parts.map(({ agentId, claim: { attemptIds } }) =>
        attemptIds.length > 0 ? findClaimable(tx, agentId, attemptIds) : [],
      ),
    ),
  ])
  if (change === undefined) {
    const ingested = parts.map(({ reports }) => ({
      ...NOTHING,
      statuses: reports.map((report) => fenced(report.attemptId)),
    }))
    return { names: new Map(), ingested }
  }
  const rows = new Map(found.rows.map((row) => [row.id, row]))
  const taken = new Map<AttemptReport, IngestedAttempt>()
  for (const { agentId, reports } of parts) {
    for (const report of reports) {
      const row = rows.get(report.attemptId)
      if (row === undefined || row.agent_id !== agentId || row.epoch !== report.epoch) continue
      taken.set(report, new IngestedAttempt(change, row, report))
    }
  }
  const attempts = [...taken.values()]
  const names = await namesOf(database, tx, attempts)
  const ended = new EndedAttempts(change)
  const requests = attempts.flatMap((attempt) => attempt.requests())
  const fresh = requests.length === 0 ? NO_REQUESTS : await noteRequests(tx, requests)
  for (const attempt of attempts) attempt.take(names.all, ended, fresh)
  // After all ends: what they leave free of the sweep's parallelism is what may be claimed.
  const claims = parts.map(
    ({ agentId, claim }, index) => new Claims(change, { ...claim, agentId }, claimables[index] ?? []),
  )
  await store(tx, change, attempts, ended, claims, Math.max(...parts.map(({ claim }) => claim.leaseMs)))
  const statusOf = (report: AttemptReport) => {
    const attempt = taken.get(report)
    if (attempt === undefined) return fenced(report.attemptId)
    const row = rows.get(report.attemptId)
    return { ...attempt.status(), stop: row === undefined || attempt.hasEnded ? null : stopOf(row) }
  }
  const ingested = parts.map(({ reports }, index) => ({
    statuses: reports.map(statusOf),
    claims: claims[index]?.results ?? [],
    queued: index === 0 ? ended.queued : [],
    changed: index === 0 && change.changed,
  }))
  return { names: names.added, ingested }
}

function fenced(attemptId: AttemptId): AttemptStatus {
  return { attemptId, status: 'fenced', stop: null }
}

/** Ids of all metric names in the reports; most often every one is known to the process and nothing is asked. */
async function namesOf(
  database: Database,
  tx: Queryable,
  attempts: readonly IngestedAttempt[],
): Promise<{ all: ReadonlyMap<string, number>; added: ReadonlyMap<string, number> }> {
  const known = knownNames(database)
  const unknown = new Set(attempts.flatMap((attempt) => attempt.unknownNames(known)))
  const unnamed = new Set(attempts.flatMap((attempt) => attempt.idsToName()))
  if (unknown.size === 0 && unnamed.size === 0) return { all: known, added: new Map() }
  const added = new Map([...(await nameIds(tx, [...unknown])), ...(await namesById(tx, [...unnamed]))])
  return { all: new Map([...known, ...added]), added }
}

/** Values by id rather than a join, which would compare each row of one with each of the other. */
const ATTEMPTS = {
  name: 'reports-store-attempts',
  text: `update attempts a set (metrics_offset, output_offset, log_offset, reports, last_step, batches, points, name_ids,
                direct_ids, dropped_points, samples, last_sample_at, lease_until, started_at, argv, environment, run_dir,
                slots, message, gpus) = (
           select x.metrics_offset, x.output_offset, x.log_offset, x.reports, x.last_step, x.batches, x.points,
                  coalesce(x.name_ids, a.name_ids), coalesce(x.direct_ids, a.direct_ids), x.dropped_points, x.samples,
                  x.last_sample_at,
                  -- What reports is alive.
                  case when $3::float8 > 0 then clock_timestamp() + $3 * interval '1 ms' else a.lease_until end,
                  case when x.argv is null then a.started_at else coalesce(a.started_at, now()) end,
                  coalesce(x.argv, a.argv), coalesce(x.environment, a.environment), coalesce(x.run_dir, a.run_dir),
                  coalesce(x.slots, a.slots), case when x.note is null then a.message else nullif(x.note, '') end,
                  -- Shares are what the slots are of their GPUs, which is not always what the sweep asked for.
                  case when $2::float8 = 0 or coalesce(x.slots, '{}') = '{}' then a.gpus else (
                    select coalesce(sum(1 / coalesce((slot ->> 'shares')::float8, 1)), 0)
                      from agents g, jsonb_array_elements(g.slots) slot
                     where g.id = a.agent_id and slot ? 'gpu' and (slot -> 'index')::int = any(x.slots)) end
             from jsonb_to_record($1::jsonb -> a.id) as x (metrics_offset int8, output_offset int8, log_offset int8,
               reports int, last_step int8, batches int, points int8, name_ids int[], direct_ids int[],
               dropped_points int8, samples int, last_sample_at float8, argv text[], environment jsonb, run_dir text,
               slots int[], note text))
          where a.id = any($4)`,
}

/** Values by number rather than a join, which would compare each row of one with each of the other. */
const TRIALS = {
  name: 'reports-store-trials',
  text: `update trials t set (reports, finite_reports, last_value, last_step, best_value, best_step, value, loss, side_values,
                infeasible, checkpoint) = (
                  select x.reports, x.finite_reports, x.last_value, x.last_step, x.best_value, x.best_step, x.value, x.loss,
                         x.side_values, x.infeasible, coalesce(x.checkpoint, t.checkpoint)
                    from jsonb_to_record($2::jsonb -> t.number::text) as x (reports int, finite_reports int,
                      last_value float8, last_step int8, best_value float8, best_step int8, value float8, loss float8,
                      side_values jsonb, infeasible boolean, checkpoint jsonb))
          where t.sweep_id = $1 and t.number = any($3)`,
}

/** Everything in one go; the statements are pipelined, and the trials' values come before their ends. */
async function store(
  tx: Queryable,
  change: SweepChange,
  attempts: readonly IngestedAttempt[],
  ended: EndedAttempts,
  claims: readonly Claims[],
  leaseMs: number,
): Promise<void> {
  const touched = attempts.flatMap((attempt) => attempt.attemptRow())
  const byId = Object.fromEntries(touched)
  const trials = attempts.flatMap((attempt) => attempt.trialRow())
  const numbers = trials.map((trial) => trial.number)
  const byNumber = Object.fromEntries(trials.map((trial) => [trial.number, trial]))
  const sweep = change.sweep
  await Promise.all([
    touched.length > 0 && tx.query(ATTEMPTS, [jsonText(byId), sweep.shape_gpus, leaseMs, Object.keys(byId)]),
    insertBatches(
      tx,
      attempts.flatMap((attempt) => attempt.batch()),
    ),
    queueCompactions(
      tx,
      attempts.flatMap((attempt) => attempt.compactions()),
    ),
    storeLogs(
      tx,
      attempts.flatMap((attempt) => attempt.log()),
    ),
    trials.length > 0 && tx.query(TRIALS, [sweep.id, jsonText(byNumber), numbers]),
    ended.store(tx),
    ...claims.map((claim) => claim.store(tx)),
    change.changed && change.store(tx),
    // Under `summary: last` the best trial's value may have become worse, and it may have come to break a constraint.
    ended.replaceBest(tx, sweep.metric_summary === 'last' || sweep.constraints !== null ? numbers : []),
  ])
}
