import type { Database, Queryable } from './database.ts'

const known = new WeakMap<Database, Map<string, number>>()
/** A process that has met more names than this starts its list anew; they are all in the database. */
const NAMES_KEPT = 100_000

/** The ids of names that this process has met; `undefined` for others. */
export function knownNames(database: Database): ReadonlyMap<string, number> {
  return known.get(database) ?? new Map()
}

/** Remembers ids; only once the transaction that may have made them has been committed. */
export function rememberNames(database: Database, ids: ReadonlyMap<string, number>): void {
  const before = known.get(database)
  const names = before === undefined || before.size > NAMES_KEPT ? new Map<string, number>() : before
  for (const [name, id] of ids) names.set(name, id)
  known.set(database, names)
}

const SELECT = { name: 'names-select', text: 'select name, id from metric_names where name = any($1)' }
const INSERT = {
  name: 'names-insert',
  text: 'insert into metric_names (name) select unnest($1::text[]) on conflict do nothing',
}

interface NameRow {
  readonly name: string
  readonly id: number
}

/** Ids of the names, given to those that have none yet. */
export async function nameIds(tx: Queryable, names: readonly string[]): Promise<Map<string, number>> {
  if (names.length === 0) return new Map()
  // In one order for everybody: two transactions that add the same names then wait for one another, not in a circle.
  const sorted = [...names].sort()
  const found = idsOf((await tx.query<NameRow>(SELECT, [sorted])).rows)
  const missing = sorted.filter((name) => !found.has(name))
  if (missing.length === 0) return found
  const [, added] = await Promise.all([tx.query(INSERT, [missing]), tx.query<NameRow>(SELECT, [missing])])
  return new Map([...found, ...idsOf(added.rows)])
}

/** Ids of those of the names that have one. */
export async function nameIdsOf(tx: Queryable, names: readonly string[]): Promise<Map<string, number>> {
  if (names.length === 0) return new Map()
  return idsOf((await tx.query<NameRow>(SELECT, [names])).rows)
}

function idsOf(rows: readonly NameRow[]): Map<string, number> {
  return new Map(rows.map((row) => [row.name, row.id]))
}

/** Names of the ids. */
export async function namesById(tx: Queryable, ids: readonly number[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map()
  const { rows } = await tx.query<NameRow>(
    { name: 'names-by-id', text: 'select name, id from metric_names where id = any($1)' },
    [ids],
  )
  return idsOf(rows)
}
