import { didYouMean } from '../did-you-mean.ts'
import {
  COMPARISONS,
  type Column,
  type Comparison,
  FILTER_LIMITS,
  type Field,
  type Filter,
  METRIC_SUMMARIES,
  type MetricSummary,
  type OrderTerm,
  type Scalar,
  TEXT_OPERATORS,
  type TextOperator,
  type TimeField,
  typeOf,
} from './filter.ts'
import { filterError, quoted } from './filter-error.ts'
import type { Token } from './filter-tokens.ts'
import { readField } from './read-field.ts'
import { readMoment, readScalar, readText } from './read-value.ts'
import { TokenReader } from './token-reader.ts'

const OPERATOR_WORDS = [...TEXT_OPERATORS, 'in', 'not', 'exists', 'missing', 'is'] as const
const OPERATORS_HINT = 'Operators are = != < <= > >= in, not in, like, ilike, contains, exists and missing.'
const SYMBOLS: ReadonlyMap<string, Comparison> = new Map([
  ...COMPARISONS.map((operator) => [operator, operator] as const),
  ['==', '='],
  ['<>', '!='],
])
const ALL_OF = new Map([
  ['metrics.*', 'metric'],
  ['params.*', 'param'],
  ['tags.*', 'tag'],
] as const) as ReadonlyMap<string, 'metric' | 'param' | 'tag'>
const FUNCTION = /^(min|max|last)$/i

/**
 * Reads `metrics.val_loss < 0.3 and params.optimizer = "adam"`; docs/tracking/search.md has the language.
 *
 * @throws SweepError `invalid-request` that says at which place what is wrong
 */
export function parseFilter(source: string): Filter {
  if (source.length > FILTER_LIMITS.text) {
    const span = { start: 0, end: 1 }
    throw filterError(source, span, `the filter is longer than ${FILTER_LIMITS.text} characters`)
  }
  const parser = new FilterParser(source)
  return parser.filter()
}

/**
 * Reads one field alone, such as `metrics.val_loss`, for a column or an order.
 *
 * @throws SweepError `invalid-request`
 */
export function parseField(source: string): Field {
  return new FilterParser(source).fieldAlone()
}

/**
 * Reads `metrics.val_loss, created desc`: ascending unless it says `desc`.
 *
 * @throws SweepError `invalid-request`
 */
export function parseOrder(source: string): OrderTerm[] {
  return new FilterParser(source).order()
}

/**
 * Reads `metrics.val_loss, params.*, tags.team`: what of the runs is wanted.
 *
 * @throws SweepError `invalid-request`
 */
export function parseColumns(source: string): Column[] {
  return new FilterParser(source).columns()
}

class FilterParser {
  readonly #source: string
  readonly #in: TokenReader
  #depth = 0
  #terms = 0
  #values = 0

  constructor(source: string) {
    this.#source = source
    this.#in = new TokenReader(source)
  }

  filter(): Filter {
    const filter = this.#any()
    if (this.#in.next.kind === 'end') return filter
    const isClosing = this.#in.next.value === ')' && this.#in.next.kind === 'symbol'
    const hint = isClosing ? 'There is no open parenthesis for it.' : 'Comparisons are joined by `and` or `or`.'
    throw this.#in.error(this.#in.next, `${quoted(this.#in.next.value)} does not belong here`, hint)
  }

  fieldAlone(): Field {
    const field = this.#field()
    if (this.#in.next.kind === 'end') return field
    throw this.#in.error(this.#in.next, `${quoted(this.#in.next.value)} does not belong here`)
  }

  order(): OrderTerm[] {
    const terms: OrderTerm[] = []
    do {
      if (terms.length === FILTER_LIMITS.order) {
        throw this.#in.error(this.#in.next, `an order has more than ${FILTER_LIMITS.order} parts`)
      }
      const field = this.#field()
      const descending = this.#in.takeWord('desc')
      if (!descending) this.#in.takeWord('asc')
      terms.push({ field, descending })
    } while (this.#in.takeSymbol(','))
    if (this.#in.next.kind === 'end') return terms
    const hint = 'An order is such as metrics.val_loss asc, created desc.'
    throw this.#in.error(this.#in.next, `${quoted(this.#in.next.value)} does not belong here`, hint)
  }

  columns(): Column[] {
    const columns: Column[] = []
    do {
      if (columns.length === FILTER_LIMITS.columns) {
        throw this.#in.error(this.#in.next, `there are more than ${FILTER_LIMITS.columns} columns`)
      }
      const all = this.#in.next.kind === 'word' ? ALL_OF.get(this.#in.next.value) : undefined
      if (all !== undefined) this.#in.take()
      columns.push(all === undefined ? this.#field() : { kind: 'all', of: all })
    } while (this.#in.takeSymbol(','))
    if (this.#in.next.kind === 'end') return columns
    throw this.#in.error(
      this.#in.next,
      `${quoted(this.#in.next.value)} does not belong here`,
      'Columns are separated by commas.',
    )
  }

  #any(): Filter {
    return this.#joined('or', () => this.#joined('and', () => this.#unary()))
  }

  #joined(kind: 'and' | 'or', read: () => Filter): Filter {
    const first = read()
    const parts = [first]
    while (this.#in.takeWord(kind)) parts.push(read())
    return parts.length === 1 ? first : { kind, parts }
  }

  #unary(): Filter {
    const { start } = this.#in.next
    if (this.#in.takeWord('not')) return this.#deeper(start, () => ({ kind: 'not', part: this.#unary() }))
    if (!this.#in.takeSymbol('(')) return this.#term()
    return this.#deeper(start, () => {
      const inner = this.#any()
      if (this.#in.takeSymbol(')')) return inner
      throw this.#in.error(
        this.#in.next,
        'the parenthesis is not closed here',
        'Comparisons are joined by `and` or `or`.',
      )
    })
  }

  #deeper<T>(start: number, read: () => T): T {
    this.#depth += 1
    if (this.#depth > FILTER_LIMITS.depth) {
      throw this.#in.error({ start, end: start + 1 }, `the filter is nested deeper than ${FILTER_LIMITS.depth} levels`)
    }
    const result = read()
    this.#depth -= 1
    return result
  }

  #term(): Filter {
    const begin = this.#in.next
    this.#terms += 1
    if (this.#terms > FILTER_LIMITS.terms) {
      throw this.#in.error(
        begin,
        `the filter has more than ${FILTER_LIMITS.terms} comparisons`,
        'Use `in` for many values.',
      )
    }
    const field = this.#field()
    const operator = this.#in.next
    if (operator.kind === 'symbol') return this.#comparison(field, operator)
    if (this.#in.takeWord('exists')) return { kind: 'exists', field }
    if (this.#in.takeWord('missing')) return { kind: 'missing', field }
    if (this.#in.takeWord('is')) return this.#isNull(field)
    const negated = this.#in.takeWord('not')
    if (this.#in.takeWord('in')) return this.#list(field, operator, negated)
    const word = this.#in.next.kind === 'word' ? this.#in.next.value.toLowerCase() : ''
    const found = TEXT_OPERATORS.find((known) => known === word)
    if (found !== undefined) return this.#text(field, found, negated)
    const { kind, value } = this.#in.next
    const meant = kind === 'word' ? didYouMean(value, OPERATOR_WORDS) : null
    const what = kind === 'end' ? 'the filter ends' : `${quoted(value)} stands`
    const hint = meant === null ? OPERATORS_HINT : `Did you mean ${quoted(meant)}?`
    throw this.#in.error(this.#in.next, `${what} where an operator should be`, hint)
  }

  #field(): Field {
    const token = this.#in.next
    const isCall = token.kind === 'word' && FUNCTION.test(token.value) && this.#in.afterNext?.value === '('
    if (isCall) return this.#summary()
    return this.#plainField('last')
  }

  /** `min(metrics.val_loss)`. */
  #summary(): Field {
    const summary = METRIC_SUMMARIES.find((known) => known === this.#in.next.value.toLowerCase()) as MetricSummary
    this.#in.take()
    this.#in.take()
    const inside = this.#in.next
    const field = this.#plainField(summary)
    if (field.kind !== 'metric') {
      throw this.#in.error(inside, `${summary}() takes a metric`, `Write ${summary}(metrics.NAME).`)
    }
    if (!this.#in.takeSymbol(')')) throw this.#in.error(this.#in.next, `${summary}( is not closed here`)
    return field
  }

  #plainField(summary: MetricSummary): Field {
    const token = this.#in.next
    if (token.kind !== 'word') {
      const what = token.kind === 'end' ? 'the filter ends' : `${quoted(token.value)} stands`
      const hint = token.kind === 'end' ? undefined : 'The field comes first: metrics.val_loss < 0.3.'
      throw this.#in.error(token, `${what} where a field should be`, hint)
    }
    this.#in.take()
    const behind = this.#in.next
    const isQuotedName =
      (behind.kind === 'name' || behind.kind === 'text') && behind.start === token.end && /^[^.]+\.$/.test(token.value)
    if (isQuotedName) this.#in.take()
    return readField(this.#source, token, isQuotedName ? behind : undefined, summary)
  }

  #comparison(field: Field, token: Token): Filter {
    const operator = SYMBOLS.get(token.value)
    if (operator === undefined) {
      throw this.#in.error(token, `${quoted(token.value)} stands where an operator should be`, OPERATORS_HINT)
    }
    this.#in.take()
    const value = this.#in.take()
    const type = typeOf(field)
    if (type === 'time') {
      return { kind: 'time', field: field as TimeField, operator, value: readMoment(this.#source, value) }
    }
    const scalar = readScalar(this.#source, value, type)
    const isOrder = operator !== '=' && operator !== '!='
    if (isOrder && typeof scalar !== 'number') {
      const hint =
        type === 'tag'
          ? 'Tags are texts; compare them with =, !=, in, like or contains.'
          : 'Texts are compared with =, !=, in, like or contains.'
      throw this.#in.error(token, `${token.value} compares numbers only`, hint)
    }
    return { kind: 'compare', field, operator, value: scalar }
  }

  #list(field: Field, operator: Token, negated: boolean): Filter {
    const type = typeOf(field)
    if (type === 'time') throw this.#in.error(operator, 'a time is in no list', 'Compare it with <, <=, > or >=.')
    if (!this.#in.takeSymbol('(')) {
      throw this.#in.error(this.#in.next, 'the values of `in` stand in parentheses', 'Write in ("adam", "sgd").')
    }
    const values: Scalar[] = []
    do {
      this.#values += 1
      if (this.#values > FILTER_LIMITS.values) {
        throw this.#in.error(this.#in.next, `the lists of the filter have more than ${FILTER_LIMITS.values} values`)
      }
      values.push(readScalar(this.#source, this.#in.take(), type))
    } while (this.#in.takeSymbol(','))
    if (this.#in.takeSymbol(')')) return { kind: 'in', field, negated, values }
    throw this.#in.error(this.#in.next, 'the list is not closed here', 'Values are separated by commas.')
  }

  #text(field: Field, operator: TextOperator, negated: boolean): Filter {
    const type = typeOf(field)
    if (type !== 'text' && type !== 'tag' && type !== 'param') {
      throw this.#in.error(this.#in.next, `${operator} looks into texts, and this is none`)
    }
    this.#in.take()
    return { kind: 'text', field, operator, negated, pattern: readText(this.#source, this.#in.take()) }
  }

  /** MLflow's and SQL's `is null` and `is not null`. */
  #isNull(field: Field): Filter {
    const negated = this.#in.takeWord('not')
    if (this.#in.takeWord('null')) return { kind: negated ? 'exists' : 'missing', field }
    throw this.#in.error(this.#in.next, '`is` is followed by `null` or `not null`', 'Values are compared with =.')
  }
}
