import { cpus, totalmem } from 'node:os'
import { newId } from '@sweep/spec/ids'
import { Agent } from './agent.ts'
import type { AgentDeps, AgentHandle } from './agent-handle.ts'
import { AgentHome } from './home/agent-home.ts'
import type { AgentSettings } from './settings.ts'
import { findGpus, queryNvidiaSmi } from './slots/gpus.ts'
import { makeSlots, SlotTable } from './slots/slot-table.ts'

/**
 * One agent. Returns as soon as its home is its own; it registers in the background, and tries on while the server is
 * away.
 * @throws SweepError when its home can't be used
 */
export async function startAgent(settings: AgentSettings, deps: AgentDeps): Promise<AgentHandle> {
  const home = AgentHome.open(settings.home, settings.name, newId(deps.randomBytes))
  try {
    const gpus = await findGpus(deps.queryGpus ?? queryNvidiaSmi)
    const capacity = { cpus: cpus().length, memoryBytes: totalmem() }
    const slots = new SlotTable(makeSlots(gpus, settings.gpus, settings.slots, capacity.cpus), capacity)
    const agent = new Agent(settings, deps, home, slots, capacity)
    await agent.begin()
    return agent
  } catch (error) {
    home.close()
    throw error
  }
}
