import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import { sweepFields } from '../sweep-record.ts'
import { parseCondition, waitFor } from '../watch/wait-for.ts'
import { endExitCode } from '../watch/watch-sweep.ts'

export const command: Command = {
  async run(context, args, options) {
    const condition = parseCondition(options.text('for') ?? 'done')
    const timeoutMs = options.durationMs('timeout')
    const id = await resolveSweep(context, await context.client(), args[0] ?? '')
    const { outcome, sweep } = await waitFor(context, id, condition, timeoutMs)
    await context.printRecord(sweep, sweepFields(sweep), sweep.id)
    switch (outcome) {
      case 'timed-out':
        context.warn(`timed out; sweep ${sweep.id} is ${sweep.state} and goes on.`)
        return EXIT.waitTimedOut
      case 'ended':
        context.warn(`sweep ${sweep.id} is ${sweep.state} without it.`)
        return EXIT.noGoodTrial
      case 'met':
        return condition.kind === 'done' ? endExitCode(sweep) : EXIT.ok
    }
  },
}
