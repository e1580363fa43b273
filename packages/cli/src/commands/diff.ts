import type { Client } from '@sweep/client/client'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { resolveTrial } from '../names.ts'
import { loadRunRecord, loadSeries } from '../reproduction/run-record.ts'
import { type Difference, differenceText, type RunSide, trialDifferences } from '../reproduction/trial-differences.ts'

export const command: Command = {
  async run(context, args) {
    const [first = '', second = ''] = args
    const client = await context.client()
    const a = await loadSide(context, client, first)
    // A number alone is another trial of the same sweep.
    const b = await loadSide(context, client, /^\d+$/.test(second) ? `${a.record.sweep.id}/${second}` : second)
    if (a.record.trial.id === b.record.trial.id) {
      throw usageError(`${first} and ${second} are the same trial.`, 'Name two, such as @last/1 @last/2.')
    }
    const rows = trialDifferences(a, b)
    const [left, right] = [a, b].map(({ record }) => `${record.sweep.id}/${record.trial.number}`)
    const data = { a: sideData(a), b: sideData(b), differences: rows }
    await context.printRows(
      rows,
      [
        { name: 'what', value: (row) => `${row.section === row.name ? '' : `${row.section}: `}${row.name}` },
        { name: left!, value: (row) => cell(row, row.a), show: (row) => differenceText(row, row.a), ...FLEXIBLE },
        {
          name: right!,
          value: (row) => cell(row, row.b),
          show: (row) => (row.same ? '=' : differenceText(row, row.b)),
          ...FLEXIBLE,
        },
        { name: 'same', value: (row) => row.same, wide: true },
      ],
      (row) => `${row.section}:${row.name}`,
      data,
    )
    tellLimits(context, a, b)
    return undefined
  },
}

const FLEXIBLE = { flexible: true, minWidth: 12 } as const

function cell(row: Difference, value: Difference['a']): string | number | boolean | null | undefined {
  return typeof value === 'object' && value !== null ? differenceText(row, value) : value
}

async function loadSide(context: CliContext, client: Client, name: string): Promise<RunSide> {
  const { sweepId, number } = await resolveTrial(context, client, [name])
  const record = await loadRunRecord(client, sweepId, number)
  return { record, series: await loadSeries(client, record) }
}

function sideData({ record: { sweep, trial, attempt, environment }, series }: RunSide) {
  return { sweep: sweep.id, trial, attempt: attempt?.number ?? null, environment, series }
}

function tellLimits(context: CliContext, a: RunSide, b: RunSide): void {
  for (const { record } of [a, b]) {
    const name = `${record.sweep.id}/${record.trial.number}`
    if (record.attempt === undefined) context.warn(`Trial ${name} was never started: nothing is known of its run.`)
    else if (record.environment.packages === undefined) context.say(`The packages of ${name} were not recorded.`)
  }
  const diffs = [a, b].map(({ record }) => record.environment.git?.diffHash)
  if (diffs[0] !== diffs[1]) context.say('The uncommitted changes themselves are in --json, as environment.git.diff.')
}
