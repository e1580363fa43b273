import { setTimeout as sleep } from 'node:timers/promises'
import { connectEngine } from './connect-engine.ts'
import { containersOf, removeContainer } from './docker-launcher.ts'

/** Ends and removes every container of an agent that is gone: SIGTERM, after `graceMs` SIGKILL. */
export async function endContainers(socketPath: string, agentId: string, graceMs: number): Promise<void> {
  const engine = connectEngine(socketPath)
  const containers = await containersOf(engine, agentId)
  const running = containers.filter(({ State }) => State === 'running')
  await Promise.allSettled(running.map(({ Id }) => engine.getContainer(Id).kill({ signal: 'SIGTERM' })))
  if (running.length > 0) await sleep(graceMs)
  await Promise.allSettled(containers.map(({ Id }) => removeContainer(engine, Id)))
}
