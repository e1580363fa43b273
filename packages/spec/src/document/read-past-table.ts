import { withoutInactive } from '../conditions.ts'
import { canonicalJson } from '../config-hash.ts'
import { didYouMeanHint } from '../did-you-mean.ts'
import type { Json } from '../number.ts'
import type { Config, Parameter, SearchSpace } from '../search-space.ts'
import type { MetricInput } from './input-schema.ts'
import type { PastTable, TableCell } from './past-table.ts'
import { Report } from './report.ts'
import type { PastResult } from './sweep-document.ts'

/** The metrics that a table is to have, and those that it may have. */
export interface TableAims {
  readonly objectives: readonly [MetricInput, ...MetricInput[]]
  readonly constraints: readonly string[]
}

/** The best of a table by the first objective; more would not be told apart, and have to be sent and stored. */
const MOST_OF_TABLE = 1000

/**
 * The rows of a table as past results, a parameter or a metric a column. What is wrong with it is reported at its place in
 * the table. Empty cells say nothing; rows without an objective, as failed trials have, are left out with a warning.
 */
export function readPastTable(
  report: Report,
  table: PastTable,
  { objectives, constraints }: TableAims,
  space: SearchSpace,
): readonly PastResult[] {
  const own = new Report(table.file, table.text)
  report.include(own)
  if (table.problem !== undefined) {
    own.error([], table.problem.message, table.problem)
    return []
  }
  const columns = columnsOf(own, table, { objectives, constraints }, space)
  if (columns === undefined) return []
  const reader = new RowReader(own, columns, space)
  const rows = table.rows.flatMap((cells) => reader.read(cells, objectives) ?? [])
  if (own.hasErrors) return []
  const left = table.rows.length - rows.length
  const names = objectives.map(({ name }) => name).join(' and ')
  const span = table.header[0]?.span ?? null
  if (rows.length === 0) {
    const hint = 'Each row is to have the metric beside the parameters.'
    own.error([], `no row has a value of ${names}, so there is nothing to learn`, { span, hint })
  } else if (left > 0) {
    own.warn([], `${left} of ${table.rows.length} rows lack ${names} or all parameters, and are left out`, { span })
  }
  const sign = objectives[0].goal === 'maximize' ? -1 : 1
  return rows.length <= MOST_OF_TABLE
    ? rows
    : rows.toSorted((a, b) => sign * (a.value - b.value)).slice(0, MOST_OF_TABLE)
}

type Column =
  | { readonly kind: 'metric'; readonly name: string; readonly isObjective: boolean }
  | { readonly kind: 'parameter'; readonly parameter: Parameter }
  | undefined

/** What each column means; undefined, and reported, when a row could not become a result. */
function columnsOf(
  own: Report,
  { header }: PastTable,
  { objectives, constraints }: TableAims,
  space: SearchSpace,
): readonly Column[] | undefined {
  const required = new Set(objectives.map(({ name }) => name))
  const parameters = new Map(space.parameters.map((parameter) => [parameter.name, parameter]))
  const seen = new Set<string>()
  const unknown: TableCell[] = []
  const columns = header.map((cell): Column => {
    const name = cell.text
    const parameter = parameters.get(name)
    const isMetric = required.has(name) || constraints.includes(name)
    if (parameter === undefined && !isMetric) {
      unknown.push(cell)
      return undefined
    }
    if (seen.has(name)) own.error([], `${name} is the name of two columns`, { span: cell.span, hint: 'Rename one.' })
    seen.add(name)
    if (isMetric) return { kind: 'metric', name, isObjective: required.has(name) }
    return { kind: 'parameter', parameter: parameter! }
  })
  const start = header[0]?.span ?? [0, 0]
  const names = unknown.map(({ text }) => text)
  for (const name of required) {
    if (seen.has(name)) continue
    const hint = didYouMeanHint(name, names) ?? 'Name a column of the table after the metric.'
    own.error([], `no column is named ${name}, which is the metric`, { span: start, hint })
  }
  if (!columns.some((column) => column?.kind === 'parameter')) {
    own.error([], 'no column is named after a parameter of this sweep', {
      span: start,
      hint: `They are ${[...parameters.keys()].join(', ')}.`,
    })
  }
  if (own.hasErrors) return undefined
  reportUnknown(
    own,
    unknown,
    [...parameters.keys()].filter((name) => !seen.has(name)),
  )
  return columns
}

/** One warning for all columns that mean nothing here, and one for each that looks like a parameter without a column. */
function reportUnknown(own: Report, unknown: readonly TableCell[], missing: readonly string[]): void {
  const strange = unknown.filter(({ text, span }) => {
    const hint = didYouMeanHint(text, missing)
    if (hint !== undefined) own.warn([], `${text} is no parameter of this sweep, left out`, { span, hint })
    return hint === undefined
  })
  const [first] = strange
  if (first === undefined) return
  const names = strange.map(({ text }) => text || 'a column without a name').join(', ')
  own.warn([], `${names}: no parameter of this sweep, left out`, { span: first.span })
}

const NO_NUMBER: ReadonlySet<string> = new Set(['', 'nan', 'inf', '-inf', 'infinity', '-infinity', 'null', 'none'])

class RowReader {
  readonly #own: Report
  readonly #columns: readonly Column[]
  readonly #space: SearchSpace
  /** Values of choices that were reported, so that each is once. */
  readonly #strangers = new Set<string>()

  constructor(own: Report, columns: readonly Column[], space: SearchSpace) {
    this.#own = own
    this.#columns = columns
    this.#space = space
  }

  /** Undefined for a row that has to be left out, or that was reported. */
  read(cells: readonly TableCell[], objectives: TableAims['objectives']): PastResult | undefined {
    if (cells.length !== this.#columns.length) {
      const hint = 'Put a text that holds the separator in double quotes.'
      const message = `the row has ${counted(cells.length)}, the header ${this.#columns.length}`
      this.#own.error([], message, { span: cells.at(-1)?.span ?? null, hint })
      return undefined
    }
    const config: Config = {}
    const values: Record<string, number> = {}
    for (const [index, column] of this.#columns.entries()) {
      const cell = cells[index]!
      if (column?.kind === 'metric') {
        const value = this.#numberOf(column.name, cell)
        if (value !== undefined) values[column.name] = value
      } else if (column !== undefined) {
        const value = this.#valueOf(column.parameter, cell)
        if (value !== undefined) config[column.parameter.name] = value
      }
    }
    const value = values[objectives[0].name]
    const active = withoutInactive(this.#space, config)
    if (value === undefined || objectives.some(({ name }) => values[name] === undefined)) return undefined
    if (Object.keys(active).length === 0) return undefined
    const hasSeveral = this.#columns.filter((column) => column?.kind === 'metric').length > 1
    return { config: active, value, ...(hasSeveral ? { values } : {}) }
  }

  #numberOf(name: string, { text, span }: TableCell): number | undefined {
    if (NO_NUMBER.has(text.toLowerCase())) return undefined
    const value = Number(text)
    if (Number.isFinite(value)) return value
    this.#own.error([], `${name} is ${JSON.stringify(text)}, no number`, {
      span,
      hint: 'Leave the cell empty if it is unknown.',
    })
    return undefined
  }

  #valueOf(parameter: Parameter, cell: TableCell): Json | undefined {
    if (cell.text === '') return undefined
    if (parameter.type === 'constant') return parameter.value
    if (parameter.type !== 'choice') return this.#numberOf(parameter.name, cell)
    const value = parameter.values.find((one) => isText(one, cell.text))
    const known = `${parameter.name} ${cell.text}`
    if (value !== undefined || this.#strangers.has(known)) return value
    this.#strangers.add(known)
    const texts = parameter.values.map((one) => (typeof one === 'string' ? one : canonicalJson(one)))
    const hint = didYouMeanHint(cell.text, texts) ?? `Its values are ${texts.slice(0, 10).join(', ')}.`
    const message = `${JSON.stringify(cell.text)} is no value of ${parameter.name}, and left out`
    this.#own.warn([], message, { span: cell.span, hint })
    return undefined
  }
}

/** Whether a cell says a value of a choice: as JSON, as Python writes it, or any spelling of the same number. */
function isText(value: Json, text: string): boolean {
  if (typeof value === 'string') return value === text
  if (typeof value === 'number') return Number(text) === value
  if (typeof value === 'boolean') return text.toLowerCase() === String(value)
  if (value === null) return ['null', 'none', 'nan'].includes(text.toLowerCase())
  try {
    return canonicalJson(JSON.parse(text) as Json) === canonicalJson(value)
  } catch {
    return false
  }
}

function counted(cells: number): string {
  return cells === 1 ? '1 cell' : `${cells} cells`
}
