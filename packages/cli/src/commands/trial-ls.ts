import type { TrialView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { readTrialStates } from '../leaderboard-rows.ts'
import { resolveSweep } from '../names.ts'
import { trialColumns } from '../present.ts'

export const command: Command = {
  async run(context, args, options) {
    const states = readTrialStates(options.list('state'))
    const client = await context.client()
    const sweep = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    const trials: TrialView[] = []
    let after: string | undefined
    do {
      const page = await client.listTrials(sweep.id, { states, limit: 500, after })
      trials.push(...page.trials)
      after = page.next ?? undefined
    } while (after !== undefined)
    const splitConfig = context.process.stdout.isTTY !== true || context.flags.output === 'csv'
    const columns = trialColumns(trials, sweep, { splitConfig })
    await context.printRows(trials, columns, (trial) => trial.id)
    if (trials.length === 0) context.say(`No trials; \`sweep why ${sweep.id}\` says what it waits for.`)
    return undefined
  },
}
