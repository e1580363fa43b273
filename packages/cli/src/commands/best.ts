import type { Client } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import { sideMetrics } from '@sweep/spec/objectives'
import type { Config } from '@sweep/spec/search-space'
import type { SweepDetail } from '@sweep/spec/wire/api'
import { commandLineOf } from '../best-command.ts'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { loadFront } from '../leaderboard-rows.ts'
import { resolveSweep } from '../names.ts'
import type { Cell } from '../output.ts'
import { configText, intervalText, shortNumber, varyingConfig } from '../present.ts'
import { escapeLines } from '../terminal/terminal-text.ts'

export const command: Command = {
  async run(context, args, options) {
    const client = await context.client()
    const sweep = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    const isCommandOnly = options.flag('command') && !context.isMachineReadable
    // One good run is luck where there are several: the best config is that of the best mean.
    if (sweep.document.replicates !== undefined) return printBestMean(context, client, sweep, isCommandOnly)
    return sweep.objectives === undefined
      ? printBest(context, sweep, isCommandOnly)
      : printFront(context, client, sweep, isCommandOnly)
  },
}

async function printBest(context: CliContext, sweep: SweepDetail, isCommandOnly: boolean): Promise<number> {
  const { best } = sweep
  if (best === null) return tellNothing(context, sweep)
  const line = await lineOf(context, sweep, best.config)
  if (isCommandOnly) {
    printLines(context, [line])
    return EXIT.ok
  }
  const fields: (readonly [string, Cell])[] = [
    ['sweep', sweep.id],
    ['trial', best.trial],
    [sweep.metric?.name ?? 'value', best.value],
    ...configFields(best.config),
    ['command', line],
  ]
  await context.printRecord({ sweep: sweep.id, ...best, command: line }, fields, `${sweep.id}-${best.trial}`)
  return EXIT.ok
}

async function printBestMean(
  context: CliContext,
  client: Client,
  sweep: SweepDetail,
  isCommandOnly: boolean,
): Promise<number> {
  const { metric, seeds, rows } = await client.configs(sweep.id, 1)
  const [best] = rows
  if (best === undefined || best.mean === null) return tellNothing(context, sweep)
  const command = await lineOf(context, sweep, best.config)
  if (isCommandOnly) {
    printLines(context, [command])
    return EXIT.ok
  }
  const fields: (readonly [string, Cell])[] = [
    ['sweep', sweep.id],
    ['trials', best.trials.join(',')],
    [`mean ${metric.name}`, intervalText(best)],
    ['runs', `${best.runs} of ${seeds}`],
    ...configFields(best.config),
    ['command', command],
  ]
  await context.printRecord({ sweep: sweep.id, ...best, command }, fields, `${sweep.id}-${best.trials[0]}`)
  return EXIT.ok
}

function configFields(config: Config): [string, Cell][] {
  return Object.entries(config).map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : value,
  ])
}

/** With several objectives the best are those that no other trial beats, in the order of the first objective. */
async function printFront(
  context: CliContext,
  client: Client,
  sweep: SweepDetail,
  isCommandOnly: boolean,
): Promise<number> {
  const front = await loadFront(client, sweep.id)
  if (front.length === 0) return tellNothing(context, sweep)
  const rows = await Promise.all(
    front.map(async ({ number, values = {}, config }) => {
      return { sweep: sweep.id, trial: number, values, config, command: await lineOf(context, sweep, config) }
    }),
  )
  if (isCommandOnly) {
    printLines(
      context,
      rows.map((row) => row.command),
    )
    return EXIT.ok
  }
  const { document } = sweep
  const names = [document.metric, ...sideMetrics(document)].flatMap((metric) => metric?.name ?? [])
  await context.printRows(
    rows,
    [
      { name: 'trial', value: (row) => row.trial, align: 'right' },
      ...names.map((name) => ({
        name,
        value: (row: (typeof rows)[number]) => row.values[name],
        show: (row: (typeof rows)[number]) => shortNumber(row.values[name] ?? null),
        align: 'right' as const,
      })),
      {
        name: 'config',
        value: (row) => configText(row.config, String),
        show: (row) => configText(varyingConfig(row.config, document.space)),
        flexible: true,
        minWidth: 12,
      },
      { name: 'command', value: (row) => row.command, wide: true },
    ],
    (row) => `${row.sweep}-${row.trial}`,
  )
  return EXIT.ok
}

/** @throws SweepError `not-found` while the sweep may still come to something */
function tellNothing(context: CliContext, sweep: SweepDetail): number {
  const error = new SweepError('not-found', `Sweep ${sweep.id} has no best trial: ${whyNone(sweep)}.`, {
    hint: `See \`sweep trial ls ${sweep.id}\` and \`sweep why ${sweep.id}\`.`,
  })
  if (sweep.endedAt === null) throw error
  context.warn(error.message)
  return EXIT.noGoodTrial
}

function whyNone({ metric, objectives, constraints }: SweepDetail): string {
  if (metric === null) return 'it names no metric'
  const what = objectives === undefined ? `has reported ${metric.name}` : 'has ended with a value of every objective'
  return `no trial ${what}${constraints === undefined ? '' : ' and keeps to the constraints'} yet`
}

async function lineOf(context: CliContext, sweep: SweepDetail, config: Config): Promise<string> {
  return commandLineOf(sweep.document, config, context.process.environment)
}

function printLines(context: CliContext, lines: readonly string[]): void {
  const isTty = context.process.stdout.isTTY === true
  for (const line of lines) context.write(`${isTty ? escapeLines(line) : line}\n`)
}
