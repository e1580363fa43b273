import { withoutInactive } from '../conditions.ts'
import type { Json } from '../number.ts'
import type { Config, SearchSpace } from '../search-space.ts'
import type { SweepInput } from './input-schema.ts'
import type { PastTable } from './past-table.ts'
import { metricInputs } from './read-objectives.ts'
import { readPastTable } from './read-past-table.ts'
import type { Report } from './report.ts'
import type { PastResult, WarmStart } from './sweep-document.ts'

/**
 * `warm_start` with each row taken apart; what is no parameter of this space is left out, with a warning.
 *
 * @param table what `results_file` names; undefined where files can't be read
 */
export function readWarmStart(
  report: Report,
  input: SweepInput,
  space: SearchSpace,
  table: PastTable | undefined,
): WarmStart | undefined {
  const { warm_start: warm, constraints = [] } = input
  const objectives = metricInputs(input)
  const [metric, ...others] = objectives
  if (warm === undefined) return undefined
  if (metric === undefined) {
    report.error(['warm_start'], 'warm_start tells values of a metric, but there is none', {
      hint: 'Add metric: {name: val_loss, goal: minimize}.',
      at: 'key',
    })
    return undefined
  }
  const metrics = new Set([...objectives, ...constraints].map(({ name }) => name))
  const known = new Set(space.parameters.map(({ name }) => name))
  const unknown = new Set<string>()
  const results: PastResult[] = []
  for (const [index, row] of (warm.results ?? []).entries()) {
    const at = ['warm_start', 'results', index]
    const wrong = objectives.find(({ name }) => typeof cellOf(row, name) !== 'number')?.name
    if (wrong !== undefined) {
      const hint = `Each row has the metric beside the parameters: {..., ${wrong}: 0.31}.`
      const isMissing = cellOf(row, wrong) === undefined
      report.error(at, isMissing ? `the row lacks ${wrong}` : `${wrong} is no number`, { hint })
      continue
    }
    const config: Config = {}
    for (const [name, cell] of Object.entries(row)) {
      if (metrics.has(name)) continue
      if (known.has(name)) config[name] = cell as Json
      else unknown.add(name)
    }
    if (Object.keys(config).length === 0) {
      report.error(at, 'the row names no parameter of this sweep', { hint: `They are ${[...known].join(', ')}.` })
      continue
    }
    const value = Number(row[metric.name])
    const values = numbersOf(row, metrics)
    results.push({ config: withoutInactive(space, config), value, ...(metrics.size > 1 ? { values } : {}) })
  }
  if (unknown.size > 0) {
    report.warn(['warm_start', 'results'], `${[...unknown].join(', ')}: no parameter of this sweep, left out`, {
      at: 'key',
    })
  }
  if (warm.results_file !== undefined && table === undefined) {
    report.error(['warm_start', 'results_file'], `${warm.results_file} is a file, which only the command line reads`, {
      hint: 'Create the sweep with `sweep create`, or write the rows as warm_start.results.',
    })
  } else if (table !== undefined) {
    const aims = { objectives: [metric, ...others] as const, constraints: constraints.map(({ name }) => name) }
    results.push(...readPastTable(report, table, aims, space))
  }
  return { sweeps: warm.sweeps ?? [], results }
}

function cellOf(row: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(row, name) ? row[name] : undefined
}

/** A constraint's metric may be unknown of some rows. */
function numbersOf(row: Readonly<Record<string, unknown>>, names: ReadonlySet<string>): Record<string, number> {
  const numbers = [...names].flatMap((name) => {
    const cell = cellOf(row, name)
    return typeof cell === 'number' ? [[name, cell] as const] : []
  })
  return Object.fromEntries(numbers)
}
