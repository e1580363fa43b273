import type { Budget } from '@sweep/spec/document/sweep-document'
import { type Aims, objectivesOf, sideMetrics, type Values } from '@sweep/spec/objectives'
import type { Config, SearchSpace } from '@sweep/spec/search-space'
import { formatDuration } from '@sweep/spec/units'
import type { ConfirmedMean, SweepDetail, SweepView, TrialCounts, TrialView } from '@sweep/spec/wire/api'
import type { Column } from './output.ts'

/** A number as people read it: four significant digits. */
export function shortNumber(value: number | null): string {
  if (value === null) return '-'
  return Number.isFinite(value) && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value)
}

/** `0.92 (0.89 to 0.95)`: a mean with its interval, where there is one. */
export function intervalText({ mean, low, high }: Pick<ConfirmedMean, 'mean' | 'low' | 'high'>): string {
  return low === null ? shortNumber(mean) : `${shortNumber(mean)} (${shortNumber(low)} to ${shortNumber(high)})`
}

/** `lr=0.0123 optimizer=adam`. */
export function configText(config: Config, number: (value: number) => string = shortNumber): string {
  return Object.entries(config)
    .map(([name, value]) => `${name}=${valueText(value, number)}`)
    .join(' ')
}

function valueText(value: unknown, number: (value: number) => string): string {
  if (typeof value === 'number') return number(value)
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

/** `val_loss=0.25 latency_ms=31`. */
export function valuesText(values: Values, number: (value: number) => string = shortNumber): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${number(value)}`)
    .join(' ')
}

/** What varies between the trials of a sweep, in the order of its file: constants say nothing about one of them. */
export function varyingConfig(config: Config, space: SearchSpace): Config {
  const names = space.parameters.filter((parameter) => parameter.type !== 'constant').map((parameter) => parameter.name)
  const varying = names.flatMap((name) => {
    const value = config[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return varying.length === 0 ? config : Object.fromEntries(varying)
}

export function trialTotal(counts: TrialCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** `12 completed, 8 pruned, 2 running`: only what there is, the ended ones first. */
export function countsText(counts: TrialCounts): string {
  const order = ['completed', 'pruned', 'failed', 'cancelled', 'running', 'paused', 'queued'] as const
  const parts = order.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`)
  return parts.length === 0 ? 'none yet' : parts.join(', ')
}

export function budgetText(budget: Budget): string {
  const parts: string[] = []
  if (budget.trials !== undefined) parts.push(`${budget.trials} trials`)
  if (budget.wallMs !== undefined) parts.push(formatDuration(budget.wallMs))
  if (budget.gpuSeconds !== undefined) parts.push(`${shortNumber(budget.gpuSeconds / 3600)} GPU-hours`)
  return parts.length === 0 ? 'none' : parts.join(', ')
}

export function ageText(time: string, now: number): string {
  return formatDuration(Math.max(0, now - Date.parse(time)))
}

export function sweepColumns(now: number): Column<SweepView>[] {
  return [
    { name: 'id', value: (sweep) => sweep.id },
    { name: 'name', value: (sweep) => sweep.name, flexible: true, minWidth: 8 },
    { name: 'state', value: (sweep) => sweep.state },
    { name: 'trials', value: (sweep) => trialTotal(sweep.trials), align: 'right' },
    { name: 'running', value: (sweep) => sweep.trials.running, align: 'right' },
    {
      name: 'best',
      value: (sweep) => sweep.best?.value,
      show: (sweep) => shortNumber(sweep.best?.value ?? null),
      align: 'right',
    },
    { name: 'metric', value: (sweep) => sweep.metric?.name, flexible: true, minWidth: 6 },
    { name: 'age', value: (sweep) => sweep.createdAt, show: (sweep) => ageText(sweep.createdAt, now), align: 'right' },
    { name: 'project', value: (sweep) => sweep.project, wide: true },
    { name: 'method', value: (sweep) => sweep.method, wide: true },
    { name: 'failed', value: (sweep) => sweep.trials.failed, align: 'right', wide: true },
    { name: 'reason', value: (sweep) => sweep.reason, wide: true },
  ]
}

/**
 * Columns of a list of trials. On a terminal the config is one column; for programs each parameter has its own.
 *
 * @param first columns before those of the trial, such as its rank
 * @param health rules that say that something is wrong with a trial; a column where they do with one
 */
export function trialColumns<Row extends TrialView>(
  rows: readonly Row[],
  { document }: SweepDetail,
  options: {
    readonly splitConfig: boolean
    readonly first?: readonly Column<Row>[]
    readonly health?: (row: Row) => readonly string[] | undefined
  },
): Column<Row>[] {
  const { space } = document
  const used = new Set(rows.flatMap((row) => Object.keys(row.config)))
  const known = space.parameters.map((parameter) => parameter.name).filter((name) => used.delete(name))
  const names = [...known, ...used]
  const config: Column<Row>[] = options.splitConfig
    ? names.map((name) => ({ name, value: (row) => cellOf(row.config[name]) }))
    : [
        {
          name: 'config',
          value: (row) => configText(row.config, String),
          show: (row) => configText(varyingConfig(row.config, space)),
          flexible: true,
          minWidth: 12,
        },
      ]
  return [
    ...(options.first ?? []),
    { name: 'trial', value: (row) => row.number, align: 'right' },
    { name: 'state', value: (row) => row.state },
    ...valueColumns<Row>(document),
    { name: 'step', value: (row) => row.lastStep, align: 'right' },
    ...healthColumn(rows, options.health),
    ...config,
    { name: 'attempts', value: (row) => row.attempts, align: 'right', wide: true },
    { name: 'cause', value: (row) => row.cause, wide: true },
    { name: 'agent', value: (row) => row.agent, wide: true },
    { name: 'reason', value: (row) => row.reason, wide: true },
  ]
}

/** On a terminal before the config, which gives up width first, and down to the mark alone. */
function healthColumn<Row>(
  rows: readonly Row[],
  rulesOf: ((row: Row) => readonly string[] | undefined) | undefined,
): Column<Row>[] {
  if (rulesOf === undefined || rows.every((row) => rulesOf(row) === undefined)) return []
  return [
    {
      name: 'health',
      value: (row) => rulesOf(row)?.join(' '),
      show: (row) => {
        const [first, ...others] = rulesOf(row) ?? []
        if (first === undefined) return ''
        return others.length === 0 ? `! ${first}` : `! ${first} +${others.length}`
      },
      flexible: true,
      minWidth: 6,
    },
  ]
}

/** One for each metric that decides about trials, and whether they keep to the constraints. */
function valueColumns<Row extends TrialView>(aims: Aims): Column<Row>[] {
  const [first] = objectivesOf(aims)
  const side = sideMetrics(aims).map(({ name }) => ({ name, of: (row: Row) => row.values?.[name] ?? null }))
  const columns = [{ name: first?.name ?? 'value', of: (row: Row) => row.value }, ...side]
  return [
    ...columns.map(
      ({ name, of }): Column<Row> => ({
        name,
        value: of,
        show: (row) => shortNumber(of(row)),
        align: 'right',
        flexible: true,
        minWidth: 8,
      }),
    ),
    ...(aims.constraints === undefined
      ? []
      : [{ name: 'feasible', value: (row: Row) => row.feasible, show: (row: Row) => (row.feasible ? 'yes' : 'no') }]),
  ]
}

function cellOf(value: unknown): string | number | boolean | undefined {
  if (value === undefined) return undefined
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value)
}
