import { assertNever } from '@sweep/spec/assert-never'
import type {
  AttributeField,
  AttributeName,
  Comparison,
  Field,
  Filter,
  Moment,
  Scalar,
  TextOperator,
} from '@sweep/spec/filter/filter'
import { fieldsOf, typeOf } from '@sweep/spec/filter/filter'
import { RUN_STATUSES, type RunStatus, TRIAL_RUN_STATUS } from '@sweep/spec/tracking/run-status'
import { TRIAL_STATES } from '@sweep/spec/trial'
import { jsonText, plainText } from '../json-text.ts'
import { attributeColumns, SEARCHED_PARAMS, type SqlContext, SUMMARY_COLUMNS } from './field-sql.ts'
import type { SqlParameters } from './sql-parameters.ts'

/**
 * A condition over `SEARCHED_TABLES` that is true for the runs that a filter means; false or null for the others. What each
 * part means stands in docs/tracking/search.md: a comparison with a value that is missing, or of another type, is never
 * met, and `not` turns met and not met around.
 */
export function filterSql(filter: Filter, context: SqlContext): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.parts.map((part) => filterSql(part, context)).join(` ${filter.kind} `)})`
    case 'not':
      return `(${filterSql(filter.part, context)} is not true)`
    case 'exists':
      return existsSql(filter.field, context)
    case 'missing':
      return `(${existsSql(filter.field, context)} is not true)`
    case 'time':
      return timeSql(filter.field, filter.operator, filter.value, context)
    case 'compare':
      return compareSql(filter.field, filter.operator, filter.value, context)
    case 'in':
      return listSql(filter.field, filter.values, filter.negated, context)
    case 'text':
      return textSql(filter.field, filter.operator, filter.pattern, filter.negated, context)
    default:
      return assertNever(filter)
  }
}

function existsSql(field: Field, context: SqlContext): string {
  const { parameters } = context
  switch (field.kind) {
    case 'metric':
      return metricSql(field, context, (value) => `${value} is not null`)
    case 'param':
      return `(${SEARCHED_PARAMS} ? ${parameters.add(plainText(field.name), 'text')})`
    case 'tag':
      return `(r.tags ? ${parameters.add(plainText(field.name), 'text')})`
    case 'attribute':
      return `(${attributeColumns(field.name, context)[0]} is not null)`
    default:
      return assertNever(field)
  }
}

function compareSql(field: Field, operator: Comparison, value: Scalar, context: SqlContext): string {
  const { parameters } = context
  switch (field.kind) {
    case 'metric':
      return metricSql(field, context, (column) => numberSql(column, operator, Number(value), parameters))
    case 'param': {
      const name = plainText(field.name)
      if (operator === '=' || operator === '!=') {
        const same = jsonAlternatives(value).map(
          (one) => `${SEARCHED_PARAMS} @> ${parameters.add(jsonText({ [name]: one }), 'jsonb')}`,
        )
        const isEqual = `(${same.join(' or ')})`
        return operator === '=' ? isEqual : `(${existsSql(field, context)} and ${isEqual} is not true)`
      }
      // jsonb compares numbers with numbers as they are written, without turning them into something less exact.
      const column = `(${SEARCHED_PARAMS} -> ${parameters.add(name, 'text')})`
      const isNumber = `jsonb_typeof${column} = 'number'`
      return `(${isNumber} and ${column} ${operator} ${parameters.add(jsonText(value), 'jsonb')})`
    }
    case 'tag': {
      const text = plainText(String(value))
      const isEqual = `r.tags @> ${parameters.add(jsonText({ [plainText(field.name)]: text }), 'jsonb')}`
      return operator === '=' ? `(${isEqual})` : `(${existsSql(field, context)} and not ${isEqual})`
    }
    case 'attribute':
      return attributeSql(field, operator, value, context)
    default:
      return assertNever(field)
  }
}

function attributeSql(field: AttributeField, operator: Comparison, value: Scalar, context: SqlContext): string {
  const { parameters } = context
  const type = typeOf(field)
  if (type === 'status') return statusSql([String(value)], operator === '!=', parameters)
  const columns = attributeColumns(field.name, context)
  if (type === 'text') return oneOfSql(columns, [String(value)], operator === '!=', parameters)
  return numberSql(columns[0], operator, Number(value), parameters)
}

function listSql(field: Field, values: readonly Scalar[], negated: boolean, context: SqlContext): string {
  const { parameters } = context
  switch (field.kind) {
    case 'metric':
      return metricSql(field, context, (column) => {
        const list = parameters.add(values.map(Number), 'float8[]')
        return negated ? `${column} <> all(${list})` : `${column} = any(${list})`
      })
    case 'param': {
      const list = parameters.add(values.flatMap(jsonAlternatives).map(jsonText), 'text[]')
      const column = `(${SEARCHED_PARAMS} -> ${parameters.add(plainText(field.name), 'text')})`
      return negated ? `(${column} <> all(${list}::jsonb[]))` : `(${column} = any(${list}::jsonb[]))`
    }
    case 'tag': {
      const column = `(r.tags ->> ${parameters.add(plainText(field.name), 'text')})`
      return oneOfSql([column], values.map(String), negated, parameters)
    }
    case 'attribute': {
      const type = typeOf(field)
      if (type === 'status') return statusSql(values.map(String), negated, parameters)
      const columns = attributeColumns(field.name, context)
      if (type === 'text') return oneOfSql(columns, values.map(String), negated, parameters)
      const list = parameters.add(values.map(Number), 'float8[]')
      return negated ? `(${columns[0]} <> all(${list}))` : `(${columns[0]} = any(${list}))`
    }
    default:
      return assertNever(field)
  }
}

function textSql(field: Field, operator: TextOperator, pattern: string, negated: boolean, context: SqlContext): string {
  const { parameters } = context
  const columns = textColumns(field, context)
  const wanted = parameters.add(operator === 'contains' ? plainText(pattern) : likePattern(pattern), 'text')
  const matches = columns.map((column) =>
    operator === 'contains' ? `strpos(lower(${column}), lower(${wanted})) > 0` : `${column} ${operator} ${wanted}`,
  )
  const isMatch = `(${matches.join(' or ')})`
  return negated ? `(${columns[0]} is not null and ${isMatch} is not true)` : isMatch
}

function textColumns(field: Field, context: SqlContext): readonly string[] {
  const { parameters } = context
  switch (field.kind) {
    case 'param': {
      const name = parameters.add(plainText(field.name), 'text')
      return [
        `(case when jsonb_typeof(${SEARCHED_PARAMS} -> ${name}) = 'string' then ${SEARCHED_PARAMS} ->> ${name} end)`,
      ]
    }
    case 'tag':
      return [`(r.tags ->> ${parameters.add(plainText(field.name), 'text')})`]
    case 'attribute':
      return attributeColumns(field.name, context).map((column) => `(${column})`)
    case 'metric':
      throw new Error('a metric is no text')
    default:
      return assertNever(field)
  }
}

/** Postgres refuses a pattern that ends in a backslash with nothing behind it to be taken literally. */
function likePattern(pattern: string): string {
  const text = plainText(pattern)
  const trailing = /\\*$/.exec(text)?.[0].length ?? 0
  return trailing % 2 === 1 ? `${text}\\` : text
}

/** Asked as a list of keys rather than run by run, so that the index over the values of a metric can give the list. */
function metricSql(
  field: Extract<Field, { kind: 'metric' }>,
  { parameters, nameIds }: SqlContext,
  condition: (column: string) => string,
): string {
  const id = nameIds.get(plainText(field.name))
  if (id === undefined) return 'false'
  const column = `m.${SUMMARY_COLUMNS[field.summary]}`
  const isOf = `m.name_id = ${parameters.add(id, 'int4')}`
  return `r.key in (select m.run_key from run_metrics m where ${isOf} and ${condition(column)})`
}

/** NaN equals NaN, as in Postgres, and is neither above nor below anything, unlike there. */
function numberSql(column: string, operator: Comparison, value: number, parameters: SqlParameters): string {
  const isOrder = operator !== '=' && operator !== '!='
  if (isOrder && Number.isNaN(value)) return 'false'
  const isMet = `${column} ${operator === '!=' ? '<>' : operator} ${parameters.add(value, 'float8')}`
  return operator === '>' || operator === '>=' ? `(${isMet} and ${column} < 'NaN'::float8)` : `(${isMet})`
}

function timeSql(field: AttributeField, operator: Comparison, moment: Moment, context: SqlContext): string {
  const { parameters, now } = context
  const [column] = attributeColumns(field.name, context)
  const ms = parameters.add(moment.ms, 'float8')
  const wanted =
    moment.kind === 'at'
      ? `to_timestamp(${ms} / 1000)`
      : `(${parameters.add(now, 'timestamptz')} - ${ms} * interval '1 millisecond')`
  return `(${column} ${operator === '!=' ? '<>' : operator} ${wanted})`
}

function oneOfSql(
  columns: readonly [string, ...string[]],
  values: readonly string[],
  negated: boolean,
  parameters: SqlParameters,
): string {
  const list = parameters.add(values.map(plainText), 'text[]')
  const isOne = `(${columns.map((column) => `${column} = any(${list})`).join(' or ')})`
  return negated ? `(${columns[0]} is not null and ${isOne} is not true)` : isOne
}

/** By the states of trials rather than by what they are called for runs: those can be compared as they stand. */
function statusSql(values: readonly string[], negated: boolean, parameters: SqlParameters): string {
  const wanted: readonly RunStatus[] = RUN_STATUSES.filter((status) => values.includes(status) !== negated)
  const states = TRIAL_STATES.filter((state) => wanted.includes(TRIAL_RUN_STATUS[state]))
  return `(r.status = any(${parameters.add(wanted, 'text[]')}) or t.state = any(${parameters.add(states, 'text[]')}))`
}

/**
 * What a param may be to equal a value. A text also equals the number or the truth value that it spells: MLflow knows
 * nothing but texts, and a config that we have chosen has numbers.
 */
export function jsonAlternatives(value: Scalar): Scalar[] {
  if (typeof value !== 'string') return [value]
  const text = plainText(value)
  const spelled = /^(true|false)$/i.test(text)
    ? text.toLowerCase() === 'true'
    : /^[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]{1,3})?$/i.test(text) && Number.isFinite(Number(text))
      ? Number(text) + 0
      : undefined
  return spelled === undefined ? [text] : [text, spelled]
}

/** Names of the metrics that a filter asks for. */
export function metricsOf(filter: Filter): string[] {
  return fieldsOf(filter).flatMap((field) => (field.kind === 'metric' ? [plainText(field.name)] : []))
}

const JOINED: ReadonlySet<AttributeName> = new Set(['name', 'experiment', 'project', 'sweep'])

/**
 * Whether a filter asks for names that stand with experiments and projects. Postgres takes such conditions for likely, and
 * looks an experiment up for run after run in the hope that a page is full soon.
 */
export function asksJoined(filter: Filter): boolean {
  return fieldsOf(filter).some((field) => field.kind === 'attribute' && JOINED.has(field.name))
}
