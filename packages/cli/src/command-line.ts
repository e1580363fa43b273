import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { COMMANDS } from './command-table.ts'
import { usageError } from './exit-codes.ts'
import type { Parsed } from './invocation.ts'
import { rootHelp } from './root-help.ts'

/** Subjects of `sweep help` that are no commands. */
export const HELP_TOPICS = ['exit-codes', 'parameters', 'output'] as const

/**
 * Reads a command line. Nothing is run or printed, and help of `sweep` itself loads nothing but the table of commands.
 *
 * @param columns width of the help text
 * @throws SweepError `invalid-request`, with what was probably meant
 */
export async function parseCommandLine(argv: readonly string[], columns: number): Promise<Parsed> {
  const [first, second] = argv
  if (first === undefined || (second === undefined && ['--help', '-h', 'help'].includes(first)))
    return { help: rootHelp() }
  const { parseWithProgram } = await import('./program.ts')
  if (first !== 'help' || second === undefined) return parseWithProgram(argv, columns)
  const topic = HELP_TOPICS.find((name) => name === second)
  if (topic !== undefined) return { help: (await import('./help-topics.ts')).helpTopic(topic) }
  const names = new Set([...COMMANDS.map((entry) => entry.name.split(' ')[0] ?? ''), ...HELP_TOPICS])
  if (!names.has(second)) {
    throw usageError(
      `There is no help on "${second}".`,
      didYouMeanHint(second, names) ?? `Topics are ${HELP_TOPICS.join(', ')}.`,
    )
  }
  // `sweep help trial get` is `sweep trial get --help`.
  return parseWithProgram([...argv.slice(1), '--help'], columns)
}
