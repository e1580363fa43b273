import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { BoundGpu, LaunchCalls, Launched, Launcher } from '@sweep/launchers/launcher'
import { interpreterFor } from '@sweep/launchers/process/interpreter'
import type { RunFolder } from '@sweep/launchers/run-folder'
import { expandCommand } from '@sweep/spec/command-line'
import { SweepError } from '@sweep/spec/errors'
import type { Assignment, Shape } from '@sweep/spec/wire/agent-protocol'
import { codeFolder, fetchArchive } from '../code/code-folder.ts'
import { mpsVariables } from '../slots/mps.ts'
import { devicesHeld, type Held } from '../slots/slot-table.ts'
import { programEnvironment } from './program-environment.ts'
import type { RunContext } from './run-context.ts'

export interface LaunchedProgram {
  readonly launched: Launched
  readonly argv: readonly string[]
  /** Where it was started. */
  readonly workdir: string
}

/** With the checkpoint where it can be read here. One that can't be had is none: the program starts anew. */
async function withCheckpoint(assignment: Assignment, context: RunContext, calls: LaunchCalls): Promise<Assignment> {
  const { restore, restoreCopy, ...anew } = assignment
  if (restore === undefined || existsSync(join(restore, 'complete'))) return assignment
  const log = context.log.child({ attemptId: assignment.attemptId, restore })
  if (restoreCopy === undefined) {
    log.warn('checkpoint is not on this host, and there is no copy of it; the program starts anew')
    return anew
  }
  const { sha256, step } = restoreCopy
  try {
    // The SDK reads the step off the name of the folder.
    const folder = await fetchArchive(sha256, `the checkpoint of step ${step}`, context.fetching, calls, String(step))
    return { ...assignment, restore: join(folder, String(step)) }
  } catch (error) {
    log.warn({ err: error }, 'checkpoint not fetched; the program starts anew')
    return anew
  }
}

/** With the folder of its code as `workdir`; or why there is none. */
async function withCode(
  assignment: Assignment,
  context: RunContext,
  calls: LaunchCalls,
): Promise<Assignment | Exclude<Launched, { kind: 'started' }>> {
  try {
    return { ...assignment, workdir: await codeFolder(assignment, context.fetching, calls) }
  } catch (error) {
    if (calls.aborted.aborted) return { kind: 'aborted' }
    context.log.warn({ attemptId: assignment.attemptId, err: error }, 'code not fetched')
    // What another host may fare better with: its disk, its way to a repository. Not what was asked for.
    const isOfCode = error instanceof SweepError && ['not-found', 'invalid-request'].includes(error.code)
    const message = `The code can't be had: ${error instanceof Error ? error.message : String(error)}`
    return { kind: isOfCode ? 'bad-command' : 'node-fault', message }
  }
}

/**
 * Makes the run folder and starts the program of an attempt.
 * @param keep writes down that it is about to be started; an agent that is killed meanwhile looks for it then
 */
export async function launchProgram(
  context: RunContext,
  launcher: Launcher,
  assigned: Assignment,
  folder: RunFolder,
  held: Held,
  calls: LaunchCalls,
  keep: (argv: readonly string[], workdir: string) => void,
): Promise<LaunchedProgram> {
  const isRemote = launcher.isRemote === true
  // A program of another host finds its code in its image, unless the sweep names some.
  const isOfImage = isRemote && (assigned.code === undefined || assigned.code.kind === 'folder')
  const coded = isOfImage ? assigned : await withCode(assigned, context, calls)
  if ('kind' in coded) return { launched: coded, argv: [], workdir: assigned.workdir }
  const assignment = isRemote ? coded : await withCheckpoint(coded, context, calls)
  const { home, sdkFolder, url } = context
  try {
    folder.create(assignment)
  } catch (error) {
    const message = `The run folder ${folder.path} can't be made: ${(error as Error).message}. Free some disk space on this host.`
    return { launched: { kind: 'node-fault', message }, argv: [], workdir: assigned.workdir }
  }
  const inherited = launcher.runsOnHost ? context.inherited.onHost : context.inherited.elsewhere
  const mps = launcher.runsOnHost ? mpsVariables(inherited, held, assignment.shape) : {}
  const env = programEnvironment({
    inherited: { ...inherited, ...mps },
    assignment,
    folder,
    held,
    url,
    agentHome: home.path,
    sdkFolder,
  })
  const argv = expandCommand(assignment.command, {
    space: assignment.space,
    config: assignment.config,
    program: assignment.program,
    // Looked for only where it is asked for: that is a dozen system calls.
    interpreter:
      launcher.runsOnHost && assignment.command.some((item) => item.includes('${interpreter}'))
        ? interpreterFor(assignment.workdir, env['PATH'])
        : 'python3',
    paramsFile: folder.params,
    env,
  })
  const { attemptId, sweepId, trial, attempt, epoch, config, container, kubernetes, graceMs, shape, workdir } =
    assignment
  const spec = {
    ...{ id: attemptId, agent: { id: home.id, home: home.path }, labels: { sweep: sweepId, trial, attempt, epoch } },
    ...{
      argv,
      cwd: workdir,
      codeFolder: isRemote && !isOfImage ? workdir : undefined,
      env,
      params: config,
      runFolder: folder.path,
      restore: assignment.restore,
      keepsCheckpoints: assignment.keepsCheckpoints,
      sdkFolder,
      container,
      kubernetes,
    },
    ...{ gpus: boundGpus(held, shape), resources: shape, graceMs },
    ...{ outputPath: folder.output, exitPath: folder.exit },
  }
  try {
    keep(argv, workdir)
  } catch (error) {
    // A program that nobody would find again must not run.
    const message = `The agent's folder can't be written to: ${(error as Error).message}. Free some disk space on this host.`
    return { launched: { kind: 'node-fault', message }, argv, workdir }
  }
  return { launched: await launcher.launch(spec, calls), argv, workdir }
}

/** None where the trial wants none, undefined where no GPUs are known. */
function boundGpus(held: Held, shape: Shape): BoundGpu[] | undefined {
  if (shape.gpus === 0) return []
  const gpus = devicesHeld(held).map(({ index, uuid }) => ({ index, uuid }))
  return gpus.length === 0 ? undefined : gpus
}
