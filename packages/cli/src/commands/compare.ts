import type { RunComparison } from '@sweep/spec/wire/tracking/compare'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import { resolveRun } from '../names.ts'
import type { Cell, Column } from '../output.ts'
import { shortNumber } from '../present.ts'

interface Row {
  readonly what: 'param' | 'metric'
  readonly name: string
  readonly values: readonly Cell[]
  /** Places of the best runs. */
  readonly best: readonly number[]
}

export const command: Command = {
  async run(context, args, options) {
    const [least, most] = [options.text('min'), options.text('max')]
    if (least !== undefined && most !== undefined) {
      throw usageError('--min and --max can not both be given.', 'One metric is what the runs are judged by.')
    }
    const client = await context.client()
    const ids: string[] = []
    for (const name of args) ids.push(await resolveRun(context, client, name))
    const compared = await client.runs.compare(ids, {
      metric: least ?? most,
      ...(least === undefined ? {} : { goal: 'minimize' as const }),
      ...(most === undefined ? {} : { goal: 'maximize' as const }),
      ...(options.flag('last') ? { by: 'last' as const } : {}),
    })
    const isWhole = options.flag('all')
    const rows = rowsOf(compared, isWhole, options.flag('last'))
    await context.printRows(rows, columnsOf(compared), (row) => row.name, compared)
    const same = compared.params.filter(({ differs }) => !differs).length
    const areSame = same === 1 ? 'One parameter is' : `${same} parameters are`
    if (!isWhole && same > 0) context.say(`${areSame} the same in all; --all shows them.`)
    if (rows.some(({ best }) => best.length > 0)) context.say('* is the best.')
    return undefined
  },
}

function rowsOf({ params, metrics }: RunComparison, isWhole: boolean, isLast: boolean): Row[] {
  return [
    ...params
      .filter(({ differs }) => differs || isWhole)
      .map(({ name, values }): Row => {
        return { what: 'param', name, values: values.map((value) => value && cellOf(value[0])), best: [] }
      }),
    ...metrics.map(({ name, goal, values, best }): Row => {
      // As they were judged; without a goal the newest value is the one to see.
      const summary = isLast || goal === null ? 'last' : goal === 'minimize' ? 'min' : 'max'
      return { what: 'metric', name, values: values.map((value) => value?.[summary]), best }
    }),
  ]
}

function columnsOf({ runs }: RunComparison): Column<Row>[] {
  const names = runs.map(({ id, name }) => name ?? id)
  const isUnique = new Set(names).size === names.length
  return [
    { name: 'what', value: (row) => row.what, wide: true },
    { name: 'name', value: (row) => row.name, flexible: true, minWidth: 12 },
    ...runs.map(({ id }, place): Column<Row> => {
      return {
        name: isUnique ? names[place]! : id,
        value: (row) => row.values[place],
        show: (row) => {
          const value = row.values[place]
          const text = typeof value === 'number' ? shortNumber(value) : String(value ?? '-')
          return row.best.includes(place) ? `* ${text}` : text
        },
        align: 'right',
      }
    }),
  ]
}

function cellOf(value: unknown): Cell {
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value)
}
