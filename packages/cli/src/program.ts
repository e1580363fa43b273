import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { Command, CommanderError, Help } from 'commander'
import type { CommandEntry, OptionEntry } from './command-table/command-entry.ts'
import { COMMAND_GROUPS, COMMANDS, GLOBAL_OPTIONS } from './command-table.ts'
import { usageError } from './exit-codes.ts'
import type { Invocation, Parsed } from './invocation.ts'
import { rootHelp } from './root-help.ts'

/**
 * Reads a command line with commander. Nothing is run or printed.
 *
 * @param columns width of the help text
 * @throws SweepError `invalid-request`, with what was probably meant
 */
export function parseWithProgram(argv: readonly string[], columns: number): Parsed {
  let invocation: Invocation | undefined
  let help = ''
  const write = (text: string): void => {
    help += text
  }
  const program = buildProgram(columns, write, (entry, args, command) => {
    const globals = program.opts<Record<string, unknown>>()
    invocation = { entry, args, options: command.opts<Record<string, unknown>>(), globals }
  })
  try {
    program.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return { help }
    throw commandLineError(error, argv)
  }
  return invocation === undefined ? { help: rootHelp() } : { invocation }
}

function buildProgram(
  columns: number,
  writeHelp: (text: string) => void,
  found: (entry: CommandEntry, args: readonly string[], command: Command) => void,
): Command {
  const program = new Command('sweep')
  configure(program, columns, writeHelp)
  for (const option of GLOBAL_OPTIONS) addOption(program, option)
  const groups = new Map<string, Command>()
  for (const entry of COMMANDS) {
    const [word = '', sub] = entry.name.split(' ')
    let parent = program
    if (sub !== undefined) {
      const known = groups.get(word)
      parent = known ?? addGroup(program, word, columns, writeHelp)
      if (known === undefined) groups.set(word, parent)
    }
    const command = parent.command(sub ?? word, { isDefault: false }).description(entry.summary)
    configure(command, columns, writeHelp)
    command.usage(usageOf(entry))
    for (const argument of entry.args?.split(' ') ?? []) command.argument(argument)
    for (const option of entry.options ?? []) addOption(command, option)
    if (entry.more !== undefined) command.addHelpText('after', `\n${entry.more}`)
    command.action(() => found(entry, command.args, command))
  }
  return program
}

function addGroup(program: Command, word: string, columns: number, writeHelp: (text: string) => void): Command {
  const [, summary = ''] = COMMAND_GROUPS.find(([name]) => name === word) ?? []
  const command = program.command(word).description(summary).usage('COMMAND [OPTIONS]')
  configure(command, columns, writeHelp)
  return command
}

function usageOf(entry: CommandEntry): string {
  if (entry.name === 'run') return '[OPTIONS] -- COMMAND...'
  return `[OPTIONS]${entry.args === undefined ? '' : ` ${entry.args.replaceAll('<', '').replaceAll('>', '').toUpperCase()}`}`
}

function configure(command: Command, columns: number, writeHelp: (text: string) => void): void {
  command.exitOverride().helpOption('-h, --help', 'show help').helpCommand(false)
  command.configureOutput({
    writeOut: writeHelp,
    writeErr: () => undefined,
    getOutHelpWidth: () => columns,
    getErrHelpWidth: () => columns,
  })
  command.configureHelp({
    // One line a command: its options stand in its own help.
    subcommandTerm: (sub) => (sub.commands.length > 0 ? `${sub.name()} …` : sub.name()),
    styleTitle: (title) => title,
    visibleGlobalOptions: () => [],
    // That an option may stand without a value says the bracket; what it then means, its help.
    optionDescription: (option) =>
      Help.prototype.optionDescription.call(new Help(), option).replace(' (preset: "")', ''),
    visibleOptions: (self) => Help.prototype.visibleOptions.call(new Help(), self),
  })
}

function addOption(command: Command, option: OptionEntry): void {
  const built = command.createOption(option.flags, option.help)
  if (option.choices !== undefined) built.choices([...option.choices])
  if (option.repeat === true) {
    // commander's own variadic options would swallow the arguments behind them.
    built.argParser((value: string, before: unknown) => [...(Array.isArray(before) ? before : []), value])
    // One whose value may be left out is then an empty text in the list.
    if (built.optional) built.preset('')
  }
  command.addOption(built)
}

/** commander's complaint in our form. */
function commandLineError(error: CommanderError, argv: readonly string[]): Error {
  if (error.code === 'commander.help') {
    const group = argv.find((word) => COMMAND_GROUPS.some(([name]) => name === word)) ?? ''
    const subs = COMMANDS.filter((entry) => entry.name.startsWith(`${group} `)).map((entry) => entry.name.split(' ')[1])
    return usageError(`\`sweep ${group}\` needs one more word.`, `Say which: ${subs.join(', ')}.`)
  }
  const [complaint = '', suggestion = ''] = error.message.replace(/^error: /, '').split('\n')
  const meant = /^\(Did you mean (?:one of )?(.*?)\?\)$/.exec(suggestion)?.[1]
  if (error.code === 'commander.unknownCommand') {
    const word = /'(.*)'/.exec(complaint)?.[1] ?? ''
    return usageError(`There is no command "${word}".`, commandHint(word, argv))
  }
  const command = COMMANDS.find((entry) => entry.name === argv.slice(0, entry.name.split(' ').length).join(' '))
  const help = command === undefined ? 'Run `sweep --help`.' : `Run \`sweep ${command.name} --help\`.`
  return usageError(sentence(complaint), meant === undefined ? help : `Did you mean ${meant}? ${help}`)
}

function commandHint(word: string, argv: readonly string[]): string {
  const group = COMMAND_GROUPS.find(([name]) => name === argv[argv.indexOf(word) - 1])?.[0]
  const names = COMMANDS.filter((entry) => group === undefined || entry.name.startsWith(`${group} `)).map((entry) =>
    group === undefined ? (entry.name.split(' ')[0] ?? '') : (entry.name.split(' ')[1] ?? ''),
  )
  const meant = didYouMeanHint(word, new Set(names))
  // `sweep logs` is `sweep trial logs`.
  const elsewhere = COMMANDS.find((entry) => entry.name.split(' ')[1] === word)
  const help = `Run \`sweep ${group === undefined ? '' : `${group} `}--help\` for the list.`
  if (meant !== undefined) return `${meant} ${help}`
  return elsewhere === undefined ? help : `Did you mean "${elsewhere.name}"? ${help}`
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.?!]$/.test(start) ? start : `${start}.`
}
