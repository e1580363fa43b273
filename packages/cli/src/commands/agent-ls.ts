import type { AgentView } from '@sweep/spec/wire/api'
import type { Command } from '../command.ts'
import type { Column } from '../output.ts'
import { ageText } from '../present.ts'

export const command: Command = {
  async run(context) {
    const now = context.process.now()
    const { agents } = await (await context.client()).listAgents()
    const columns: Column<AgentView>[] = [
      { name: 'id', value: (agent) => agent.id },
      { name: 'name', value: (agent) => agent.name, flexible: true, minWidth: 8 },
      { name: 'state', value: (agent) => agent.state },
      ...(agents.some((agent) => agent.reason !== undefined)
        ? [{ name: 'why', value: (agent: AgentView) => agent.reason ?? '', flexible: true, minWidth: 12 }]
        : []),
      { name: 'slots', value: (agent) => `${agent.busy}/${agent.slots}`, align: 'right' },
      { name: 'gpus', value: (agent) => agent.gpus.length, align: 'right' },
      { name: 'queues', value: (agent) => agent.queues.join(','), flexible: true, minWidth: 8 },
      ...(agents.some((agent) => agent.condition !== undefined)
        ? [{ name: 'claims', value: (agent: AgentView) => agent.condition?.claims ?? '' }]
        : []),
      ...(agents.some((agent) => agent.condition?.queueTrouble !== undefined)
        ? [
            {
              name: 'trouble',
              value: (agent: AgentView) => agent.condition?.queueTrouble ?? '',
              flexible: true,
              minWidth: 12,
            },
          ]
        : []),
      {
        name: 'seen',
        value: (agent) => agent.lastSeenAt,
        show: (agent) => `${ageText(agent.lastSeenAt, now)} ago`,
        align: 'right',
      },
      { name: 'host', value: (agent) => agent.host, wide: true },
      { name: 'version', value: (agent) => agent.version, wide: true },
    ]
    await context.printRows(agents, columns, (agent) => agent.id)
    if (agents.length === 0) context.say('No agents. `sweep agent start` runs trials on this machine.')
    return undefined
  },
}
