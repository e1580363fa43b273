import { gpuKey } from '@sweep/spec/placement'
import type { AgentView } from '@sweep/spec/wire/api'
import type { AgentRecord } from '@sweep/store/agents'

export function agentView(agent: AgentRecord): AgentView {
  const gpus = new Map(agent.slots.flatMap(({ gpu }) => (gpu === undefined ? [] : [[gpuKey(gpu), gpu] as const])))
  return {
    id: agent.id,
    name: agent.name,
    host: agent.host,
    state: agent.state,
    ...(agent.stateReason === null ? {} : { reason: agent.stateReason }),
    slots: agent.slots.length,
    busy: agent.busy,
    gpus: [...gpus.values()].map((gpu) => gpu.name ?? `GPU ${gpu.index}`),
    queues: [...agent.queues],
    labels: { ...agent.labels },
    version: agent.version,
    lastSeenAt: agent.lastSeenAt.toISOString(),
    ...(agent.condition === null ? {} : { condition: agent.condition }),
  }
}
