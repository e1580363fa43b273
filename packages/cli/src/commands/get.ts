import type { Command } from '../command.ts'
import { resolveSweep } from '../names.ts'
import { sweepFields } from '../sweep-record.ts'
import { escapeLines } from '../terminal/terminal-text.ts'

export const command: Command = {
  async run(context, args, options) {
    const client = await context.client()
    const sweep = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    if (options.flag('source')) {
      const isTty = context.process.stdout.isTTY === true
      context.write(isTty ? escapeLines(sweep.source) : sweep.source)
      if (!sweep.source.endsWith('\n')) context.write('\n')
      return undefined
    }
    await context.printRecord(sweep, [...sweepFields(sweep), ['workdir', sweep.workdir]], sweep.id)
    return undefined
  },
}
