import type { Filter } from '@sweep/spec/filter/filter'
import { parseColumns, parseFilter, parseOrder } from '@sweep/spec/filter/parse-filter'
import { printFilter } from '@sweep/spec/filter/print-filter'
import { formatDuration } from '@sweep/spec/units'
import type { RunRow } from '@sweep/spec/wire/tracking/runs'
import type { Command } from '../command.ts'
import type { Column } from '../output.ts'
import { ageText } from '../present.ts'
import { durationMs, fieldColumns, readFields } from '../run-fields.ts'

const PAGE = 1000

export const command: Command = {
  async run(context, _args, options) {
    const limit = options.whole('limit') ?? 50
    const [filter, order, columns] = [options.text('filter'), options.text('order'), options.text('columns')]
    const asked = filter === undefined ? undefined : await readFields(context, filter, parseFilter)
    if (order !== undefined) await readFields(context, order, parseOrder)
    const wanted = columns === undefined ? [] : await readFields(context, columns, parseColumns)
    const meant = inExperiment(asked, options.text('experiment'))
    const client = await context.client()
    const runs: RunRow[] = []
    const hints: string[] = []
    let after: string | undefined
    do {
      const page = await client.runs.search({
        ...(meant === undefined ? {} : { filter: printFilter(meant) }),
        order,
        columns,
        project: options.text('project'),
        limit: Math.min(PAGE, limit - runs.length),
        after,
      })
      runs.push(...page.runs)
      hints.push(...(page.hints ?? []))
      after = page.next ?? undefined
    } while (after !== undefined && runs.length < limit)
    const now = context.process.now()
    const shown = columns === undefined ? overview(now) : [ID, STATUS, ...fieldColumns(wanted, runs)]
    await context.printRows(runs, shown, (run) => run.id)
    if (runs.length === 0) {
      const isAboutMetrics = meant !== undefined && hints.length === 0 && printFilter(meant).includes('metrics.')
      context.say(`No such runs.${isAboutMetrics ? ' What trials measure is found some seconds later.' : ''}`)
    } else if (after !== undefined) context.say(`Only the first ${limit}; --limit shows more.`)
    for (const hint of hints) context.say(hint)
    return undefined
  },
}

/** By name or id, which the server knows to tell apart. */
function inExperiment(filter: Filter | undefined, experiment: string | undefined): Filter | undefined {
  if (experiment === undefined) return filter
  const isOf: Filter = {
    kind: 'compare',
    field: { kind: 'attribute', name: 'experiment' },
    operator: '=',
    value: experiment,
  }
  return filter === undefined ? isOf : { kind: 'and', parts: [isOf, filter] }
}

const ID: Column<RunRow> = { name: 'id', value: (run) => run.id }
const STATUS: Column<RunRow> = { name: 'status', value: (run) => run.status }

function overview(now: number): Column<RunRow>[] {
  return [
    ID,
    { name: 'name', value: (run) => run.name, flexible: true, minWidth: 12 },
    { name: 'experiment', value: (run) => run.experiment, flexible: true, minWidth: 10 },
    STATUS,
    {
      name: 'duration_ms',
      value: durationMs,
      show: (run) => {
        const ms = durationMs(run)
        return ms === null ? '-' : formatDuration(ms)
      },
      align: 'right',
    },
    { name: 'age', value: (run) => run.createdAt, show: (run) => ageText(run.createdAt, now), align: 'right' },
  ]
}
