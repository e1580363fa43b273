import { existsSync } from 'node:fs'
import type { LaunchCalls, Launched, Launcher } from '@sweep/launchers/launcher'
import type { RunFolder } from '@sweep/launchers/run-folder'
import type { AgentHome } from '../home/agent-home.ts'
import type { LiveRecord } from '../home/live-record.ts'

/**
 * Takes over the program of an attempt from an agent that was killed. Where that was about to start it, it is looked for:
 * a program that was started after all goes on, or has ended as it has, and does not run a second time.
 */
export async function adoptProgram(
  launcher: Launcher,
  { assignment, place: recorded }: LiveRecord,
  folder: RunFolder,
  { id, path }: AgentHome,
  calls: LaunchCalls,
): Promise<Launched> {
  const { attemptId, epoch } = assignment
  const paths = { outputPath: folder.output, exitPath: folder.exit }
  let place = recorded ?? undefined
  try {
    place ??= await launcher.find({ id: attemptId, epoch, agent: { id, home: path }, exitPath: folder.exit })
  } catch (error) {
    const message = `The agent was killed while it started the program, and whether that runs can't be told: ${(error as Error).message}.`
    return { kind: 'node-fault', message }
  }
  if (place !== undefined) {
    return { kind: 'started', running: await launcher.adopt({ id: attemptId, place, ...paths }, calls) }
  }
  if (!existsSync(folder.output)) return { kind: 'aborted' }
  const message = 'The agent was killed while it started the program, and nothing tells how that ended.'
  return { kind: 'node-fault', message }
}
