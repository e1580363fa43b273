import { configHash } from '@sweep/spec/config-hash'
import type { FactBody } from '@sweep/spec/facts'
import { attemptId, type SweepId } from '@sweep/spec/ids'
import type { Config } from '@sweep/spec/search-space'
import { flattenParams } from '@sweep/spec/tracking/params'
import { nextState, statesAllowing, TRIAL_STATES, type TrialState } from '@sweep/spec/trial'
import type { Database, Queryable } from './database.ts'
import { jsonText, plainText } from './json-text.ts'
import { lossOf } from './loss.ts'
import { SweepChange, ticketQueue } from './sweep-change.ts'
import {
  Checkpoint,
  type QueuedAttempt,
  TRIAL_COLUMNS,
  TRIAL_JOINS,
  type TrialRecord,
  type TrialRow,
  trialRecord,
} from './trial-record.ts'

export interface NewTrial {
  readonly config: Config
  readonly source: 'sampler' | 'user'
  readonly reason: string
  /** How many trials should have the config before this one; refused as a duplicate when it is another number. */
  readonly replicate?: number
  /** Index of the suggestion among the sampler's own. */
  readonly draw?: number
  /** The trial of this sweep whose newest checkpoint it goes on from. */
  readonly parent?: number
}

export interface CreateTrials {
  readonly sweepId: SweepId
  readonly ownerEpoch: number
  /** Number of the last fact that the decision has seen. */
  readonly basis: number
  readonly trials: readonly NewTrial[]
  /** A config that was issued before becomes its next replicate instead of being refused. */
  readonly repeat?: boolean
}

/** Anything but `done`: nothing was stored. `created` may be shorter than asked when budget or duplicates cut it. */
export interface CreatedTrials {
  /** `index` is the place in `trials`. */
  readonly created: readonly (QueuedAttempt & { readonly number: number; readonly index: number })[]
  /** The others; `number` is the trial that has the config of a duplicate. */
  readonly refused: readonly Refused[]
  readonly result: 'done' | 'not-owner' | 'not-running' | 'not-found'
}

export type Refused =
  | { readonly index: number; readonly why: 'budget' }
  | { readonly index: number; readonly why: 'duplicate'; readonly number: number }

/**
 * Issues configs: trials, their runs and first attempts, and the facts, in one transaction under the sweep's lock, never
 * more than the budget allows. The first ticket of each attempt counts as made: add it to the queue after this.
 */
export async function createTrials(database: Database, request: CreateTrials): Promise<CreatedTrials> {
  const none = { created: [], refused: [] }
  return database.tx(async (tx) => {
    const [[change, issued], checkpoints] = await Promise.all([
      begin(tx, request.sweepId, request.trials),
      checkpointsOf(tx, request.sweepId, request.trials),
    ])
    if (change === undefined) return { ...none, result: 'not-found' }
    if (change.sweep.owner_epoch !== request.ownerEpoch) return { ...none, result: 'not-owner' }
    if (change.sweep.state !== 'running') return { ...none, result: 'not-running' }
    const issue = new Issue(change, issued, request.basis, request.repeat === true)
    request.trials.forEach((trial, index) => {
      issue.add(trial, index, trial.parent === undefined ? undefined : checkpoints.get(trial.parent))
    })
    await issue.store(tx, 1)
    return { ...issue, result: 'done' }
  })
}

export type EnqueueResult =
  | { readonly result: 'created'; readonly number: number; readonly attempt: QueuedAttempt }
  | { readonly result: 'duplicate'; readonly number: number }
  | { readonly result: 'budget' | 'sweep-over' | 'not-found' }

/** Issues a config that a person asked for. Goes on while the sweep is running or paused; the controller makes the ticket. */
export async function enqueueConfig(
  database: Database,
  request: { readonly sweepId: SweepId; readonly config: Config; readonly repeat: boolean; readonly by: string },
): Promise<EnqueueResult> {
  const trial: NewTrial = { config: request.config, source: 'user', reason: `enqueued by ${request.by}` }
  return database.tx(async (tx) => {
    const [change, issued] = await begin(tx, request.sweepId, [trial])
    if (change === undefined) return { result: 'not-found' }
    const { state, fact_seq } = change.sweep
    if (state !== 'running' && state !== 'paused') return { result: 'sweep-over' }
    const issue = new Issue(change, issued, fact_seq, request.repeat)
    issue.add(trial, 0)
    const refused = issue.refused[0]
    if (refused?.why === 'duplicate') return { result: 'duplicate', number: refused.number }
    const attempt = issue.created[0]
    if (attempt === undefined) return { result: 'budget' }
    await issue.store(tx, 0)
    return { result: 'created', number: attempt.number, attempt: { ...attempt, tickets: 0 } }
  })
}

/** Issues the first configs of a sweep within the transaction that makes it, and stores the change; the controller makes the tickets. */
export async function issueFirst(tx: Queryable, change: SweepChange, trials: readonly NewTrial[]): Promise<void> {
  const issue = new Issue(change, new Map(), change.sweep.fact_seq + 1, true)
  for (const [index, trial] of trials.entries()) issue.add(trial, index)
  if (issue.refused.length > 0) throw new Error(`the budget of sweep ${change.sweep.id} is below its first trials`)
  await issue.store(tx, 0)
}

/** The order is there for the index that has it: another would do for few trials. */
const ISSUED = {
  name: 'trials-issued',
  text: `select n.hash, issued.replicate, issued.number
           from unnest($2::text[]) as n (hash)
           cross join lateral (
             select max(replicate) as replicate, min(number) as number from (
               select replicate, number from trials
                where sweep_id = $1 and hash = n.hash order by sweep_id, hash, replicate) t) issued
          where issued.replicate is not null`,
}

interface Issued {
  readonly hash: string
  readonly replicate: number
  readonly number: number
}

/** Locks the sweep and finds out which of the configs it has issued already, in one round trip. */
async function begin(
  tx: Queryable,
  sweepId: SweepId,
  trials: readonly NewTrial[],
): Promise<[SweepChange | undefined, Map<string, Issued>]> {
  const hashes = trials.map((trial) => configHash(trial.config))
  const [change, issued] = await Promise.all([
    SweepChange.begin(tx, sweepId),
    tx.query<Issued>(ISSUED, [sweepId, hashes]),
  ])
  return [change, new Map(issued.rows.map((row) => [row.hash, row]))]
}

/** The newest checkpoints of the trials that new ones go on from, by their number. */
async function checkpointsOf(
  tx: Queryable,
  sweepId: SweepId,
  trials: readonly NewTrial[],
): Promise<ReadonlyMap<number, Checkpoint>> {
  const parents = trials.flatMap(({ parent }) => (parent === undefined ? [] : [parent]))
  if (parents.length === 0) return new Map()
  const { rows } = await tx.query<{ number: number; checkpoint: unknown }>(
    {
      name: 'trials-checkpoints',
      text: `select number, checkpoint from trials
              where sweep_id = $1 and number = any($2) and checkpoint is not null`,
    },
    [sweepId, parents],
  )
  return new Map(rows.map(({ number, checkpoint }) => [number, Checkpoint.parse(checkpoint)]))
}

const INSERT = {
  name: 'trials-insert',
  text: `with list as materialized (
           select *, nextval(pg_get_serial_sequence('runs', 'key')) as run_key from jsonb_to_recordset($2::jsonb)
             as x (number int, config jsonb, hash text, replicate int, source text, reason text, parent int,
                     checkpoint jsonb, params jsonb)),
         stored as (
           insert into trials (sweep_id, number, config, hash, replicate, source, reason, parent, checkpoint)
           select $1, number, config, hash, replicate, source, reason, parent, checkpoint from list),
         tracked as (
           insert into runs (key, id, experiment_id, sweep_id, trial, params) overriding system value
           select run_key, $1 || '-' || number, $1, $1, number, coalesce(params, config) from list)
         insert into attempts (id, sweep_id, trial, number, run_key, queue_name, restore, tickets, ticketed_at)
         select $1 || '-' || number || '-1', $1, number, 1, run_key, $3, checkpoint, $4::int,
                case when $4::int > 0 then now() end
           from list`,
}

/** Configs being issued within one transaction. */
class Issue {
  readonly created: (QueuedAttempt & { number: number; index: number })[] = []
  readonly refused: Refused[] = []
  readonly #rows: unknown[] = []

  readonly #change: SweepChange
  readonly #issued: Map<string, Issued>
  readonly #basis: number
  readonly #repeat: boolean

  constructor(change: SweepChange, issued: Map<string, Issued>, basis: number, repeat: boolean) {
    this.#change = change
    this.#issued = issued
    this.#basis = basis
    this.#repeat = repeat
  }

  /** @param checkpoint what the trial goes on from, until it has saved one of its own */
  add(trial: NewTrial, index: number, checkpoint?: Checkpoint): void {
    const { sweep } = this.#change
    const hash = configHash(trial.config)
    const before = this.#issued.get(hash)
    const isExpected = trial.replicate !== undefined && trial.replicate === (before?.replicate ?? -1) + 1
    if (before !== undefined && !this.#repeat && !isExpected) {
      this.refused.push({ index, why: 'duplicate', number: before.number })
      return
    }
    const number = sweep.created_trials + this.created.length + 1
    if (sweep.budget_trials !== null && number > sweep.budget_trials) {
      this.refused.push({ index, why: 'budget' })
      return
    }
    const replicate = before === undefined ? 0 : before.replicate + 1
    const reason = plainText(trial.reason)
    this.#issued.set(hash, { hash, replicate, number: before?.number ?? number })
    const { config, source, parent } = trial
    // Most configs are flat, and need not be sent twice.
    const isFlat = Object.values(config).every((value) => typeof value !== 'object' || value === null)
    const params = isFlat ? undefined : flattenParams(config)
    this.#rows.push({ number, config, hash, replicate, source, reason, parent, checkpoint, params })
    const attempt = attemptId(sweep.id, number, 1)
    this.created.push({ attemptId: attempt, queueName: ticketQueue(sweep), tickets: 1, number, index })
    this.#change.fact(createdFact(trial, number, this.#basis, checkpoint?.step), {
      kind: 'attempt-queued',
      trial: number,
      attempt: 1,
      reason: `first attempt${whereFrom(trial, checkpoint?.step)}`,
    })
    this.#change.move(undefined, 'queued')
    this.#change.admit()
  }

  async store(tx: Queryable, tickets: 0 | 1): Promise<void> {
    if (this.#rows.length === 0) return
    const { sweep } = this.#change
    await Promise.all([
      tx.query(INSERT, [sweep.id, jsonText(this.#rows), ticketQueue(sweep), tickets]),
      this.#change.store(tx),
    ])
  }
}

function createdFact(trial: NewTrial, number: number, basis: number, step: number | undefined): FactBody {
  const { config, source, reason, draw, parent } = trial
  const fact = { kind: 'trial-created' as const, trial: number, config, source, basis, reason }
  const from = parent === undefined ? {} : { parent: { trial: parent, ...(step === undefined ? {} : { step }) } }
  return { ...fact, ...(draw === undefined ? {} : { draw }), ...from }
}

function whereFrom({ parent }: NewTrial, step: number | undefined): string {
  if (parent === undefined) return ''
  return step === undefined
    ? `, from the beginning, because trial ${parent} had saved no checkpoint`
    : `, from the checkpoint of step ${step} of trial ${parent}`
}

export type RequeueResult =
  | { readonly result: 'requeued'; readonly attempt: QueuedAttempt }
  | { readonly result: 'refused'; readonly state: TrialState }
  | { readonly result: 'sweep-over' | 'not-found' }

const REQUEUE = {
  name: 'trial-requeue',
  text: `with requeued as (
           update trials set state = 'queued', attempts = attempts + 1, user_failures = 0, lost_failures = 0,
                  failure = null, end_reason = null, ended_at = null, loss = $4
            where sweep_id = $1 and number = $2 and state = any($3)
            returning sweep_id, number, attempts, checkpoint)
         insert into attempts (id, sweep_id, trial, number, run_key, queue_name, restore)
         select r.id || '-' || q.attempts, q.sweep_id, q.number, q.attempts, r.key, $5, q.checkpoint
           from requeued q join runs r on r.id = q.sweep_id || '-' || q.number
         returning number`,
}

/**
 * A person asks for a failed or cancelled trial once more, or for a paused one to go on. Failure counts start anew; the
 * controller makes the ticket.
 */
export async function requeueTrial(
  database: Database,
  request: { readonly sweepId: SweepId; readonly trial: number; readonly by: string },
): Promise<RequeueResult> {
  return database.tx(async (tx) => {
    const { sweepId, trial, by } = request
    const [change, found] = await Promise.all([
      SweepChange.begin(tx, sweepId),
      tx.query<{ state: TrialState; attempts: number; value: number | null; infeasible: boolean }>(
        {
          name: 'trial-state',
          text: 'select state, attempts, value, infeasible from trials where sweep_id = $1 and number = $2',
        },
        [sweepId, trial],
      ),
    ])
    const row = found.rows[0]
    if (change === undefined || row === undefined) return { result: 'not-found' }
    const { sweep } = change
    if (sweep.state !== 'running' && sweep.state !== 'paused') return { result: 'sweep-over' }
    const event = row.state === 'paused' ? 'resume' : 'retry'
    // A running trial may be retried too, but by its attempt's end and not by hand.
    if (row.state === 'running' || nextState(row.state, event) === undefined) {
      return { result: 'refused', state: row.state }
    }
    const number = row.attempts + 1
    const allowed = statesAllowing(event).filter((state) => state !== 'running')
    const loss = lossOf(sweep.metric_goal, row.value)
    const { rowCount } = await tx.query(REQUEUE, [sweepId, trial, allowed, loss, ticketQueue(sweep)])
    if (rowCount !== 1) throw new Error(`trial ${sweepId}-${trial} changed under the sweep's lock`)
    change.move(row.state, 'queued')
    // What it had reported before it failed counts again.
    if (loss !== null && row.value !== null && !row.infeasible) change.offerBest(trial, row.value, loss)
    change.fact(
      { kind: 'trial-requeued', trial, by },
      { kind: 'attempt-queued', trial, attempt: number, reason: `${event} asked by ${by}` },
    )
    await change.store(tx)
    const attempt = { attemptId: attemptId(sweepId, trial, number), queueName: ticketQueue(sweep), tickets: 0 }
    return { result: 'requeued', attempt }
  })
}

export async function getTrial(
  database: Queryable,
  sweepId: SweepId,
  number: number,
): Promise<TrialRecord | undefined> {
  const { rows } = await database.query<TrialRow>(
    {
      name: 'trial-get',
      text: `select ${TRIAL_COLUMNS} from trials t ${TRIAL_JOINS} where t.sweep_id = $1 and t.number = $2`,
    },
    [sweepId, number],
  )
  return rows[0] && trialRecord(rows[0])
}

/** Those of these numbers that there are, in no order. */
export async function trialsByNumber(
  database: Queryable,
  sweepId: SweepId,
  numbers: readonly number[],
): Promise<TrialRecord[]> {
  const { rows } = await database.query<TrialRow>(
    {
      name: 'trials-by-number',
      text: `select ${TRIAL_COLUMNS} from trials t ${TRIAL_JOINS} where t.sweep_id = $1 and t.number = any($2)`,
    },
    [sweepId, numbers],
  )
  return rows.map(trialRecord)
}

/** By number, ascending. */
export async function listTrials(
  database: Queryable,
  request: {
    readonly sweepId: SweepId
    readonly states?: readonly TrialState[]
    readonly afterNumber?: number
    /** 100 when absent. */
    readonly limit?: number
  },
): Promise<TrialRecord[]> {
  const { rows } = await database.query<TrialRow>(
    {
      name: 'trial-list',
      text: `select ${TRIAL_COLUMNS} from trials t ${TRIAL_JOINS}
              where t.sweep_id = $1 and t.number > $2 and t.state = any($3) order by t.number limit $4`,
    },
    [request.sweepId, request.afterNumber ?? 0, request.states ?? TRIAL_STATES, request.limit ?? 100],
  )
  return rows.map(trialRecord)
}
