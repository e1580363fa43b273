import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { SweepError } from '@sweep/spec/errors'
import type { Command } from '../command.ts'
import { usageError } from '../exit-codes.ts'

export const command: Command = {
  async run(context, args) {
    const name = args[0] ?? ''
    const client = await context.client()
    const { agents } = await client.listAgents()
    const matching = agents.filter((agent) => agent.id === name || agent.name === name)
    const found = matching.length > 0 ? matching : agents.filter((agent) => name !== '' && agent.id.startsWith(name))
    const [agent, other] = found
    if (agent === undefined) {
      const hint =
        didYouMeanHint(
          name,
          agents.flatMap((known) => [known.name, known.id]),
        ) ?? '`sweep agent ls` lists them.'
      throw new SweepError('not-found', `There is no agent "${name}".`, { hint })
    }
    if (other !== undefined) {
      const ids = found.map((one) => `${one.id} (${one.name})`).join(', ')
      throw usageError(`Several agents match "${name}": ${ids}.`, 'Name one by its id.')
    }
    const drained = await client.drainAgent(agent.id)
    context.say(`Agent ${drained.name} gets no more trials; ${drained.busy} of its slots are still busy.`)
    await context.printRecord(
      drained,
      [
        ['id', drained.id],
        ['name', drained.name],
        ['state', drained.state],
      ],
      drained.id,
    )
    return undefined
  },
}
