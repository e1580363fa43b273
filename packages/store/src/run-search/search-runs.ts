import { SweepError } from '@sweep/spec/errors'
import { FILTER_LIMITS, type Filter, type OrderTerm } from '@sweep/spec/filter/filter'
import { printOrder } from '@sweep/spec/filter/print-filter'
import type { ExperimentId } from '@sweep/spec/ids'
import { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { plainText } from '../json-text.ts'
import { nameIdsOf } from '../metric-names.ts'
import { isOutOfRoom, isTimeout } from '../store-error.ts'
import { RUN_PARAMS, RUN_TABLES, type RunRecord, type RunRow, runColumns, runRecord } from '../tracking/run-record.ts'
import { SEARCHED_TABLES, type SqlContext } from './field-sql.ts'
import { asksJoined, filterSql, metricsOf } from './filter-sql.ts'
import { type MetricsRecord, metricsOfRuns } from './metrics-of-runs.ts'
import { firstEntriesSql, type OrderSql, orderSql, type Position } from './order-sql.ts'
import { planFreely } from './plan-freely.ts'
import { SqlParameters } from './sql-parameters.ts'

export interface RunSearch {
  readonly filter?: Filter | undefined
  /** Newest first when absent or empty. */
  readonly order?: readonly OrderTerm[] | undefined
  readonly experimentId?: ExperimentId | undefined
  /** Name of a project. */
  readonly project?: string | undefined
  /** Names of the metrics that come along; none when absent. */
  readonly metrics?: readonly string[] | 'all' | undefined
  /** Names of the params and tags that come along; all when absent. */
  readonly params?: readonly string[] | 'all' | undefined
  readonly tags?: readonly string[] | 'all' | undefined
  /** Those that are not deleted when absent. */
  readonly deleted?: 'only' | 'include' | 'exclude' | undefined
  /** Those that are not archived when absent. */
  readonly archived?: 'only' | 'include' | 'exclude' | undefined
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string | undefined
  /** Longest that a statement may take; ten seconds when absent. */
  readonly mostMs?: number
}

/** Who asks for the impossible holds no connection for longer. */
const MOST_MS = 10_000

/** Of Postgres, for a search through all runs; it starts none for one that an index answers. */
const WORKERS = 2

export interface FoundRun extends RunRecord {
  readonly metrics: MetricsRecord
}

export interface RunSearchPage {
  readonly runs: readonly FoundRun[]
  /** Pass as `after` for the next page; null on the last. */
  readonly next: string | null
}

/** The order, so that it is noticed when a cursor comes with another one, and where the page ended; see `Position`. */
const Cursor = z.tuple([
  z.string(),
  z.array(z.string().nullable()).max(FILTER_LIMITS.order),
  z.int().nonnegative(),
  z.string().regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+[+-][0-9:]+$/),
])

/** The place of a run in the order; the run itself is read for the page alone. */
interface Placed {
  readonly key: number
  readonly place: readonly (string | null)[]
}

/**
 * Runs that a filter means, in an order; those without a value for it come last, where NaN is no value. Pages don't
 * overlap and leave nothing out, whatever is added meanwhile; a run whose own values change between two pages may be on
 * both or on neither.
 *
 * @throws SweepError `invalid-request` for an `after` that is no cursor of this order, and for a search that takes too long
 */
export async function searchRuns(database: Database, search: RunSearch): Promise<RunSearchPage> {
  const order = search.order ?? []
  const after = search.after === undefined ? undefined : readCursor(search.after, order)
  const { placed, next } = await place(database, search, order, after)
  // By key, through indexes: that is planned as statements are elsewhere.
  return { runs: await withMetrics(database, placed, search), next }
}

async function place(
  database: Database,
  search: RunSearch,
  order: readonly OrderTerm[],
  after: Position | undefined,
): Promise<{ placed: readonly Placed[]; next: string | null }> {
  const { mostMs = MOST_MS } = search
  const isByJoin = search.filter !== undefined && asksJoined(search.filter)
  const placeWith = (workers: number) =>
    database.tx(async (tx) => {
      const [time, nameIds] = await Promise.all([planFreely(tx, { mostMs, workers }), searchedNames(tx, search)])
      const known = { nameIds, now: after?.now ?? time }
      const context = () => ({ parameters: new SqlParameters(), ...known })
      const [quick, whole] = [context(), context()]
      const first = firstEntriesSql({ order, after, isByJoin }, quick)
      const early = first === undefined ? [] : await pageOf(tx, search, first, quick)
      const found =
        early.length > search.limit
          ? early
          : await pageOf(tx, search, orderSql({ order, after, isByJoin }, whole), whole)
      const shown = found.slice(0, search.limit)
      const last = shown.at(-1)
      const isMore = found.length > search.limit && last !== undefined
      return {
        placed: shown,
        next: isMore ? cursorText(order, { values: last.place, key: last.key, now: known.now }) : null,
      }
    })
  // What workers share lies in /dev/shm, which is tiny in many containers.
  const work = placeWith(WORKERS).catch((error: unknown) => {
    if (!isOutOfRoom(error)) throw error
    return placeWith(0)
  })
  return work.catch((error: unknown) => {
    if (!isTimeout(error)) throw error
    throw new SweepError('invalid-request', `the search takes longer than ${mostMs / 1000} s`, {
      hint: 'Name an experiment or a project, or fewer alternatives.',
      cause: error,
    })
  })
}

/** Where the runs of a page stand, and one more if there is one. */
async function pageOf(tx: Queryable, search: RunSearch, order: OrderSql, context: SqlContext): Promise<Placed[]> {
  const { parameters } = context
  const conditions = [...scopeSql(search, parameters), ...order.conditions]
  if (search.filter !== undefined) conditions.push(filterSql(search.filter, context))
  const text = `select r.key, ${order.columns} from ${SEARCHED_TABLES} ${order.joins}
                 where ${conditions.join(' and ')} order by ${order.orderBy} limit ${parameters.add(search.limit + 1, 'int8')}`
  return (await tx.query<Placed>(text, parameters.values)).rows
}

async function withMetrics(database: Database, placed: readonly Placed[], search: RunSearch): Promise<FoundRun[]> {
  const keys = placed.map(({ key }) => key)
  const [runs, metrics] = await Promise.all([
    runsByKey(database, keys, search),
    metricsOfRuns(database, keys, search.metrics ?? []),
  ])
  return runs.map((run) => ({ ...run, metrics: metrics.get(run.key) ?? {} }))
}

/** Of an object those members that are wanted; all of it where that is null. */
function membersSql(object: string, wanted: string): string {
  return `case when ${wanted} is null then ${object} else coalesce((select jsonb_object_agg(one.key, one.value)
            from jsonb_each(${object}) one where one.key = any(${wanted})), '{}') end`
}

const BY_KEY = {
  name: 'runs-by-key',
  text: `select ${runColumns(membersSql(RUN_PARAMS, '$2::text[]'), membersSql('r.tags', '$3::text[]'))}
           from ${RUN_TABLES} where r.key = any($1::int8[])`,
}

/** In the order of the keys. */
async function runsByKey(database: Queryable, keys: readonly number[], search: RunSearch): Promise<RunRecord[]> {
  if (keys.length === 0) return []
  const wanted = [search.params, search.tags].map((names = 'all') => (names === 'all' ? null : names.map(plainText)))
  const { rows } = await database.query<RunRow>(BY_KEY, [keys, ...wanted])
  const byKey = new Map(rows.map((row) => [row.key, row]))
  return keys.flatMap((key) => {
    const row = byKey.get(key)
    return row === undefined ? [] : [runRecord(row)]
  })
}

function scopeSql({ experimentId, project, deleted, archived }: RunSearch, parameters: SqlParameters): string[] {
  const conditions = ['true']
  if (experimentId !== undefined) conditions.push(`r.experiment_id = ${parameters.add(experimentId, 'text')}`)
  if (project !== undefined) conditions.push(`p.name = ${parameters.add(plainText(project), 'text')}`)
  if (deleted !== 'include') conditions.push(`r.deleted_at is ${deleted === 'only' ? 'not null' : 'null'}`)
  if (archived !== 'include') conditions.push(`r.archived_at is ${archived === 'only' ? 'not null' : 'null'}`)
  return conditions
}

async function searchedNames(tx: Queryable, { filter, order = [] }: RunSearch): Promise<Map<string, number>> {
  const ordered = order.flatMap(({ field }) => (field.kind === 'metric' ? [plainText(field.name)] : []))
  return nameIdsOf(tx, [...(filter === undefined ? [] : metricsOf(filter)), ...ordered])
}

function cursorText(order: readonly OrderTerm[], { values, key, now }: Position): string {
  const cursor: z.infer<typeof Cursor> = [printOrder(order), [...values], key, now]
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

function readCursor(text: string, order: readonly OrderTerm[]): Position {
  try {
    const [printed, values, key, now] = Cursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
    if (printed === printOrder(order) && values.length === order.length) return { values, key, now }
  } catch {
    // Said below, together with a cursor of another order.
  }
  throw new SweepError('invalid-request', 'after: is not a cursor of this search', {
    hint: 'Pass on the `next` of the page before, with the same order, or leave it out.',
  })
}
