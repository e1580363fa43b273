import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChoiceParameter, Config, FloatParameter, IntParameter } from '@sweep/spec/search-space'
import { z } from 'zod'
import { choiceIndex, SuiteParameter, spaceOfSuite } from './suite-space.ts'
import { type CurveTask, curveTask } from './task.ts'

/** Trainings that were really run: SUITE.md, "Tables". A config costs and reports what the row nearest to it did. */
const Table = z.object({
  name: z.string(),
  epochs: z.int(),
  space: z.array(SuiteParameter),
  param_order: z.array(z.string()),
  /** A value for each of `param_order`, null when it is inactive. */
  configs: z.array(z.array(z.union([z.number(), z.string(), z.null()]))),
  curves: z.array(z.array(z.number())),
  seconds_per_epoch: z.array(z.number()),
})
type Table = z.infer<typeof Table>

export interface TableTask extends CurveTask {
  /** The index of the row that stands for a config. */
  readonly rowOf: (config: Config) => number
}

/** One task for each table of the folder, in the order of their names; none when there is no such folder. */
export function readTableTasks(folder: string): readonly TableTask[] {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return files.sort().map((name) => tableTask(Table.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')))))
}

function tableTask(table: Table): TableTask {
  const population = table.configs.map((values) => configOf(table, values))
  const rowOf = nearestRow(table, population)
  const valueAt = (config: Config, step: number) => table.curves[rowOf(config)]![step - 1]!
  const task = curveTask({
    name: `tab_${table.name}`,
    space: spaceOfSuite(table.space),
    optimum: Math.min(...table.curves.map((curve) => curve.at(-1)!)),
    maxResource: table.epochs,
    truthAt: valueAt,
    observeAt: valueAt,
    stepSeconds: (config) => table.seconds_per_epoch[rowOf(config)]!,
    population,
  })
  return { ...task, rowOf }
}

function configOf({ param_order }: Table, values: Table['configs'][number]): Config {
  const pairs = param_order.map((name, index) => [name, values[index] ?? null] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== null))
}

function nearestRow(table: Table, population: readonly Config[]): (config: Config) => number {
  const { parameters } = spaceOfSuite(table.space)
  const numbers = parameters.filter((parameter) => parameter.type === 'float' || parameter.type === 'int')
  const choices = parameters.filter((parameter) => parameter.type === 'choice')
  const positionOf = (config: Config) => ({
    units: numbers.map((parameter) => unitOf(parameter, config)),
    picks: choices.map((parameter: ChoiceParameter) => choiceIndex(parameter, config)),
  })
  const rows = population.map(positionOf)
  const known = new WeakMap<Config, number>()

  const search = (config: Config) => {
    const { units, picks } = positionOf(config)
    let nearest = 0
    let smallest = Number.POSITIVE_INFINITY
    for (const [index, row] of rows.entries()) {
      let distance = 0
      for (const [i, unit] of units.entries()) {
        const difference = row.units[i]! - unit
        // NaN: inactive in one of the two, which only the choice above them counts.
        if (!Number.isNaN(difference)) distance += difference * difference
      }
      for (const [i, pick] of picks.entries()) if (row.picks[i] !== pick) distance += 1
      // Strictly nearer, so that the lowest row wins ties.
      if (distance < smallest) {
        smallest = distance
        nearest = index
      }
    }
    return nearest
  }
  return (config) => {
    // A training asks again at every step.
    const row = known.get(config) ?? search(config)
    known.set(config, row)
    return row
  }
}

/** Position between the bounds on the parameter's own scale; NaN when it is inactive. */
function unitOf({ name, min, max, scale }: FloatParameter | IntParameter, config: Config): number {
  const value = Number(config[name] ?? Number.NaN)
  if (scale === 'log') return (Math.log(value) - Math.log(min)) / (Math.log(max) - Math.log(min))
  return (value - min) / (max - min)
}
