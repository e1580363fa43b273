import type { SweepDetail } from '@sweep/spec/wire/api'
import type { ConfigBoard, ConfigRow } from '@sweep/spec/wire/confirmation'
import type { CliContext } from './context.ts'
import { configText, intervalText, shortNumber, varyingConfig } from './present.ts'

/** The configs of a sweep that runs each with several seeds. */
export async function printConfigs(context: CliContext, board: ConfigBoard, { document }: SweepDetail): Promise<void> {
  await context.printRows<ConfigRow>(
    board.rows,
    [
      { name: 'rank', value: (row) => row.rank, show: (row) => String(row.rank ?? '-'), align: 'right' },
      { name: board.metric.name, value: (row) => row.mean, show: intervalText, align: 'right' },
      { name: 'low', value: (row) => row.low, wide: true },
      { name: 'high', value: (row) => row.high, wide: true },
      { name: 'deviation', value: (row) => row.deviation, show: (row) => shortNumber(row.deviation), align: 'right' },
      { name: 'runs', value: (row) => `${row.runs}/${board.seeds}`, align: 'right' },
      { name: 'trials', value: (row) => row.trials.join(','), flexible: true, minWidth: 8 },
      {
        name: 'config',
        value: (row) => configText(row.config, String),
        show: (row) => configText(varyingConfig(row.config, document.space)),
        flexible: true,
        minWidth: 12,
      },
    ],
    (row) => String(row.trials[0]),
    board,
  )
  context.say(`Means over the seeds of each config, with 95 % intervals (Student's t).`)
}
