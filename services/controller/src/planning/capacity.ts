import type { Shape } from '@sweep/spec/wire/agent-protocol'
import type { AgentView } from './view.ts'

/** How many trials of a shape an otherwise empty agent runs at once, whatever queue they come from. */
export function fits(agent: AgentView, shape: Shape): number {
  if (agent.blocked !== undefined) return 0
  const bySlots =
    shape.gpus === undefined || shape.gpus === 0
      ? agent.slots
      : Math.floor(Math.min(agent.gpuSlots, agent.slots) / shape.gpus)
  const byCpus = shape.cpus === undefined ? bySlots : Math.floor(agent.cpus / shape.cpus)
  const byMemory = shape.memoryBytes === undefined ? bySlots : Math.floor(agent.memoryBytes / shape.memoryBytes)
  return Math.max(0, Math.min(bySlots, byCpus, byMemory))
}

/** Why a shape fits nowhere, naming the agent that comes nearest and what it lacks; undefined when it fits somewhere. */
export function whyNoneFits(agents: readonly AgentView[], queue: string, shape: Shape): string | undefined {
  if (agents.length === 0) return 'no agent is connected'
  const serving = agents.filter((agent) => agent.queues.includes(queue))
  if (serving.length === 0) {
    const queues = [...new Set(agents.flatMap((agent) => agent.queues))].sort()
    return `no agent serves the queue ${queue}; those connected serve ${queues.join(', ')}`
  }
  if (serving.some((agent) => fits(agent, shape) > 0)) return undefined
  const blocked = serving.find((agent) => fits({ ...agent, blocked: undefined }, shape) > 0)
  if (blocked) return `agent ${blocked.name} takes nothing while ${blocked.blocked}`
  const nearest = serving
    .map((agent) => ({ agent, lacks: lacking(agent, shape) }))
    .sort(
      (a, b) => a.lacks.length - b.lacks.length || byShortfall(a.lacks, b.lacks) || compare(a.agent.name, b.agent.name),
    )
  const [first] = nearest
  const detail = first?.lacks.map((lack) => `${lack.has} of the ${lack.needs} ${lack.what}`).join(' and ')
  return `no agent fits what a trial needs; the nearest, ${first?.agent.name}, has ${detail}`
}

interface Lack {
  readonly what: string
  readonly needs: string
  readonly has: string
  /** Part of the need that is there. */
  readonly met: number
}

function lacking(agent: AgentView, shape: Shape): Lack[] {
  const lacks: Lack[] = []
  const gpus = shape.gpus ?? 0
  if (gpus > agent.gpuSlots) {
    lacks.push({
      what: gpus === 1 ? 'GPU' : 'GPUs',
      needs: String(gpus),
      has: String(agent.gpuSlots),
      met: agent.gpuSlots / gpus,
    })
  }
  if (shape.cpus !== undefined && shape.cpus > agent.cpus) {
    lacks.push({ what: 'CPUs', needs: String(shape.cpus), has: String(agent.cpus), met: agent.cpus / shape.cpus })
  }
  if (shape.memoryBytes !== undefined && shape.memoryBytes > agent.memoryBytes) {
    lacks.push({
      what: 'of memory',
      needs: gib(shape.memoryBytes),
      has: gib(agent.memoryBytes),
      met: agent.memoryBytes / shape.memoryBytes,
    })
  }
  if (lacks.length === 0) lacks.push({ what: 'slots', needs: '1', has: String(agent.slots), met: 0 })
  return lacks
}

function byShortfall(a: readonly Lack[], b: readonly Lack[]): number {
  const met = (lacks: readonly Lack[]) => lacks.reduce((sum, lack) => sum + lack.met, 0)
  return met(b) - met(a)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function gib(bytes: number): string {
  return `${Math.round((bytes / 1024 ** 3) * 10) / 10} GiB`
}
