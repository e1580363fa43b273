import { accessSync, constants } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { commandLineOf } from '../best-command.ts'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { createOnServer, sayCreated } from '../created.ts'
import { EXIT, usageError } from '../exit-codes.ts'
import { ensureServer } from '../local/ensure-server.ts'
import type { Options } from '../options.ts'
import { parseParameterFlag } from '../parameter-spec.ts'
import { shortNumber } from '../present.ts'
import { checkDocument, type SweepFile } from '../sweep-files.ts'
import { sweepFields } from '../sweep-record.ts'
import { escapeLines } from '../terminal/terminal-text.ts'
import { waitForEnd } from '../watch/wait-for.ts'
import { endExitCode, watchSweep } from '../watch/watch-sweep.ts'

const DEFAULT_TRIALS = 20

export const command: Command = {
  async run(context, args, options) {
    const input = sweepInput(context, args, options)
    const { stringify } = await import('yaml')
    const source = stringify(input, { lineWidth: 0 })
    const file: SweepFile = { source, file: 'sweep run', workdir: context.process.cwd }
    const { document } = await checkDocument(context, file, {})
    if (options.flag('dryRun')) {
      if (context.isMachineReadable) await context.printData(document)
      else context.write(source)
      return EXIT.ok
    }
    await ensureServer(context)
    const { created } = await createOnServer(context, file, {}, document)
    const { id } = created.sweep
    if (options.flag('detach')) {
      sayCreated(context, created.sweep)
      await context.printRecord(created, sweepFields(created.sweep), id)
      return EXIT.ok
    }
    const watched = context.isMachineReadable ? undefined : await watchSweep(context, id)
    if (watched?.isDetached === true) return EXIT.interrupted
    const sweep = watched?.sweep ?? (await waitForEnd(context, id))
    const { best } = sweep
    const line =
      best === null ? undefined : await commandLineOf(sweep.document, best.config, context.process.environment)
    if (context.isMachineReadable) {
      const data = { ...sweep, command: line ?? null }
      await context.printRecord(data, [...sweepFields(sweep), ['command', line]], id)
    } else if (best !== null && line !== undefined) {
      context.say(`\nBest ${sweep.metric?.name} ${shortNumber(best.value)} by trial ${best.trial} of sweep ${id}:`)
      context.write(`${context.process.stdout.isTTY === true ? escapeLines(line) : line}\n`)
    } else {
      context.warn(`no trial has a value; \`sweep why ${id}\` and \`sweep trial logs ${id}/1\` say why.`)
    }
    return endExitCode(sweep)
  },
}

/** The sweep file that the command line stands for. */
export function sweepInput(context: CliContext, args: readonly string[], options: Options): Record<string, unknown> {
  if (args.length === 0) {
    throw usageError(
      'What is to be run? There is no command after "--".',
      'sweep run -p lr=1e-5..1e-1:log --min val_loss -n 50 -- python train.py',
    )
  }
  const parameters = new Map(
    options.list('param').map((text) => {
      const { name, declaration } = parseParameterFlag(text)
      return [name, declaration] as const
    }),
  )
  if (parameters.size === 0) {
    throw usageError('There is nothing to vary.', 'Add parameters: -p lr=1e-5..1e-1:log; see `sweep help parameters`.')
  }
  if (parameters.size < options.list('param').length) throw usageError('A parameter is given twice.')
  const min = options.text('min')
  const max = options.text('max')
  if (min !== undefined && max !== undefined)
    throw usageError('--min and --max exclude each other; a sweep file may name several objectives.')
  const metric = min ?? max
  if (metric === undefined) context.warn('without --min or --max METRIC no config is better than another.')
  const program = interpreterFor(context, args[0] ?? '')
  const words = [program, ...args.slice(1)]
  const placed = [...parameters.keys()].filter((name) => words.some((word) => word.includes(`{${name}}`)))
  if (placed.length > 0 && placed.length < parameters.size) {
    const missing = [...parameters.keys()].filter((name) => !placed.includes(name))
    context.warn(`the command has placeholders, but none for ${missing.join(', ')}: it will not see them.`)
  }
  const time = options.durationMs('time')
  const gpus = options.whole('trialGpus', 0)
  return {
    name: options.text('name') ?? basename(scriptOf(args)),
    method: options.flag('grid') ? 'grid' : 'random',
    ...(metric === undefined ? {} : { metric: { name: metric, goal: min === undefined ? 'maximize' : 'minimize' } }),
    parameters: Object.fromEntries(parameters),
    command: placed.length > 0 ? words : [...words, '${args}'],
    ...trialLimit(options),
    ...(time === undefined ? {} : { budget: { wall: `${Math.ceil(time / 1000)}s` } }),
    ...(options.flag('asha') ? { early_terminate: { type: 'asha' } } : {}),
    ...given('parallelism', options.whole('parallelism')),
    ...(options.notDenied('snapshot') ? {} : { code: 'none' }),
    ...given('seed', options.whole('seed', 0)),
    ...(gpus === undefined ? {} : { resources: { gpus } }),
  }
}

/** A grid ends by itself; random draws do not. */
function trialLimit(options: Options): Record<string, unknown> {
  const trials = options.whole('trials')
  if (trials === undefined && options.flag('grid')) return {}
  return { run_cap: trials ?? DEFAULT_TRIALS }
}

function given(key: string, value: number | undefined): Record<string, number> {
  return value === undefined ? {} : { [key]: value }
}

/** The script's name says more than the interpreter's. */
function scriptOf(args: readonly string[]): string {
  return args.find((word, i) => i > 0 && /\.\w+$/.test(word) && !word.startsWith('-')) ?? args[0] ?? 'run'
}

/** Many machines have `python3` but no `python`. */
function interpreterFor(context: CliContext, program: string): string {
  if (program !== 'python' || isOnPath(context, 'python') || !isOnPath(context, 'python3')) return program
  context.say('There is no python here; running python3.')
  return 'python3'
}

function isOnPath(context: CliContext, program: string): boolean {
  return (context.process.environment['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
