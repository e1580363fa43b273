import { SweepError } from '@sweep/spec/errors'
import { VERSION } from '@sweep/spec/version'
import { createColors } from './colors.ts'
import { parseCommandLine } from './command-line.ts'
import { CliContext, type CliProcess, describeError, type GlobalFlags } from './context.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { loadCommand } from './load-command.ts'
import { Options } from './options.ts'
import { type OutputFormat, outputFormat } from './output.ts'
import { readSettings } from './settings.ts'
import { terminalSize } from './terminal/live-region.ts'

/** Runs one command line and answers with its exit code. Never throws: errors are told on stderr. */
export async function runCli(argv: readonly string[], process: CliProcess): Promise<number> {
  const settings = readSettings(process.environment)
  const early = beforeSeparator(argv)
  const debug = early.includes('--debug')
  const colorChoice = early.includes('--no-color') ? 'never' : settings.color
  let output: OutputFormat = guessOutput(early, settings.output)
  try {
    if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
      process.stdout.write(`${VERSION}\n`)
      return EXIT.ok
    }
    const parsed = await parseCommandLine(argv, Math.min(100, terminalSize(process.stdout).columns))
    if ('help' in parsed) {
      process.stdout.write(parsed.help)
      return EXIT.ok
    }
    const { entry, args, options, globals } = parsed.invocation
    const flags = readFlags(new Options(globals), settings.output)
    output = flags.output
    const colors = createColors(colorChoice, process.stdout.isTTY === true)
    const command = await loadCommand(entry.name)
    const context = new CliContext(process, settings, flags, colors, VERSION)
    return (await command.run(context, args, new Options(options))) ?? EXIT.ok
  } catch (error) {
    if (isAbort(error)) return EXIT.interrupted
    const colors = createColors(colorChoice, process.stderr.isTTY === true)
    process.stderr.write(describeError(error, { output, debug, colors }))
    return exitCodeOf(error)
  }
}

function readFlags(globals: Options, defaultOutput: string | undefined): GlobalFlags {
  const named = globals.text('output') ?? (globals.flag('json') ? 'json' : defaultOutput)
  const output = outputFormat(named ?? 'table')
  return {
    output: globals.flag('json') && output !== 'jsonl' ? 'json' : output,
    server: globals.text('server'),
    token: globals.text('token'),
    quiet: globals.flag('quiet'),
    debug: globals.flag('debug'),
    yes: globals.flag('yes'),
  }
}

/** The format in which to tell of an error in the command line itself, before it could be read. */
function guessOutput(argv: readonly string[], fallback: string | undefined): OutputFormat {
  const at = argv.findIndex((word) => word === '-o' || word === '--output')
  const named = argv.find((word) => word.startsWith('--output='))?.slice(9) ?? (at < 0 ? fallback : argv[at + 1])
  if (argv.includes('--json') || argv.includes('-ojson')) return 'json'
  return named === 'json' || named === 'jsonl' ? named : 'table'
}

function beforeSeparator(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf('--')
  return at < 0 ? argv : argv.slice(0, at)
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && !(error instanceof SweepError)
}
