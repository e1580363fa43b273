import type { Command } from '../command.ts'
import { printConfigs } from '../config-rows.ts'
import { loadLeaderboard, printLeaderboard, readTrialStates, sayWorst } from '../leaderboard-rows.ts'
import { resolveSweep } from '../names.ts'

export const command: Command = {
  async run(context, args, options) {
    const limit = options.flag('all') ? Number.POSITIVE_INFINITY : (options.whole('limit') ?? 20)
    const states = readTrialStates(options.list('state'))
    const client = await context.client()
    const sweep = await client.getSweep(await resolveSweep(context, client, args[0] ?? ''))
    if (sweep.document.replicates !== undefined && !options.flag('trials')) {
      await printConfigs(context, await client.configs(sweep.id, Number.isFinite(limit) ? limit : undefined), sweep)
      await sayWorst(context, client, sweep.id)
      return undefined
    }
    const rows = await loadLeaderboard(client, sweep.id, limit, states)
    await printLeaderboard(context, rows, sweep)
    if (rows.some((row) => row.health !== undefined)) await sayWorst(context, client, sweep.id)
    if (rows.length === 0) context.say(`No trials yet; \`sweep why ${sweep.id}\` says what it waits for.`)
    return undefined
  },
}
