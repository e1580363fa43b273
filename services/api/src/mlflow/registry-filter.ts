import { SweepError } from '@sweep/spec/errors'
import { isLike } from './match-experiment.ts'

/** One comparison of a filter over registered models or their versions; MLflow joins them by `and` alone. */
export interface RegistryTerm {
  /** `name`, `run_id`, …, or `tags.NAME`. */
  readonly field: string
  readonly operator: RegistryOperator
  readonly values: readonly string[]
}
const OPERATORS = ['=', '!=', '<>', '<', '<=', '>', '>=', 'like', 'ilike', 'in', 'not in'] as const
type RegistryOperator = (typeof OPERATORS)[number]

const FIELD = /\s*(?:(tags?)\.)?(?:attributes?\.)?(?:`([^`]+)`|"([^"]+)"|([\w.-]+))\s*/y
const OPERATOR = /(<=|>=|!=|<>|=|<|>|not\s+in|ilike|like|in)\s*/iy
const VALUE = /(?:'([^']*)'|"([^"]*)"|(-?\d+(?:\.\d+)?))\s*/y
const OPEN = /\(\s*/y
const COMMA = /,\s*/y
const CLOSE = /\)\s*/y
const AND = /and\s+/iy
const MOST_TERMS = 100

/** @throws SweepError `invalid-request` */
export function parseRegistryFilter(text: string): RegistryTerm[] {
  const terms: RegistryTerm[] = []
  let at = 0
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  const expect = (pattern: RegExp, what: string) => {
    const match = take(pattern)
    if (match !== null) return match
    const where = at >= text.length ? 'at its end' : `at ${JSON.stringify(text.slice(at, at + 40))}`
    throw new SweepError('invalid-request', `filter: ${what} is missing ${where}`, {
      hint: "Write comparisons such as name LIKE 'resnet%' and tags.team = 'vision'.",
    })
  }
  const value = () => {
    const [, single, double, number] = expect(VALUE, 'a value in quotes')
    return single ?? double ?? number ?? ''
  }
  if (text.trim() === '') return terms
  do {
    const [, tags, back, double, plain] = expect(FIELD, 'a field')
    const name = back ?? double ?? plain ?? ''
    const operator = (expect(OPERATOR, 'an operator')[1] ?? '').toLowerCase().replace(/\s+/g, ' ') as RegistryOperator
    const values: string[] = []
    if (operator === 'in' || operator === 'not in') {
      expect(OPEN, 'a list in parentheses')
      do values.push(value())
      while (take(COMMA) !== null)
      expect(CLOSE, 'the end of the list')
    } else values.push(value())
    terms.push({ field: tags === undefined ? name : `tags.${name}`, operator, values })
    if (terms.length > MOST_TERMS)
      throw new SweepError('invalid-request', `filter: more than ${MOST_TERMS} comparisons`)
  } while (at < text.length && expect(AND, 'and'))
  return terms
}

/**
 * Whether something is meant by a filter.
 * @param fieldValue what it has of a field; undefined: nothing; throws for a field that nothing has
 */
export function matchesRegistry(
  terms: readonly RegistryTerm[],
  fieldValue: (field: string) => string | number | undefined,
): boolean {
  return terms.every(({ field, operator, values }) => {
    const value = fieldValue(field)
    if (value === undefined) return false
    return compares(value, operator, values)
  })
}

function compares(value: string | number, operator: RegistryOperator, values: readonly string[]): boolean {
  const [wanted = ''] = values
  const text = String(value)
  switch (operator) {
    case '=':
      return text === wanted
    case '!=':
    case '<>':
      return text !== wanted
    case 'like':
      return isLike(text, wanted)
    case 'ilike':
      return isLike(text.toLowerCase(), wanted.toLowerCase())
    case 'in':
      return values.includes(text)
    case 'not in':
      return !values.includes(text)
    default:
      return typeof value === 'number' && Number.isFinite(Number(wanted)) && isOrdered(value, operator, Number(wanted))
  }
}

function isOrdered(value: number, operator: '<' | '<=' | '>' | '>=', wanted: number): boolean {
  switch (operator) {
    case '<':
      return value < wanted
    case '<=':
      return value <= wanted
    case '>':
      return value > wanted
    case '>=':
      return value >= wanted
  }
}

/** MLflow keeps its prompts among models, by this tag; its clients leave them out of what they look for. */
const IS_PROMPT = 'mlflow.prompt.is_prompt'

/** The tag that `tags.NAME` names, for `matchesRegistry`. */
export function tagOf(tags: Readonly<Record<string, string>>, field: string): string | undefined {
  const name = field.slice('tags.'.length)
  return Object.hasOwn(tags, name) ? tags[name] : name === IS_PROMPT ? 'false' : undefined
}

/** Part of an order, such as `name ASC`. */
export interface RegistryOrder {
  readonly field: string
  readonly descending: boolean
}

/** @throws SweepError `invalid-request` for another field than one of these */
export function parseRegistryOrder(parts: readonly string[], fields: readonly string[]): RegistryOrder[] {
  return parts.map((part) => {
    const [, field = '', direction = ''] = /^\s*[`"]?([\w.]+)[`"]?(?:\s+(asc|desc))?\s*$/i.exec(part) ?? []
    if (!fields.includes(field)) {
      throw new SweepError('invalid-request', `order_by: can't order by ${JSON.stringify(part.slice(0, 100))}`, {
        hint: `There are ${fields.join(', ')}, each with ASC or DESC.`,
      })
    }
    return { field, descending: direction.toLowerCase() === 'desc' }
  })
}

/** For `sort`; by code units, so that the order is the same everywhere. */
export function compareBy<T>(order: readonly RegistryOrder[], fieldValue: (item: T, field: string) => string | number) {
  return (a: T, b: T): number => {
    for (const { field, descending } of order) {
      const [left, right] = [fieldValue(a, field), fieldValue(b, field)]
      if (left !== right) return left < right === descending ? 1 : -1
    }
    return 0
  }
}
