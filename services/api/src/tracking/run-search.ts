import type { MetricValues, RunData } from '@sweep/analysis/runs/run-data'
import { type Column, type Field, type Filter, fieldsOf, type NamedField } from '@sweep/spec/filter/filter'
import { parseColumns, parseFilter, parseOrder } from '@sweep/spec/filter/parse-filter'
import { printField } from '@sweep/spec/filter/print-filter'
import type { RunList, RunRow } from '@sweep/spec/wire/tracking/runs'
import type { SearchRuns } from '@sweep/spec/wire/tracking/search'
import type { Database } from '@sweep/store/database'
import { type FoundRun, type RunSearch, searchRuns } from '@sweep/store/run-search/search-runs'
import { unknownNames } from '@sweep/store/run-search/unknown-names'
import { getExperiment } from '@sweep/store/tracking/experiments'
import type { z } from 'zod'
import { runView } from './run-view.ts'

export type Scope = Pick<
  z.output<typeof SearchRuns>,
  'filter' | 'experiment' | 'project' | 'status' | 'parent' | 'deleted' | 'archived'
>

/**
 * What the texts of a request ask for.
 * @throws SweepError `invalid-request` where one can't be read, `not-found` for an experiment that is not there
 */
export async function scopeOf(database: Database, scope: Scope): Promise<Omit<RunSearch, 'limit'>> {
  const { filter, experiment, project, status, parent, deleted, archived } = scope
  if (experiment !== undefined) await getExperiment(database, experiment)
  const parts: Filter[] = []
  if (filter !== undefined && filter.trim() !== '') parts.push(parseFilter(filter))
  if (status !== undefined) {
    parts.push({ kind: 'in', field: { kind: 'attribute', name: 'status' }, negated: false, values: status })
  }
  if (parent !== undefined) {
    parts.push({ kind: 'compare', field: { kind: 'attribute', name: 'parent' }, operator: '=', value: parent })
  }
  const [first] = parts
  return {
    filter: parts.length > 1 ? { kind: 'and', parts } : first,
    experimentId: experiment,
    project,
    deleted,
    archived,
  }
}

/** One page of a list of runs. Throws as `scopeOf`, and for an order, columns or a cursor that can't be read. */
export async function runPage(
  database: Database,
  { order: orderText, columns: text, limit, after, ...scope }: z.output<typeof SearchRuns>,
): Promise<RunList> {
  const columns = isGiven(text) ? parseColumns(text) : undefined
  const order = isGiven(orderText) ? parseOrder(orderText) : []
  const search = await scopeOf(database, scope)
  const { runs, next } = await searchRuns(database, {
    ...search,
    order,
    ...(columns === undefined
      ? {}
      : {
          metrics: wantedOf(columns, 'metric'),
          params: wantedOf(columns, 'param'),
          tags: wantedOf(columns, 'tag'),
        }),
    limit,
    after,
  })
  const page = { runs: runs.map((run) => runRow(run, columns !== undefined)), next }
  if (after !== undefined) return page
  const asked = [
    ...(runs.length > 0 || search.filter === undefined ? [] : fieldsOf(search.filter)),
    ...[...order.map(({ field }) => field), ...(columns ?? []).filter((column) => column.kind !== 'all')].filter(
      (field) => !runs.some((run) => shows(run, field)),
    ),
  ]
  const hints = await hintsAbout(database, asked)
  return hints.length === 0 ? page : { ...page, hints }
}

function shows({ metrics, params, tags }: FoundRun, { kind, name }: Field): boolean {
  if (kind === 'attribute') return true
  return Object.hasOwn({ metric: metrics, param: params, tag: tags }[kind], name)
}

async function hintsAbout(database: Database, fields: readonly Field[]): Promise<string[]> {
  const named = fields.filter((field): field is NamedField => field.kind !== 'attribute')
  return (await unknownNames(database, named)).map(({ field, meant }) => {
    const hint = `No run has ${printField(field)}.`
    return meant === null ? hint : `${hint} Did you mean ${printField(meant)}?`
  })
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== ''
}

function runRow({ metrics, ...run }: FoundRun, isMeasured: boolean): RunRow {
  return isMeasured ? { ...runView(run), metrics: { ...metrics } } : runView(run)
}

function wantedOf(columns: readonly Column[], kind: 'metric' | 'param' | 'tag'): readonly string[] | 'all' {
  if (columns.some((column) => column.kind === 'all' && column.of === kind)) return 'all'
  return columns.flatMap((column) => (column.kind === kind ? [column.name] : []))
}

const PAGE = 1000

/** The newest runs of a scope as analyses look at them, at most `most`; and whether there are more. */
export async function runsToAnalyse(
  database: Database,
  scope: Omit<RunSearch, 'limit' | 'after'>,
  most: number,
): Promise<{ readonly runs: readonly FoundRun[]; readonly isAll: boolean }> {
  const runs: FoundRun[] = []
  let after: string | undefined
  do {
    const page = await searchRuns(database, { ...scope, limit: Math.min(PAGE, most - runs.length), after })
    runs.push(...page.runs)
    after = page.next ?? undefined
  } while (after !== undefined && runs.length < most)
  return { runs, isAll: after === undefined }
}

export function runData(run: FoundRun): RunData {
  const { id, name, group, status, params, tags, metrics, createdAt, startedAt, endedAt } = run
  return {
    id,
    name,
    group,
    status,
    params,
    tags,
    metrics: metrics satisfies Readonly<Record<string, MetricValues>>,
    createdAt: createdAt.getTime(),
    startedAt: startedAt?.getTime() ?? null,
    endedAt: endedAt?.getTime() ?? null,
  }
}
