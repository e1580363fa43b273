import type { AgentView } from '@sweep/spec/wire/api'
import type { AgentRecord } from '@sweep/store/agents'

export function agentView(agent: AgentRecord): AgentView {
  return {
    id: agent.id,
    name: agent.name,
    host: agent.host,
    state: agent.state,
    slots: agent.slots.length,
    busy: agent.busy,
    gpus: agent.slots.flatMap(({ gpu }) => (gpu === undefined ? [] : [gpu.name ?? `GPU ${gpu.index}`])),
    queues: [...agent.queues],
    labels: { ...agent.labels },
    version: agent.version,
    lastSeenAt: agent.lastSeenAt.toISOString(),
  }
}
