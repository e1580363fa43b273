import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import { endExitCode, watchSweep } from '../watch/watch-sweep.ts'

export const command: Command = {
  async run(context, args) {
    const id = await resolveSweep(context, await context.client(), args[0] ?? '')
    const { sweep, isDetached } = await watchSweep(context, id)
    return isDetached ? EXIT.interrupted : endExitCode(sweep)
  },
}
