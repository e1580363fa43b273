import { assertNever } from '@sweep/spec/assert-never'
import type { AttributeName, Field, MetricSummary } from '@sweep/spec/filter/filter'
import { plainText } from '../json-text.ts'
import { RUN_ENDED, RUN_NAME, RUN_STARTED, RUN_STATUS } from '../tracking/run-record.ts'
import type { SqlParameters, SqlType } from './sql-parameters.ts'

/** What is asked of runs is SQL over `SEARCHED_TABLES`; nothing that anybody has written ever becomes part of its text. */
export interface SqlContext {
  readonly parameters: SqlParameters
  /** Of the metrics that are asked for; those without an id have no point anywhere. */
  readonly nameIds: ReadonlyMap<string, number>
  /** When the search began, as Postgres writes it: the same for all pages, so that what goes on stays in its place. */
  readonly now: string
}

/** As `RUN_TABLES`, but every join is one that Postgres leaves out of the plan when nothing is asked of its table. */
export const SEARCHED_TABLES = `runs r
  left join experiments e on e.id = r.experiment_id
  left join projects p on p.id = e.project_id
  left join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
  left join runs parent on parent.key = r.parent_key`

/** As `RUN_PARAMS`, without joining trials; see the migration that made the function. */
export const SEARCHED_PARAMS = 'coalesce(r.params, config_of_trial(r.sweep_id, r.trial))'

/** Columns of run_metrics. */
export const SUMMARY_COLUMNS = {
  last: 'last_value',
  min: 'min_value',
  max: 'max_value',
} as const satisfies Record<MetricSummary, string>

/** Where the values of an attribute stand; a run is also found by the second, where there is one. */
const ATTRIBUTE_SQL: Readonly<Record<Exclude<AttributeName, 'duration'>, readonly [string, ...string[]]>> = {
  id: ['r.id'],
  status: [RUN_STATUS],
  name: [RUN_NAME],
  group: ['r.group_name'],
  created: ['r.created_at'],
  started: [RUN_STARTED],
  ended: [RUN_ENDED],
  trial: ['r.trial'],
  experiment: ['r.experiment_id', 'e.name'],
  project: ['p.name'],
  sweep: ['r.sweep_id', 'case when r.sweep_id is not null then e.name end'],
  parent: ['parent.id'],
  created_by: ['r.created_by'],
}

export function attributeColumns(name: AttributeName, { parameters, now }: SqlContext): readonly [string, ...string[]] {
  if (name !== 'duration') return ATTRIBUTE_SQL[name]
  // Of a run that goes on: until now. Milliseconds.
  const until = `coalesce(${RUN_ENDED}, ${parameters.add(now, 'timestamptz')})`
  return [`(date_part('epoch', ${until} - ${RUN_STARTED}) * 1000)`]
}

const ATTRIBUTE_TYPES: Readonly<Record<AttributeName, SqlType>> = {
  id: 'text',
  status: 'text',
  name: 'text',
  group: 'text',
  created: 'timestamptz',
  started: 'timestamptz',
  ended: 'timestamptz',
  duration: 'float8',
  trial: 'int4',
  experiment: 'text',
  project: 'text',
  sweep: 'text',
  parent: 'text',
  created_by: 'text',
}

/** The value of a field as something that can be ordered: null where it is missing or NaN. */
export interface OrderValue {
  readonly sql: string
  readonly type: SqlType
  /** What it needs beyond `SEARCHED_TABLES`. */
  readonly join: string
}

/** @param alias of the join, one for each part of an order */
export function orderValue(field: Field, alias: string, context: SqlContext): OrderValue {
  const { parameters, nameIds } = context
  switch (field.kind) {
    case 'metric': {
      const column = `${alias}.${SUMMARY_COLUMNS[field.summary]}`
      const id = parameters.add(nameIds.get(plainText(field.name)) ?? -1, 'int4')
      // NaN is larger than everything to Postgres.
      const on = `on ${alias}.run_key = r.key and ${alias}.name_id = ${id} and ${column} < 'NaN'`
      // Adding nothing keeps Postgres from walking the index in the hope that a page is full soon: what can be had that
      // way, `firstEntriesSql` has tried.
      return { sql: `(${column} + 0)`, type: 'float8', join: `left join run_metrics ${alias} ${on}` }
    }
    case 'param':
      // jsonb has an order of its own: null, texts, numbers, booleans.
      return {
        sql: `(${SEARCHED_PARAMS} -> ${parameters.add(plainText(field.name), 'text')})`,
        type: 'jsonb',
        join: '',
      }
    case 'tag':
      return { sql: `(r.tags ->> ${parameters.add(plainText(field.name), 'text')})`, type: 'text', join: '' }
    case 'attribute':
      return { sql: `(${attributeColumns(field.name, context)[0]})`, type: ATTRIBUTE_TYPES[field.name], join: '' }
    default:
      return assertNever(field)
  }
}
