import type { SweepAction } from '@sweep/client/client'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { resolveSweep } from '../names.ts'
import { sweepFields } from '../sweep-record.ts'

/** `pause`, `resume`, `stop` and `cancel` of a sweep. */
export function sweepControl(action: SweepAction): Command {
  return {
    async run(context, args) {
      const client = await context.client()
      const id = await resolveSweep(context, client, args[0] ?? '')
      // Killing is asked about where somebody can answer; scripts have said what they want.
      if (action === 'cancel' && context.isInteractive && context.process.isStdinTty) {
        const { running } = (await client.getSweep(id)).trials
        if (running > 0 && !(await context.confirm(`Kill ${running} running trials of sweep ${id}?`))) {
          context.say('Nothing was done.')
          return EXIT.failed
        }
      }
      const sweep = await client.controlSweep(id, action)
      const { running } = sweep.trials
      const trials = running === 1 ? '1 running trial' : `${running} running trials`
      context.say(
        {
          pause: `Sweep ${id} is paused: ${trials} will finish, none will start. \`sweep resume ${id}\` goes on.`,
          resume: `Sweep ${id} goes on.`,
          stop: `Sweep ${id} ends once ${trials} have finished. \`sweep cancel ${id}\` does not wait for them.`,
          cancel: `Sweep ${id} is cancelled; ${trials} are being killed.`,
        }[action],
      )
      await context.printRecord(sweep, sweepFields(sweep), id)
      return EXIT.ok
    },
  }
}
