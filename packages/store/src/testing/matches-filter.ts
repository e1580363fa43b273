import { assertNever } from '@sweep/spec/assert-never'
import type {
  AttributeName,
  Comparison,
  Field,
  Filter,
  OrderTerm,
  Scalar,
  TextOperator,
} from '@sweep/spec/filter/filter'
import type { Json } from '@sweep/spec/number'
import { jsonAlternatives } from '../run-search/filter-sql.ts'
import type { RunRecord } from '../tracking/run-record.ts'

/** A run with what it has measured; min and max are null where there is nothing but NaN. */
export interface SearchedRun extends RunRecord {
  readonly metrics: Readonly<Record<string, { last: number; min: number | null; max: number | null }>>
}

/** What a filter means, said once more and without SQL: docs/tracking/search.md. */
export function matchesFilter(run: SearchedRun, filter: Filter, now: number): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.parts.every((part) => matchesFilter(run, part, now))
    case 'or':
      return filter.parts.some((part) => matchesFilter(run, part, now))
    case 'not':
      return !matchesFilter(run, filter.part, now)
    case 'exists':
      return valuesOf(run, filter.field, now).length > 0
    case 'missing':
      return valuesOf(run, filter.field, now).length === 0
    case 'time': {
      const { value } = filter
      return compares(run, filter.field, filter.operator, value.kind === 'at' ? value.ms : now - value.ms, now)
    }
    case 'compare':
      return compares(run, filter.field, filter.operator, filter.value, now)
    case 'in': {
      const values = valuesOf(run, filter.field, now)
      const isIn = filter.values.some((value) => values.some((one) => isSame(filter.field, one, value)))
      return values.length > 0 && isIn !== filter.negated
    }
    case 'text': {
      const values = valuesOf(run, filter.field, now)
      if (filter.negated && filter.field.kind === 'param' && typeof values[0] !== 'string') return false
      const isMatch = values.some((one) => typeof one === 'string' && matchesText(one, filter.operator, filter.pattern))
      return values.length > 0 && isMatch !== filter.negated
    }
    default:
      return assertNever(filter)
  }
}

/** The runs in an order, those without a value last; ties as `searchRuns` breaks them. */
export function inOrder(runs: readonly SearchedRun[], order: readonly OrderTerm[], now: number): SearchedRun[] {
  const direction = order[0] === undefined || order[0].descending ? -1 : 1
  return runs.toSorted((a, b) => {
    for (const { field, descending } of order) {
      const [x, y] = [orderValueOf(a, field, now), orderValueOf(b, field, now)]
      if (x === undefined && y === undefined) continue
      if (x === undefined || y === undefined) return x === undefined ? 1 : -1
      const compared = compareJson(x, y)
      if (compared !== 0) return descending ? -compared : compared
    }
    return direction * (a.key - b.key)
  })
}

function orderValueOf(run: SearchedRun, field: Field, now: number): Json | undefined {
  const [value] = valuesOf(run, field, now)
  return typeof value === 'number' && Number.isNaN(value) ? undefined : value
}

const RANKS = ['null', 'string', 'number', 'boolean']

function compareJson(a: Json, b: Json): number {
  const rank = (value: Json) => RANKS.indexOf(value === null ? 'null' : typeof value)
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return Number(a) < Number(b) ? -1 : Number(a) > Number(b) ? 1 : 0
}

function compares(run: SearchedRun, field: Field, operator: Comparison, value: Scalar, now: number): boolean {
  const values = valuesOf(run, field, now)
  if (operator === '=') return values.some((one) => isSame(field, one, value))
  if (operator === '!=') return values.length > 0 && !values.some((one) => isSame(field, one, value))
  return values.some((one) => {
    if (typeof one !== 'number' || typeof value !== 'number') return false
    return { '<': one < value, '<=': one <= value, '>': one > value, '>=': one >= value }[operator]
  })
}

function isSame(field: Field, one: Json, value: Scalar): boolean {
  if (field.kind === 'param') return jsonAlternatives(value).some((other) => other === one)
  return one === value || (Number.isNaN(one) && Number.isNaN(value))
}

function matchesText(text: string, operator: TextOperator, pattern: string): boolean {
  if (operator === 'contains') return text.toLowerCase().includes(pattern.toLowerCase())
  let source = ''
  for (let i = 0; i < pattern.length; i += 1) {
    const char = pattern.charAt(i)
    if (char === '%') source += '[^]*'
    else if (char === '_') source += '[^]'
    else {
      const literal = char === '\\' && i + 1 < pattern.length ? pattern.charAt(++i) : char
      source += literal.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')
    }
  }
  return new RegExp(`^${source}$`, operator === 'ilike' ? 'iu' : 'u').test(text)
}

/** Of most fields one value or none; an experiment has its id and its name. */
function valuesOf(run: SearchedRun, field: Field, now: number): Json[] {
  switch (field.kind) {
    case 'metric':
      return some(Object.hasOwn(run.metrics, field.name) ? run.metrics[field.name]?.[field.summary] : undefined)
    case 'param':
      return Object.hasOwn(run.params, field.name) ? [run.params[field.name] ?? null] : []
    case 'tag':
      return some(Object.hasOwn(run.tags, field.name) ? run.tags[field.name] : undefined)
    case 'attribute':
      return attributeOf(run, field.name, now)
    default:
      return assertNever(field)
  }
}

function attributeOf(run: SearchedRun, name: AttributeName, now: number): Json[] {
  switch (name) {
    case 'id':
    case 'status':
    case 'name':
    case 'group':
    case 'project':
      return some(run[name])
    case 'created':
      return [run.createdAt.getTime()]
    case 'started':
      return some(run.startedAt?.getTime())
    case 'ended':
      return some(run.endedAt?.getTime())
    case 'duration':
      return run.startedAt === null ? [] : [(run.endedAt?.getTime() ?? now) - run.startedAt.getTime()]
    case 'trial':
      return some(run.trial?.number)
    case 'experiment':
      return [run.experimentId, run.experiment]
    case 'sweep':
      return run.trial === null ? [] : [run.trial.sweepId, run.experiment]
    case 'parent':
      return some(run.parentRunId)
    case 'created_by':
      return some(run.createdBy)
    default:
      return assertNever(name)
  }
}

function some(value: Json | undefined): Json[] {
  return value === undefined || value === null ? [] : [value]
}
