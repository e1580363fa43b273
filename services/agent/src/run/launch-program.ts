import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Launched } from '@sweep/launchers/launcher'
import { expandCommand } from '@sweep/spec/command-line'
import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import { interpreterFor } from '../host/interpreter.ts'
import type { Held } from '../slots/slot-table.ts'
import { programEnvironment } from './program-environment.ts'
import type { RunContext } from './run-context.ts'
import type { RunFolder } from './run-folder.ts'

export interface LaunchedProgram {
  readonly launched: Launched
  readonly argv: readonly string[]
}

/** A checkpoint that another host keeps to itself is none: the program starts anew instead of failing to read it. */
function withReadableCheckpoint(assignment: Assignment, { log }: RunContext): Assignment {
  const { restore, ...anew } = assignment
  if (restore === undefined || existsSync(join(restore, 'complete'))) return assignment
  log.warn({ attemptId: assignment.attemptId, restore }, 'checkpoint is not on this host; the program starts anew')
  return anew
}

/** Makes the run folder and starts the program of an attempt. */
export async function launchProgram(
  context: RunContext,
  assigned: Assignment,
  folder: RunFolder,
  held: Held,
): Promise<LaunchedProgram> {
  const assignment = withReadableCheckpoint(assigned, context)
  const { home, inherited, launcher, sdkFolder, url } = context
  try {
    folder.create(assignment)
  } catch (error) {
    const message = `The run folder ${folder.path} can't be made: ${(error as Error).message}. Free some disk space on this host.`
    return { launched: { kind: 'node-fault', message }, argv: [] }
  }
  const env = programEnvironment({ inherited, assignment, folder, held, url, agentHome: home.path, sdkFolder })
  const argv = expandCommand(assignment.command, {
    space: assignment.space,
    config: assignment.config,
    program: assignment.program,
    // Looked for only where it is asked for: that is a dozen system calls.
    interpreter: assignment.command.some((item) => item.includes('${interpreter}'))
      ? interpreterFor(assignment.workdir, env['PATH'])
      : 'python3',
    paramsFile: folder.params,
    env,
  })
  const launched = await launcher.launch({
    id: assignment.attemptId,
    argv,
    cwd: assignment.workdir,
    env,
    outputPath: folder.output,
    exitPath: folder.exit,
  })
  return { launched, argv }
}
