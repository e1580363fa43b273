import { assertNever } from '../assert-never.ts'
import type { Field, Filter, Moment, OrderTerm, Scalar } from './filter.ts'
import { typeOf } from './filter.ts'

/** Names and texts that are safe without quotes whatever stands beside them; fewer than the parser takes. */
const BARE = /^[A-Za-z_][A-Za-z0-9_/-]*(\.[A-Za-z0-9_/-]+)*$/

/** The text of a filter, which `parseFilter` reads as the same filter. */
export function printFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.parts.map((part) => printPart(part, filter.kind)).join(` ${filter.kind} `)
    case 'not':
      return `not ${printPart(filter.part, 'not')}`
    case 'exists':
    case 'missing':
      return `${printField(filter.field)} ${filter.kind}`
    case 'compare':
      return `${printField(filter.field)} ${filter.operator} ${printScalar(filter.value, filter.field)}`
    case 'time':
      return `${printField(filter.field)} ${filter.operator} ${printMoment(filter.value)}`
    case 'in': {
      const values = filter.values.map((value) => printScalar(value, filter.field))
      return `${printField(filter.field)} ${filter.negated ? 'not in' : 'in'} (${values.join(', ')})`
    }
    case 'text':
      return `${printField(filter.field)} ${filter.negated ? 'not ' : ''}${filter.operator} ${printText(filter.pattern)}`
    default:
      return assertNever(filter)
  }
}

/** The text of a field, which `parseField` reads as the same field; also its name as a column. */
export function printField(field: Field): string {
  if (field.kind === 'attribute') return field.name
  const name = BARE.test(field.name) ? field.name : `\`${field.name.replaceAll('`', '``')}\``
  const path = `${field.kind}s.${name}`
  return field.kind === 'metric' && field.summary !== 'last' ? `${field.summary}(${path})` : path
}

/** The text of an order, which `parseOrder` reads as the same order. */
export function printOrder(terms: readonly OrderTerm[]): string {
  return terms.map(({ field, descending }) => `${printField(field)} ${descending ? 'desc' : 'asc'}`).join(', ')
}

function printPart(filter: Filter, around: 'and' | 'or' | 'not'): string {
  const text = printFilter(filter)
  // An `and` inside an `or` would stand without them, but not everybody knows which of the two binds tighter.
  const isJoined = filter.kind === 'and' || filter.kind === 'or'
  return isJoined || (around === 'not' && filter.kind === 'not') ? `(${text})` : text
}

function printScalar(value: Scalar, field: Field): string {
  if (typeof value === 'string') return printText(value)
  if (typeof value === 'boolean') return String(value)
  if (typeOf(field) === 'duration') return `${value}ms`
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
}

function printText(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

function printMoment(moment: Moment): string {
  return moment.kind === 'ago' ? `-${moment.ms}ms` : `"${new Date(moment.ms).toISOString()}"`
}
