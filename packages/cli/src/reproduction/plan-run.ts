import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Client } from '@sweep/client/client'
import { inheritedEnvironment, parameterVariables } from '@sweep/launchers/inherited-environment'
import { interpreterFor } from '@sweep/launchers/process/interpreter'
import { RunFolder } from '@sweep/launchers/run-folder'
import type { Cause } from '@sweep/spec/attempt'
import { expandCommand } from '@sweep/spec/command-line'
import { SweepError } from '@sweep/spec/errors'
import { shellCommand } from '@sweep/spec/shell-words'
import type { AttemptView } from '@sweep/spec/wire/api'
import type { CliContext } from '../context.ts'
import { usageError } from '../exit-codes.ts'
import { findPackageFile } from '../local/package-files.ts'
import { type EnvironmentDifference, environmentDifferences, environmentHere } from './check-environment.ts'
import { type CodePlan, planCode } from './plan-code.ts'
import type { RunRecord } from './run-record.ts'

/** Everything that is decided before anything is done. */
export interface RunPlan {
  readonly attempt: AttemptView
  readonly seed: number
  readonly dir: string
  readonly codeFolder: string
  readonly code: CodePlan
  readonly folder: RunFolder
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly inherited: Readonly<Record<string, string>>
  readonly differences: readonly EnvironmentDifference[]
  /** What can't be promised. */
  readonly limits: readonly string[]
  /** The step at which somebody had stopped it; undefined where it ran to its end. */
  readonly stopAt: number | undefined
}

export interface RunPlanOptions {
  readonly dir: string | undefined
  readonly inFolder: boolean
}

/** An attempt that ended so would have gone on. */
const STOPPED_BY_OTHERS: ReadonlySet<Cause> = new Set<Cause>([
  ...(['pruned', 'stopped', 'cancelled', 'paused', 'budget', 'unhealthy', 'timeout', 'preempted'] as const),
  ...(['node-fault', 'lost'] as const),
])

/**
 * @param lastStep the last step that the record has; undefined where it has none
 * @throws SweepError that says why a trial can't be run again here
 */
export async function planRun(
  context: CliContext,
  client: Client,
  record: RunRecord,
  lastStep: number | undefined,
  options: RunPlanOptions,
): Promise<RunPlan> {
  const { sweep, trial, attempt, environment } = record
  const { document } = sweep
  const name = `${sweep.id}/${trial.number}`
  if (attempt === undefined) {
    throw new SweepError('not-found', `Trial ${name} was never started: there is nothing to run again.`, {
      hint: `\`sweep why ${name}\` says what it waits for.`,
    })
  }
  if (document.launcher !== 'process') {
    const where = document.launcher === 'docker' ? `a container of ${document.container?.image}` : 'a pod of Kubernetes'
    throw usageError(
      `Trial ${name} ran in ${where}; only programs that ran on a host itself can be run again here.`,
      `Its command was: ${attempt.argv?.join(' ').slice(0, 500)}`,
    )
  }
  const { seed } = environment
  if (seed === undefined) {
    throw new SweepError(
      'not-found',
      `The seed of trial ${name} was not recorded, so it can't be run again as it was.`,
      {
        hint: 'A program that ends within a few seconds may leave no record of its environment; try another trial.',
      },
    )
  }
  const dir = resolve(context.process.cwd, options.dir ?? `repro-${sweep.id}-${trial.number}`)
  await requireEmpty(dir)
  const inherited = inheritedEnvironment(context.process.environment, context.settings.passEnv).onHost
  const codeFolder = join(dir, 'code')
  const code = await planCode(client, record, { into: codeFolder, inFolder: options.inFolder, env: inherited })
  const folder = new RunFolder(join(dir, 'run'))
  const env = programVariables(record, attempt, seed, folder, inherited)
  const argv = expandCommand(document.command, {
    space: document.space,
    config: trial.config,
    program: document.program,
    interpreter: interpreterFor(code.folder, env['PATH']),
    paramsFile: folder.params,
    env,
  })
  const program = argv[0] === '/usr/bin/env' ? (argv[1] ?? '') : (argv[0] ?? '')
  const differences = [
    ...commandDifference(record, attempt, argv, { run: folder.path, code: code.folder }),
    ...environmentDifferences(environment, await environmentHere(program, context.process.cwd, env)),
  ]
  const wasStopped = attempt.cause === null || STOPPED_BY_OTHERS.has(attempt.cause)
  return {
    ...{ attempt, seed, dir, codeFolder, code, folder, argv, env, inherited, differences },
    limits: [...code.limits, ...limitsOf(record)],
    stopAt: wasStopped ? lastStep : undefined,
  }
}

/** The command as it was recorded and as it is here, but for the folders: it may depend on variables and on what is installed. */
function commandDifference(
  { environment }: RunRecord,
  { argv: recorded, runDir }: AttemptView,
  argv: readonly string[],
  here: { readonly run: string; readonly code: string },
): EnvironmentDifference[] {
  const line = (words: readonly string[], run: string | null, code: string | undefined) =>
    shellCommand(words.map((word) => replaced(replaced(word, run, '$SWEEP_RUN_DIR'), code, '.')))
  const was = line(recorded ?? [], runDir, environment.workdir)
  const is = line(argv, here.run, here.code)
  return was === is ? [] : [{ what: 'command', recorded: was, here: is }]
}

function replaced(word: string, path: string | null | undefined, by: string): string {
  return path === null || path === undefined || path === '' ? word : word.replaceAll(path, by)
}

async function requireEmpty(dir: string): Promise<void> {
  const entries = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw usageError(`${dir} can't be used: ${error.message}`, 'Name a new folder with --dir.')
  })
  if (entries.length === 0) return
  throw new SweepError('conflict', `${dir} is not empty.`, { hint: 'Name a new folder with --dir, or remove it.' })
}

/** What an agent gives a program, but for what would let it talk to the server: a run here must not report there. */
function programVariables(
  { sweep, trial }: RunRecord,
  { id }: AttemptView,
  seed: number,
  folder: RunFolder,
  inherited: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = {
    PYTHONUNBUFFERED: '1',
    ...inherited,
    ...sweep.document.env,
    ...parameterVariables(trial.config),
    SWEEP_RUN_DIR: folder.path,
    SWEEP_PARAMS: folder.params,
    SWEEP_METRICS: folder.metrics,
    SWEEP_ID: sweep.id,
    SWEEP_TRIAL: String(trial.number),
    SWEEP_ATTEMPT: id,
    SWEEP_SEED: String(seed),
  }
  const sdk = findPackageFile('python/sweep.py') ?? findPackageFile('packages/python/sweep.py')
  if (sdk !== undefined) {
    const path = join(sdk, '..')
    env['PYTHONPATH'] = env['PYTHONPATH'] ? `${path}:${env['PYTHONPATH']}` : path
  }
  return env
}

function limitsOf({ trial, environment }: RunRecord): string[] {
  const started = trial.attemptList.filter(({ argv }) => argv !== null).length
  return [
    ...(trial.parent === undefined
      ? []
      : [
          `The trial went on from a checkpoint of trial ${trial.parent}; here it begins from nothing, so other values are to be expected.`,
        ]),
    ...(started > 1 ? [`The trial ran in ${started} attempts; here it runs in one go.`] : []),
    ...(environment.packages === undefined ? ['The packages were not recorded, so they are not compared.'] : []),
    ...(environment.gpus === undefined || environment.gpus.length === 0
      ? []
      : ['Many GPU kernels add up in an order that differs from run to run, unless the program forbids it.']),
  ]
}
