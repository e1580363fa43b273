import type { OrderTerm } from '@sweep/spec/filter/filter'
import { type OrderValue, orderValue, type SqlContext } from './field-sql.ts'
import type { SqlParameters } from './sql-parameters.ts'

/**
 * Where a page ended: whether its last run had a value for the first part of the order, its values as Postgres writes
 * them (null where missing), and its key.
 */
export interface Position {
  readonly isPresent: boolean
  readonly values: readonly (string | null)[]
  readonly key: number
  /** When the search began; see `SqlContext.now`. */
  readonly now: string
}

/** One range of an order: the runs that have a value for its first part, or the others, which come after them. */
export interface OrderSql {
  readonly joins: string
  readonly conditions: readonly string[]
  readonly orderBy: string
  /** The values of the last run of a page, for its position. */
  readonly columns: string
}

interface Term extends OrderValue {
  readonly descending: boolean
}

/**
 * Runs with equal values follow one another by age, the newest first unless the order begins with something ascending:
 * so an index over a metric gives its whole order, in both directions.
 */
export function orderSql(
  order: readonly OrderTerm[],
  isPresent: boolean,
  after: Position | undefined,
  context: SqlContext,
): OrderSql {
  const { parameters } = context
  const terms = order.map(({ field, descending }, n): Term => {
    return { ...orderValue(field, `o${n}`, context), descending }
  })
  const [first, ...rest] = terms
  const keyDirection = first === undefined || first.descending ? 'desc' : 'asc'
  const joins = terms.map((term, n) => term.join(n === 0 && isPresent))
  const conditions = first === undefined ? [] : [`${first.sql} is ${isPresent ? 'not null' : 'null'}`]
  const sorted = isPresent || first === undefined ? terms : rest
  if (after !== undefined) conditions.push(...afterSql(sorted, isPresent, after, keyDirection, parameters))
  return {
    joins: joins.join(' '),
    conditions,
    orderBy: [
      ...sorted.map(({ sql, type, descending }, n) => {
        // What is never null needs no place for nulls, and an index has none other than its own.
        const nulls = isPresent && n === 0 ? '' : ' nulls last'
        return `${collated(sql, type)} ${descending ? 'desc' : 'asc'}${nulls}`
      }),
      `r.key ${keyDirection}`,
    ].join(', '),
    columns: `array[${terms.map(({ sql }) => `${sql}::text`).join(', ')}]::text[] as place`,
  }
}

function afterSql(
  terms: readonly Term[],
  isPresent: boolean,
  after: Position,
  keyDirection: 'asc' | 'desc',
  parameters: SqlParameters,
): string[] {
  // The values belong to the last terms: where the first is missing it is not compared.
  const values = after.values.slice(after.values.length - terms.length)
  const beyondKey = `r.key ${keyDirection === 'asc' ? '>' : '<'} ${parameters.add(after.key, 'int8')}`
  const [first] = terms
  const [value] = values
  const conditions: string[] = []
  if (isPresent && first !== undefined && value !== undefined && value !== null) {
    // Follows from what comes next, and is a range of an index.
    const sql = collated(first.sql, first.type)
    conditions.push(`${sql} ${first.descending ? '<=' : '>='} ${parameters.add(value, first.type)}`)
  }
  const beyond = terms.reduceRight((inner, term, n) => {
    const at = values[n] ?? null
    if (at === null) return `(${term.sql} is null and ${inner})`
    const sql = collated(term.sql, term.type)
    const place = parameters.add(at, term.type)
    const parts = [`${sql} ${term.descending ? '<' : '>'} ${place}`, `(${sql} = ${place} and ${inner})`]
    if (!(isPresent && n === 0)) parts.push(`${term.sql} is null`)
    return `(${parts.join(' or ')})`
  }, beyondKey)
  return [...conditions, beyond]
}

/** Texts by code point, so that the order does not depend on where the database was made. */
function collated(sql: string, type: OrderValue['type']): string {
  return type === 'text' ? `${sql} collate "C"` : sql
}
