import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { SWEEP_STATES } from '@sweep/spec/sweep-state'
import type { SweepView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'
import { sweepColumns } from '../present.ts'

const PAGE = 100

export const command: Command = {
  async run(context, _args, options) {
    const limit = options.whole('limit') ?? 100
    const states = options.list('state')
    for (const state of states) {
      if (SWEEP_STATES.some((known) => known === state)) continue
      const hint = didYouMeanHint(state, SWEEP_STATES) ?? `States are ${SWEEP_STATES.join(', ')}.`
      throw usageError(`"${state}" is no state of a sweep.`, hint)
    }
    const client = await context.client()
    const sweeps: SweepView[] = []
    let after: string | undefined
    do {
      const page = await client.listSweeps({ limit: Math.min(PAGE, limit), ...(after === undefined ? {} : { after }) })
      sweeps.push(...page.sweeps.filter((sweep) => states.length === 0 || states.includes(sweep.state)))
      after = page.next ?? undefined
    } while (after !== undefined && sweeps.length < limit)
    const rows = sweeps.slice(0, limit)
    await context.printRows(rows, sweepColumns(context.process.now()), (sweep) => sweep.id)
    if (rows.length === 0) context.say('No sweeps. Create one with `sweep create sweep.yaml`, or try `sweep demo`.')
    else if (after !== undefined || sweeps.length > limit) context.say(`Only the newest ${limit}; --limit shows more.`)
    return undefined
  },
}
