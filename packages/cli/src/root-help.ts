import { COMMAND_GROUPS, COMMANDS, GLOBAL_OPTIONS } from './command-table.ts'

/** Help of `sweep` itself: every command by what it is for, the names of grouped ones on one line. */
export function rootHelp(): string {
  const groups = new Map<string, (readonly [string, string])[]>()
  const listed = new Set<string>()
  for (const entry of COMMANDS) {
    const word = entry.name.split(' ')[0] ?? entry.name
    if (listed.has(word)) continue
    listed.add(word)
    const group = COMMAND_GROUPS.find(([name]) => name === word)
    const rows = groups.get(entry.group) ?? []
    rows.push(group === undefined ? [word, entry.summary] : [word, subCommands(word)])
    groups.set(entry.group, rows)
  }
  const sections = [...groups].map(([title, rows]) => section(title, rows))
  const options = GLOBAL_OPTIONS.map((option) => [option.flags, option.help] as const)
  return [
    'sweep: hyperparameter sweeps, one command on a laptop, one YAML on a cluster\n\nUsage: sweep COMMAND [OPTIONS]\n',
    ...sections,
    section('For every command', options, 24),
    `A sweep is named by its id, the beginning of its id, its name, or @last; a trial
by SWEEP/NUMBER. See also: sweep COMMAND --help,
sweep help exit-codes, sweep help parameters, sweep help output
`,
  ].join('\n')
}

function subCommands(word: string): string {
  const names = COMMANDS.filter((entry) => entry.name.startsWith(`${word} `)).map((entry) => entry.name.split(' ')[1])
  return names.join(', ')
}

const COLUMNS = 80

function section(title: string, rows: readonly (readonly [string, string])[], width = 13): string {
  const begin = `\n${' '.repeat(width + 3)}`
  const lines = rows.map(
    ([name, text]) => `  ${name.padEnd(width)} ${wrapped(text, COLUMNS - width - 3).join(begin)}\n`,
  )
  return `${title}\n${lines.join('')}`
}

/** Lines of whole words. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
