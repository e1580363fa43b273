import type { Requires } from '@sweep/spec/document/sweep-document'
import { countSlotsFor, gpuKey, hasLabels, suitsGpu } from '@sweep/spec/placement'
import type { Gpu, Shape } from '@sweep/spec/wire/agent-protocol'
import type { AgentView, SweepView } from './view.ts'

/** Agents that one reason tells of. */
const MOST_NAMED = 3

/** Whether an agent would take such trials at all, room or not. */
export function serves(
  agent: AgentView,
  { queue, launcher, shape }: Pick<SweepView, 'queue' | 'launcher' | 'shape'>,
): boolean {
  return agent.queues.includes(queue) && agent.launchers.includes(launcher) && hasLabels(agent.labels, shape.requires)
}

/** How many trials of a shape an otherwise empty agent runs at once, whatever queue they come from. */
export function fits(agent: AgentView, shape: Shape): number {
  if (agent.blocked !== undefined) return 0
  const bySlots = countSlotsFor(agent.slots, shape)
  const byCpus = shape.cpus === undefined ? bySlots : Math.floor(agent.cpus / shape.cpus)
  const byMemory = shape.memoryBytes === undefined ? bySlots : Math.floor(agent.memoryBytes / shape.memoryBytes)
  return Math.max(0, Math.min(bySlots, byCpus, byMemory))
}

/** Why a trial fits nowhere, naming the agent that comes nearest and what it lacks; undefined when it fits somewhere. */
export function whyNoneFits(
  agents: readonly AgentView[],
  { queue, launcher, shape }: Pick<SweepView, 'queue' | 'launcher' | 'shape'>,
): string | undefined {
  if (agents.length === 0) return 'no agent is connected'
  const inQueue = agents.filter((agent) => agent.queues.includes(queue))
  if (inQueue.length === 0) {
    const queues = [...new Set(agents.flatMap((agent) => agent.queues))].sort()
    return `no agent serves the queue ${queue}; those connected serve ${queues.join(', ')}`
  }
  const serving = inQueue.filter((agent) => agent.launchers.includes(launcher))
  if (serving.length === 0) {
    const has = inQueue.map((agent) => `agent ${agent.name} has ${agent.launchers.join(' and ')} only`)
    return `no living agent can launch ${launcher}; ${has.slice(0, MOST_NAMED).join(', ')}`
  }
  const labelled = serving.filter((agent) => hasLabels(agent.labels, shape.requires))
  if (labelled.some((agent) => fits(agent, shape) > 0)) return undefined
  const blocked = labelled.find((agent) => fits({ ...agent, blocked: undefined }, shape) > 0)
  if (blocked) return `agent ${blocked.name} takes nothing while ${blocked.blocked}`
  const nearest = serving
    .map((agent) => ({ agent, lacks: lacking(agent, shape) }))
    .sort(
      (a, b) => a.lacks.length - b.lacks.length || byShortfall(a.lacks, b.lacks) || compare(a.agent.name, b.agent.name),
    )
  const [first] = nearest
  const detail = first?.lacks.map((lack) => lack.has).join(' and ')
  return `no agent fits what a trial needs; the nearest, ${first?.agent.name}, has ${detail}`
}

interface Lack {
  /** What is there instead, to follow "has". */
  readonly has: string
  /** Part of the need that is there. */
  readonly met: number
}

function lacking(agent: AgentView, shape: Shape): Lack[] {
  const lacks = [...lackingLabels(agent, shape.requires), ...lackingGpus(agent, shape)]
  if (shape.cpus !== undefined && shape.cpus > agent.cpus) {
    lacks.push({ has: `${agent.cpus} of the ${shape.cpus} CPUs`, met: agent.cpus / shape.cpus })
  }
  if (shape.memoryBytes !== undefined && shape.memoryBytes > agent.memoryBytes) {
    const has = `${gib(agent.memoryBytes)} of the ${gib(shape.memoryBytes)} of memory`
    lacks.push({ has, met: agent.memoryBytes / shape.memoryBytes })
  }
  if (lacks.length === 0) lacks.push({ has: `${agent.slots.length} of the 1 slots`, met: 0 })
  return lacks
}

function lackingLabels({ labels }: AgentView, requires: Requires = {}): Lack[] {
  return Object.entries(requires.labels ?? {}).flatMap(([name, value]) => {
    const own = labels[name]
    if (own === value) return []
    return [{ has: own === undefined ? `no label ${name}=${value}` : `${name}=${own}, not ${name}=${value}`, met: 0 }]
  })
}

function lackingGpus({ slots }: AgentView, shape: Shape): Lack[] {
  if (countSlotsFor(slots, shape) > 0) return []
  const { gpus = 0, requires = {} } = shape
  const all = new Map(slots.flatMap(({ gpu }) => (gpu === undefined ? [] : [[gpuKey(gpu), gpu] as const])))
  const suited = [...all.values()].filter((gpu) => suitsGpu(gpu, requires)).length
  if (suited === 0 && (requires.gpuModel !== undefined || requires.gpuMemoryBytes !== undefined)) {
    const have = all.size === 0 ? 'no GPU' : [...new Set([...all.values()].map(gpuText))].join(' and ')
    return [{ has: `${have}, not ${requiredGpu(requires)}`, met: 0 }]
  }
  if (gpus <= suited) return []
  const suiting = suited < all.size ? ` that are ${requiredGpu(requires)}` : ''
  return [{ has: `${suited} of the ${gpus} ${gpus <= 1 ? 'GPU' : 'GPUs'}${suiting}`, met: suited / gpus }]
}

function gpuText({ name = 'a GPU of unknown name', memoryBytes }: Gpu): string {
  return memoryBytes === undefined ? name : `${name} (${gib(memoryBytes)})`
}

function requiredGpu({ gpuModel = 'a GPU', gpuMemoryBytes }: Requires): string {
  return gpuMemoryBytes === undefined ? gpuModel : `${gpuModel} with ${gib(gpuMemoryBytes)}`
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
