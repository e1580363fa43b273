import { diagnosticsOf } from '@sweep/spec/document/diagnostic'
import { SweepError } from '@sweep/spec/errors'
import type { Field, Column as RunColumn } from '@sweep/spec/filter/filter'
import { printField } from '@sweep/spec/filter/print-filter'
import type { RunRow } from '@sweep/spec/wire/tracking/runs'
import type { CliContext } from './context.ts'
import type { Cell, Column } from './output.ts'
import { shortNumber } from './present.ts'
import { terminalSize } from './terminal/live-region.ts'

/**
 * What a filter, an order or columns say, read here so that a mistake can be shown under what was typed.
 *
 * @throws SweepError `invalid-request`
 */
export async function readFields<T>(context: CliContext, source: string, parse: (source: string) => T): Promise<T> {
  try {
    return parse(source)
  } catch (error) {
    const [diagnostic] = error instanceof SweepError ? diagnosticsOf(error) : []
    if (diagnostic === undefined || context.isMachineReadable) throw error
    const { formatDiagnostic } = await import('@sweep/spec/document/format-diagnostic')
    context.say(
      formatDiagnostic(diagnostic, { source, width: Math.min(120, terminalSize(context.process.stderr).columns) }),
    )
    throw new SweepError('invalid-request', 'This can not be read; nothing was asked.', { cause: error })
  }
}

/** Columns of a table of runs; `*` is as many as any of the runs has. */
export function fieldColumns(wanted: readonly RunColumn[], runs: readonly RunRow[]): Column<RunRow>[] {
  const fields = wanted.flatMap((column) => (column.kind === 'all' ? allOf(column.of, runs) : [column]))
  const columns = fields.map((field): Column<RunRow> => {
    return {
      name: printField(field),
      value: (run) => cellOf(run, field),
      show: (run) => {
        const value = cellOf(run, field)
        return typeof value === 'number' ? shortNumber(value) : String(value ?? '-')
      },
      align: runs.some((run) => typeof cellOf(run, field) === 'number') ? 'right' : 'left',
    }
  })
  return [...new Map(columns.map((column) => [column.name, column])).values()]
}

function allOf(kind: 'metric' | 'param' | 'tag', runs: readonly RunRow[]): Field[] {
  const records = runs.map((run) =>
    kind === 'metric' ? (run.metrics ?? {}) : kind === 'param' ? run.params : run.tags,
  )
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))].sort()
  return names.map((name): Field => (kind === 'metric' ? { kind, name, summary: 'last' } : { kind, name }))
}

function cellOf(run: RunRow, field: Field): Cell {
  switch (field.kind) {
    case 'metric':
      return run.metrics !== undefined && Object.hasOwn(run.metrics, field.name)
        ? run.metrics[field.name]?.[field.summary]
        : undefined
    case 'param':
      return Object.hasOwn(run.params, field.name) ? cellText(run.params[field.name]) : undefined
    case 'tag':
      return Object.hasOwn(run.tags, field.name) ? run.tags[field.name] : undefined
    case 'attribute':
      return attributeCell(run, field.name)
  }
}

function cellText(value: unknown): Cell {
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value)
}

function attributeCell(run: RunRow, name: string): Cell {
  switch (name) {
    case 'created':
      return run.createdAt
    case 'started':
      return run.startedAt
    case 'ended':
      return run.endedAt
    case 'duration':
      return durationMs(run)
    case 'trial':
      return run.trial?.number
    case 'sweep':
      return run.trial?.sweepId
    case 'parent':
      return run.parentRunId
    case 'created_by':
      return run.createdBy
    case 'id':
    case 'status':
    case 'name':
    case 'group':
    case 'experiment':
    case 'project':
      return run[name]
    default:
      return undefined
  }
}

/** Of a run that is over. */
export function durationMs({ startedAt, endedAt }: RunRow): number | null {
  return startedAt === null || endedAt === null ? null : Date.parse(endedAt) - Date.parse(startedAt)
}
