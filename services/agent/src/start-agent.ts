import { cpus, totalmem } from 'node:os'
import { LocalSpawner } from '@sweep/launchers/process/spawner'
import { newId } from '@sweep/spec/ids'
import { Agent } from './agent.ts'
import type { AgentDeps, AgentHandle } from './agent-handle.ts'
import { AgentHome } from './home/agent-home.ts'
import { ReaperLink } from './home/reaper-link.ts'
import { findReaper } from './host/host-files.ts'
import { type AgentLaunchers, makeLaunchers } from './make-launchers.ts'
import type { AgentSettings } from './settings.ts'
import { CLUSTER_CAPACITY, clusterSlots } from './slots/cluster-slots.ts'
import { findGpus, listNvidiaSmi, queryNvidiaSmi } from './slots/gpus.ts'
import { makeSlots, SlotTable } from './slots/slot-table.ts'

/**
 * One agent. Returns as soon as its home is its own; it registers in the background, and tries on while the server is
 * away.
 * @throws SweepError when its home can't be used
 */
export async function startAgent(settings: AgentSettings, deps: AgentDeps): Promise<AgentHandle> {
  const home = AgentHome.open(settings.home, settings.name, newId(deps.randomBytes))
  try {
    const reaper = reaperFor(settings, deps, home)
    const spawner = reaper ?? new LocalSpawner()
    const launchers = deps.launchers ?? (await makeLaunchers(settings, home, { ...deps, spawner }))
    const { slots, capacity } = await roomOf(settings, deps, launchers)
    const agent = new Agent(settings, deps, home, new SlotTable(slots, capacity), capacity, launchers, reaper)
    await agent.begin()
    return agent
  } catch (error) {
    home.close()
    throw error
  }
}

function reaperFor({ env }: AgentSettings, { reaperPath, log }: AgentDeps, home: AgentHome): ReaperLink | undefined {
  const path = reaperPath === undefined ? findReaper() : reaperPath
  if (path === null || path === undefined) {
    log.warn('no reaper: if this agent is killed, its programs go on')
    return undefined
  }
  return new ReaperLink(path, home, env, log.child({ agent: home.name }))
}

/** What an agent has to offer: its host, or what it may use of a cluster. */
async function roomOf(settings: AgentSettings, deps: AgentDeps, { all, offered }: AgentLaunchers) {
  const remote = offered.map((name) => all.get(name)).find((launcher) => launcher?.isRemote === true)
  if (remote !== undefined) {
    const gpus = settings.slots === undefined ? await remote.gpus?.() : undefined
    return { slots: clusterSlots(settings.slots, gpus), capacity: CLUSTER_CAPACITY }
  }
  const gpus = await findGpus(deps.queryGpus ?? queryNvidiaSmi, deps.listGpus ?? listNvidiaSmi)
  const choice = { gpus: settings.gpus, count: settings.slots, perGpu: settings.slotsPerGpu }
  const capacity = { cpus: cpus().length, memoryBytes: totalmem() }
  return { slots: makeSlots(gpus, choice, capacity.cpus), capacity }
}
