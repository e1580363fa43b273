import type { ImportanceMethod } from '@sweep/spec/importance-methods'
import type { ImportanceReply } from '@sweep/spec/wire/importance'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { resolveSweep } from '../names.ts'

/** Columns of a full bar. */
const BAR = 20
/** Pairs of parameters in a table; the data have all. */
const MOST_PAIRS = 5
const LEAST_PAIR = 0.01

interface Row {
  readonly name: string
  readonly importance: number
  readonly low: number
  readonly high: number
  readonly trials: number | null
}

export const command: Command = {
  async run(context, args, options) {
    const client = await context.client()
    const id = await resolveSweep(context, client, args[0] ?? '')
    const method = options.text('method') as ImportanceMethod | undefined
    const found = await client.importance(id, { metric: options.text('metric'), method })
    const rows = rowsOf(found)
    const most = Math.max(...rows.map(({ importance }) => importance), 0)
    const isShare = found.method !== 'ped-anova'
    const show = (value: number) => (isShare ? `${Math.round(100 * value)} %` : value.toFixed(2))
    await context.printRows(
      rows,
      [
        { name: 'parameter', value: (row) => row.name, flexible: true, minWidth: 12 },
        { name: 'importance', value: (row) => row.importance, show: (row) => show(row.importance), align: 'right' },
        { name: 'bar', value: () => null, show: (row) => barOf(row.importance, most) },
        { name: 'low', value: (row) => row.low, show: (row) => show(row.low), align: 'right' },
        { name: 'high', value: (row) => row.high, show: (row) => show(row.high), align: 'right' },
        { name: 'trials', value: (row) => row.trials, align: 'right' },
      ],
      (row) => row.name,
      found,
    )
    tellTrust(context, found)
    return undefined
  },
}

/** Pairs of parameters among the parameters, as what both are shares of is the same. */
function rowsOf({ parameters, interactions }: ImportanceReply): Row[] {
  const pairs = interactions
    .filter(({ importance }) => importance >= LEAST_PAIR)
    .slice(0, MOST_PAIRS)
    .map(({ names, ...estimate }) => ({ name: names.join(' × '), ...estimate, trials: null }))
  return [...parameters, ...pairs].sort((a, b) => b.importance - a.importance)
}

function barOf(importance: number, most: number): string {
  return '█'.repeat(most > 0 ? Math.round((BAR * importance) / most) : 0)
}

function tellTrust(context: CliContext, { metric, method, trials, r2, level, doubts, leftOut }: ImportanceReply): void {
  const at = level === 'full' ? '' : ` pruned at ${level}`
  const model = r2 === null ? '' : `, the model explains ${Math.max(0, Math.round(100 * r2))} % of unseen trials (R2)`
  context.say(`${method} of ${metric.name} over ${trials} trials${at}${model}.`)
  const { failed, otherResource, foreign } = leftOut
  const reasons = [
    ...(failed > 0 ? [`${failed} failed or without a finite value`] : []),
    ...(otherResource > 0 ? [`${otherResource} that ended at another resource`] : []),
    ...(foreign > 0 ? [`${foreign} with values outside the space`] : []),
  ]
  if (reasons.length > 0) context.say(`Left out: ${reasons.join(', ')}.`)
  for (const doubt of doubts) context.warn(doubt)
}
