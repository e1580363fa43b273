import { SweepError } from '@sweep/spec/errors'
import { type AgentId, type AttemptId, attemptParts, type SweepId } from '@sweep/spec/ids'
import { Config } from '@sweep/spec/search-space'
import { statesAllowing } from '@sweep/spec/trial'
import type { Database, Queryable } from './database.ts'
import { EndedAttempts, LIVE_COLUMNS, type LiveAttempt } from './end-attempts.ts'
import { checkOwner, SweepChange } from './sweep-change.ts'
import { Checkpoint, type QueuedAttempt } from './trial-record.ts'

/** With `sweepDefinition(sweepId)` this is all an assignment needs. */
export interface ClaimedAttempt {
  readonly result: 'claimed'
  readonly attemptId: AttemptId
  readonly epoch: number
  readonly sweepId: SweepId
  readonly trial: number
  readonly attempt: number
  /** How many trials of the sweep had the config before. */
  readonly replicate: number
  readonly config: Config
  /** Newest checkpoint of the attempts before, or that of the parent when the trial was created. */
  readonly restore: Checkpoint | null
}

/** `held`: the sweep is paused or at its parallelism, try again later. `gone`: no such attempt waits any more. */
export type ClaimResult = ClaimedAttempt | { readonly result: 'held' | 'gone'; readonly attemptId: AttemptId }

export interface ClaimRequest {
  readonly agentId: AgentId
  readonly leaseMs: number
}

export async function claimAttempt(
  database: Database,
  request: ClaimRequest & { readonly attemptId: AttemptId },
): Promise<ClaimResult> {
  const { attemptId, ...rest } = request
  const [result] = await claimAttempts(database, { ...rest, attemptIds: [attemptId] })
  return result ?? { result: 'gone', attemptId }
}

/** One result per attempt, in their order, however often it is named. One transaction per sweep. An agent that is unknown or gone throws `fenced`. */
export async function claimAttempts(
  database: Database,
  request: ClaimRequest & { readonly attemptIds: readonly AttemptId[] },
): Promise<ClaimResult[]> {
  const results = new Map<AttemptId, ClaimResult>()
  for (const [sweepId, ids] of bySweep(request.attemptIds)) {
    for (const result of await claimOfSweep(database, request, sweepId, ids)) results.set(result.attemptId, result)
  }
  const asked = [...new Set(request.attemptIds)]
  return asked.map((attemptId) => results.get(attemptId) ?? { result: 'gone', attemptId })
}

const CLAIMABLE = {
  name: 'attempts-claimable',
  text: `select a.id, a.queued_at, a.trial, a.number, t.epoch, t.replicate, t.config, a.restore, g.name as agent,
                g.state as agent_state, g.gpu_slots
           from unnest($1::text[]) as n (id)
           cross join lateral (select * from attempts where id = n.id offset 0) a
           cross join lateral (select * from trials where sweep_id = a.sweep_id and number = a.trial offset 0) t
           left join agents g on g.id = $2
          where a.state = 'queued'`,
}

/** The trials by number too: those of a young sweep are one row to the planner, and it would read all there are by now. */
const CLAIM = {
  name: 'attempts-claim',
  text: `with claimed as (
           update attempts a set state = 'running', epoch = t.epoch + 1, agent_id = $3, gpus = $4,
                  lease_until = now() + $5 * interval '1 ms', claimed_at = now()
             from trials t
            -- Not "is queued", for which the index of all that waits would be read.
            where a.id = any($2) and a.state not in ('running', 'ended') and t.sweep_id = $1 and t.number = a.trial
              and t.number = any($7)
            returning a.trial)
         update trials t set state = 'running', epoch = t.epoch + 1, started_at = coalesce(t.started_at, now())
           from claimed
          where t.sweep_id = $1 and t.number = claimed.trial and t.number = any($7) and t.state = any($6)`,
}

export interface ClaimableRow {
  readonly id: AttemptId
  readonly queued_at: Date
  readonly trial: number
  readonly number: number
  readonly epoch: number
  readonly replicate: number
  readonly config: unknown
  readonly restore: unknown
  readonly agent: string | null
  readonly agent_state: string | null
  readonly gpu_slots: number | null
}

async function claimOfSweep(
  database: Database,
  request: ClaimRequest,
  sweepId: SweepId,
  ids: readonly AttemptId[],
): Promise<ClaimResult[]> {
  return database.tx(async (tx) => {
    const [change, found] = await Promise.all([SweepChange.begin(tx, sweepId), findClaimable(tx, request.agentId, ids)])
    const first = found[0]
    if (change === undefined || first === undefined) return []
    if (first.agent === null || first.agent_state === 'gone') {
      throw new SweepError(
        'fenced',
        `Agent ${request.agentId} is not registered, or was given up; it has to register again.`,
      )
    }
    const claims = new Claims(change, request, found)
    if (change.changed) await Promise.all([claims.store(tx), change.store(tx)])
    return claims.results
  })
}

/**
 * In the order in which they were queued, each once: it may have had several tickets. To be read under the lock of the
 * sweep that all of `ids` belong to.
 */
export async function findClaimable(
  tx: Queryable,
  agentId: AgentId,
  ids: readonly AttemptId[],
): Promise<readonly ClaimableRow[]> {
  const { rows } = await tx.query<ClaimableRow>(CLAIMABLE, [[...new Set(ids)], agentId])
  return rows.sort((a, b) => a.queued_at.getTime() - b.queued_at.getTime() || a.trial - b.trial)
}

/** Attempts of one sweep being claimed within one transaction: as many as the sweep allows, in the order of the rows. */
export class Claims {
  /** One per row. */
  readonly results: ClaimResult[]
  readonly #change: SweepChange
  readonly #request: ClaimRequest
  readonly #taken: readonly ClaimableRow[]
  readonly #gpus: number

  constructor(change: SweepChange, request: ClaimRequest, rows: readonly ClaimableRow[]) {
    const { sweep } = change
    const agent = rows[0]
    this.#change = change
    this.#request = request
    this.#gpus = sweep.shape_gpus ?? ((agent?.gpu_slots ?? 0) > 0 ? 1 : 0)
    const isHeld = sweep.state === 'paused' || agent?.agent_state !== 'ready'
    const isOver = sweep.state !== 'running' && sweep.state !== 'paused'
    const mayRun = sweep.parallelism ?? Number.POSITIVE_INFINITY
    this.#taken = rows.slice(0, isHeld || isOver ? 0 : Math.max(0, mayRun - change.running))
    for (const { trial, number: attempt, epoch, agent } of this.#taken) {
      const name = agent ?? request.agentId
      change.fact({ kind: 'attempt-started', trial, attempt, epoch: epoch + 1, agent: name, gpus: this.#gpus })
      change.move('queued', 'running')
    }
    if (this.#taken.length > 0) change.start()
    this.results = rows.map((row, index) => {
      if (index < this.#taken.length) return claimedAttempt(sweep.id, row)
      return { result: isOver ? 'gone' : 'held', attemptId: row.id }
    })
  }

  /** Sends the statement; `change.store` is the caller's to send after it. */
  async store(tx: Queryable): Promise<void> {
    if (this.#taken.length === 0) return
    const { sweep } = this.#change
    const { agentId, leaseMs } = this.#request
    const ids = this.#taken.map((row) => row.id)
    const trials = this.#taken.map((row) => row.trial)
    const values = [sweep.id, ids, agentId, this.#gpus, leaseMs, statesAllowing('start'), trials]
    const { rowCount } = await tx.query(CLAIM, values)
    if (rowCount !== ids.length) throw new Error(`attempts of sweep ${sweep.id} changed under its lock`)
  }
}

function claimedAttempt(sweepId: SweepId, row: ClaimableRow): ClaimedAttempt {
  return {
    result: 'claimed',
    attemptId: row.id,
    epoch: row.epoch + 1,
    sweepId,
    trial: row.trial,
    attempt: row.number,
    replicate: row.replicate,
    config: Config.parse(row.config),
    restore: row.restore === null ? null : Checkpoint.parse(row.restore),
  }
}

/** Ids grouped by sweep, sweeps ascending. */
export function bySweep(ids: readonly AttemptId[]): [SweepId, AttemptId[]][] {
  const groups = new Map<SweepId, AttemptId[]>()
  for (const id of ids) {
    const { sweepId } = attemptParts(id)
    const group = groups.get(sweepId)
    if (group === undefined) groups.set(sweepId, [id])
    else group.push(id)
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
}

const QUEUED = {
  name: 'attempts-queued-of-sweep',
  text: `select ${LIVE_COLUMNS} from attempts a join trials t on t.sweep_id = a.sweep_id and t.number = a.trial
          where a.sweep_id = $1 and a.state = 'queued'`,
}

/** Ends every queued attempt of a sweep and its trial with `cancelled`. Returns how many. Old epoch: `fenced`. */
export async function cancelQueued(
  database: Database,
  request: { readonly sweepId: SweepId; readonly ownerEpoch: number; readonly reason: string },
): Promise<number> {
  return database.tx(async (tx) => {
    const [change, queued] = await Promise.all([
      SweepChange.begin(tx, request.sweepId),
      tx.query<LiveAttempt>(QUEUED, [request.sweepId]),
    ])
    if (change === undefined) return 0
    checkOwner(change.sweep, request.ownerEpoch)
    if (queued.rows.length === 0) return 0
    const ended = new EndedAttempts(change)
    queued.rows.sort((a, b) => a.trial - b.trial)
    for (const attempt of queued.rows) ended.withdraw(attempt, 'cancel', request.reason)
    await Promise.all([ended.store(tx), change.store(tx)])
    return queued.rows.length
  })
}

export interface ExpiredLeases {
  readonly ended: readonly AttemptId[]
  /** New attempts of the same trials. */
  readonly queued: readonly QueuedAttempt[]
  readonly sweepIds: readonly SweepId[]
}

const SILENT_AGENTS = {
  name: 'agents-silent',
  text: `update agents set state = 'gone'
          where state <> 'gone' and last_seen_at < clock_timestamp() - $1 * interval '1 ms'`,
}

const EXPIRED = {
  name: 'attempts-expired',
  text: `select id from attempts where state = 'running' and lease_until < clock_timestamp()`,
}

const EXPIRED_LIVE = {
  name: 'attempts-expired-live',
  text: `select ${LIVE_COLUMNS}, g.name as agent, g.ready_since > a.claimed_at as "isOfBefore"
           from unnest($1::text[]) as n (id)
           cross join lateral (select * from attempts where id = n.id offset 0 for no key update) a
           cross join lateral (select * from trials where sweep_id = a.sweep_id and number = a.trial offset 0) t
           left join agents g on g.id = a.agent_id
          where a.state = 'running' and a.lease_until < clock_timestamp()`,
}

/** Ends attempts whose lease has run out (by the database's clock) with cause `lost`, and marks silent agents `gone`. */
export async function expireLeases(
  database: Database,
  request: { readonly agentLeaseMs: number },
): Promise<ExpiredLeases> {
  await database.query(SILENT_AGENTS, [request.agentLeaseMs])
  const { rows } = await database.query<{ id: AttemptId }>(EXPIRED)
  return endExpired(
    database,
    rows.map((row) => row.id),
  )
}

const LEFT_BEHIND = {
  name: 'attempts-left-behind',
  text: `with left_behind as (
           select id from attempts where state = 'running' and agent_id = $1 and id <> all($2) order by id for no key update)
         update attempts a set lease_until = clock_timestamp() from left_behind l where a.id = l.id returning a.id`,
}

/**
 * Ends as `lost` all that an agent has but does not know of: it was killed before it could begin with them.
 * @param kept what it has taken over
 */
export async function endLeftBehind(
  database: Database,
  agentId: AgentId,
  kept: readonly AttemptId[],
): Promise<ExpiredLeases> {
  const { rows } = await database.query<{ id: AttemptId }>(LEFT_BEHIND, [agentId, kept])
  return endExpired(
    database,
    rows.map((row) => row.id),
  )
}

async function endExpired(database: Database, ids: readonly AttemptId[]): Promise<ExpiredLeases> {
  const ended: AttemptId[] = []
  const queued: QueuedAttempt[] = []
  // The order in which their rows are locked.
  const groups = bySweep(ids.toSorted())
  for (const [sweepId, ids] of groups) {
    const lost = await database.tx((tx) => expireOfSweep(tx, sweepId, ids))
    ended.push(...lost.ended)
    queued.push(...lost.queued)
  }
  return { ended, queued, sweepIds: groups.map(([sweepId]) => sweepId) }
}

async function expireOfSweep(
  tx: Queryable,
  sweepId: SweepId,
  ids: readonly AttemptId[],
): Promise<{ ended: AttemptId[]; queued: QueuedAttempt[] }> {
  const [change, live] = await Promise.all([
    SweepChange.begin(tx, sweepId),
    // Looked at again under the lock: a heartbeat or an end may have come in between.
    tx.query<LiveAttempt & { agent: string | null; isOfBefore: boolean | null }>(EXPIRED_LIVE, [ids]),
  ])
  if (change === undefined || live.rows.length === 0) return { ended: [], queued: [] }
  const lost = new EndedAttempts(change)
  for (const attempt of live.rows) {
    const what = attempt.isOfBefore === true ? 'was started anew without it' : 'stopped answering'
    const message = `agent ${attempt.agent ?? attempt.agent_id} ${what}`
    lost.end(attempt, { cause: 'lost', message }, [])
  }
  await Promise.all([lost.store(tx), change.store(tx), lost.replaceBest(tx)])
  return { ended: live.rows.map((row) => row.id), queued: lost.queued }
}

const UNTICKETED = {
  name: 'attempts-unticketed',
  text: `select a.id as "attemptId", a.queue_name as "queueName", a.tickets, a.sweep_id as "sweepId", s.priority
           from attempts a join sweeps s on s.id = a.sweep_id
          where a.state = 'queued' and s.state = 'running' and (s.parallelism is null or s.running < s.parallelism)
            and (a.ticketed_at is null or a.ticketed_at < clock_timestamp() - $1 * interval '1 ms')
          order by a.queued_at limit $2`,
}

/** Attempts that may be claimed now and whose newest ticket (or none) is older than `olderThanMs`. */
export async function queuedWithoutTicket(
  database: Queryable,
  olderThanMs: number,
  limit = 1000,
): Promise<(QueuedAttempt & { readonly sweepId: SweepId; readonly priority: number })[]> {
  const { rows } = await database.query<QueuedAttempt & { sweepId: SweepId; priority: number }>(UNTICKETED, [
    olderThanMs,
    limit,
  ])
  return rows
}

/** Counts a ticket for each and notes when, so that the reconciler lets them be for a while. */
export async function markTicketed(database: Queryable, ids: readonly AttemptId[]): Promise<void> {
  await database.query(
    {
      name: 'attempts-mark-ticketed',
      text: `with wanted as (select id from attempts where id = any($1) order by id for no key update)
             update attempts a set tickets = a.tickets + 1, ticketed_at = clock_timestamp()
               from wanted where a.id = wanted.id and a.state = 'queued'`,
    },
    [ids],
  )
}
