import { SweepError } from '@sweep/spec/errors'
import { commandLineOf } from '../best-command.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import type { Cell } from '../output.ts'
import { escapeLines } from '../terminal/terminal-text.ts'

export const command: Command = {
  async run(context, args, options) {
    const client = await context.client()
    const sweep = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    const { best } = sweep
    if (best === null) {
      const why = sweep.metric === null ? 'it names no metric' : `no trial has reported ${sweep.metric.name} yet`
      const error = new SweepError('not-found', `Sweep ${sweep.id} has no best trial: ${why}.`, {
        hint: `See \`sweep trial ls ${sweep.id}\` and \`sweep why ${sweep.id}\`.`,
      })
      if (sweep.endedAt === null) throw error
      context.warn(error.message)
      return EXIT.noGoodTrial
    }
    const line = await commandLineOf(sweep.document, best.config, context.process.environment)
    if (options.flag('command') && !context.isMachineReadable) {
      context.write(`${context.process.stdout.isTTY === true ? escapeLines(line) : line}\n`)
      return EXIT.ok
    }
    const fields: (readonly [string, Cell])[] = [
      ['sweep', sweep.id],
      ['trial', best.trial],
      [sweep.metric?.name ?? 'value', best.value],
      ...Object.entries(best.config).map(([name, value]): [string, Cell] => [
        name,
        typeof value === 'object' ? JSON.stringify(value) : value,
      ]),
      ['command', line],
    ]
    await context.printRecord({ sweep: sweep.id, ...best, command: line }, fields, `${sweep.id}-${best.trial}`)
    return EXIT.ok
  },
}
