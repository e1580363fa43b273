import type { OrderTerm } from '@sweep/spec/filter/filter'
import { plainText } from '../json-text.ts'
import { type OrderValue, orderValue, type SqlContext, SUMMARY_COLUMNS } from './field-sql.ts'

/** Where a page ended: the values of its last run as Postgres writes them, null where missing, and its key. */
export interface Position {
  readonly values: readonly (string | null)[]
  readonly key: number
  /** When the search began; see `SqlContext.now`. */
  readonly now: string
}

export interface OrderSql {
  readonly joins: string
  readonly conditions: readonly string[]
  readonly orderBy: string
  /** The values of a run, for the position. */
  readonly columns: string
}

interface Term extends OrderValue {
  readonly descending: boolean
}

export interface SearchOrder {
  /** The newest first when empty. */
  readonly order: readonly OrderTerm[]
  readonly after: Position | undefined
  /** Whether what is wanted shows only once other tables were looked up; see `asksJoined`. */
  readonly isByJoin: boolean
}

/**
 * Runs without a value come last. Runs with equal values follow one another by age, the newest first unless the order
 * begins with something ascending: so the index over a metric gives its order in both directions.
 */
export function orderSql({ order, after, isByJoin }: SearchOrder, context: SqlContext): OrderSql {
  const terms = order.map(({ field, descending }, n): Term => {
    return { ...orderValue(field, `o${n}`, context), descending }
  })
  return {
    joins: terms.map(({ join }) => join).join(' '),
    conditions: after === undefined ? [] : [afterSql(terms, after, context)],
    orderBy: [
      ...terms.map((term) => `${collated(term)} ${term.descending ? 'desc' : 'asc'} nulls last`),
      // With nothing added, as to metrics, no index is walked in hope.
      `${isByJoin ? '(r.key + 0)' : 'r.key'} ${keyDirection(order)}`,
    ].join(', '),
    columns: placeSql(terms),
  }
}

/** As many of an index' entries are looked at before it is given up that they make a page. */
const ENTRIES = 2000

/**
 * For the order by age or by the newest value of one metric: only the runs that come first in it, of which a filter may
 * leave too few. Postgres would look up run after run until a page is full, though there be no such run.
 * @returns undefined for other orders, and for a page among the runs without a value
 */
export function firstEntriesSql({ order, after, isByJoin }: SearchOrder, context: SqlContext): OrderSql | undefined {
  const [first, ...others] = order
  if (first === undefined) return isByJoin ? newestSql(after, context) : undefined
  if (others.length > 0) return undefined
  return firstByMetricSql(first, after, context)
}

function newestSql(after: Position | undefined, { parameters }: SqlContext): OrderSql {
  const older = after === undefined ? '' : `where n.key < ${parameters.add(after.key, 'int8')}`
  return {
    joins: `join (select n.key from runs n ${older} order by n.key desc limit ${ENTRIES}) newest on newest.key = r.key`,
    conditions: [],
    orderBy: 'r.key desc',
    columns: placeSql([]),
  }
}

function firstByMetricSql(
  { field, descending }: OrderTerm,
  after: Position | undefined,
  { parameters, nameIds }: SqlContext,
): OrderSql | undefined {
  if (field.kind !== 'metric' || field.summary !== 'last' || after?.values[0] === null) return undefined
  const id = parameters.add(nameIds.get(plainText(field.name)) ?? -1, 'int4')
  const [value, key] = [`m.${SUMMARY_COLUMNS.last}`, 'm.run_key']
  const direction = descending ? 'desc' : 'asc'
  const conditions = [`m.name_id = ${id}`, `${value} < 'NaN'`]
  if (after !== undefined) {
    const place = [parameters.add(after.values[0], 'float8'), parameters.add(after.key, 'int8')]
    conditions.push(`(${value}, ${key}) ${descending ? '<' : '>'} (${place.join(', ')})`)
  }
  return {
    joins: `join (select ${key}, ${value} from run_metrics m where ${conditions.join(' and ')}
                   order by ${value} ${direction}, ${key} ${direction} limit ${ENTRIES}) o0 on o0.run_key = r.key`,
    conditions: [],
    orderBy: `o0.${SUMMARY_COLUMNS.last} ${direction}, r.key ${direction}`,
    columns: placeSql([{ sql: `o0.${SUMMARY_COLUMNS.last}` }]),
  }
}

/** Part by part: beyond the value of the first, or at it and beyond that of the second, and so on. */
function afterSql(terms: readonly Term[], after: Position, { parameters }: SqlContext): string {
  const direction = keyDirection(terms)
  const beyondKey = `r.key ${direction === 'asc' ? '>' : '<'} ${parameters.add(after.key, 'int8')}`
  return terms.reduceRight((inner, term, n) => {
    const value = after.values[n] ?? null
    if (value === null) return `(${term.sql} is null and ${inner})`
    const sql = collated(term)
    const place = parameters.add(value, term.type)
    return `(${sql} ${term.descending ? '<' : '>'} ${place} or ${term.sql} is null or (${sql} = ${place} and ${inner}))`
  }, beyondKey)
}

function keyDirection([first]: readonly { readonly descending: boolean }[]): 'asc' | 'desc' {
  return first === undefined || first.descending ? 'desc' : 'asc'
}

function placeSql(terms: readonly Pick<Term, 'sql'>[]): string {
  return `array[${terms.map(({ sql }) => `${sql}::text`).join(', ')}]::text[] as place`
}

/** Texts by code point, so that the order does not depend on where the database was made. */
function collated({ sql, type }: Pick<Term, 'sql' | 'type'>): string {
  return type === 'text' ? `${sql} collate "C"` : sql
}
