import type { TrialAction } from '@sweep/client/client'
import type { Command } from '../command.ts'
import { resolveTrial } from '../names.ts'
import { trialFields } from '../trial-record.ts'

/** `trial stop`, `prune`, `cancel` and `retry`. */
export function trialControl(action: TrialAction): Command {
  return {
    async run(context, args) {
      const client = await context.client()
      const { sweepId, number } = await resolveTrial(context, client, args)
      const trial = await client.controlTrial(sweepId, number, action)
      const done = { stop: 'asked to stop', prune: 'being pruned', cancel: 'being killed', retry: 'queued again' }[
        action
      ]
      context.say(`Trial ${sweepId}/${number} is ${done}.`)
      await context.printRecord(trial, trialFields(trial), trial.id)
      return undefined
    },
  }
}
