import { HELP_TOPICS } from './command-line.ts'
import type { CommandEntry, OptionEntry } from './command-table/command-entry.ts'
import { COMMAND_GROUPS, COMMANDS, GLOBAL_OPTIONS } from './command-table.ts'
import { OUTPUT_FORMATS } from './output.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text)
}

/** The script that a shell evaluates once; names of sweeps are asked from the server as they are needed. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript()
    case 'zsh':
      // zsh runs bash completions as they are.
      return `autoload -Uz +X bashcompinit && bashcompinit\n${bashScript()}`
    case 'fish':
      return fishScript()
  }
}

/** `--limit -k` of `-k, --limit <count>`. */
function flagWords(option: OptionEntry): string[] {
  return option.flags.split(/[ ,]+/).filter((word) => word.startsWith('-'))
}

function topWords(): string[] {
  return [...new Set(COMMANDS.map((entry) => firstWord(entry.name))), 'help']
}

function firstWord(name: string): string {
  return name.split(' ')[0] ?? name
}

function subWords(group: string): string[] {
  return COMMANDS.filter((entry) => entry.name.startsWith(`${group} `)).map((entry) => entry.name.split(' ')[1] ?? '')
}

function bashScript(): string {
  const cases = COMMANDS.map((entry) => {
    const flags = [...(entry.options ?? []), ...GLOBAL_OPTIONS].flatMap(flagWords)
    return `    '${entry.name}') flags='${flags.join(' ')}'; args='${entry.completes ?? ''}' ;;`
  })
  const groups = COMMAND_GROUPS.map(([name]) => `      ${name}) words='${subWords(name).join(' ')}' ;;`)
  return `# Completion of sweep. bash: eval "$(sweep completion bash)"
_sweep_ids() {
  # Never longer than a fifth of a second: completion must not hang on a server that is away.
  if command -v timeout >/dev/null 2>&1; then timeout 0.2 sweep ls -o name --limit 50 -q 2>/dev/null
  else sweep ls -o name --limit 50 -q 2>/dev/null; fi
  echo @last
}
_sweep() {
  local cur prev first second name words flags args
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  first="\${COMP_WORDS[1]}"
  second="\${COMP_WORDS[2]}"
  COMPREPLY=()
  case "$prev" in
    -o|--output) COMPREPLY=($(compgen -W '${OUTPUT_FORMATS.join(' ')}' -- "$cur")); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${topWords().join(' ')}' -- "$cur"))
    return
  fi
  name="$first"
  case "$first" in
${COMMAND_GROUPS.map(([group]) => group).join('|')})
    if [ "$COMP_CWORD" -eq 2 ]; then
      case "$first" in
${groups.join('\n')}
      esac
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      return
    fi
    name="$first $second" ;;
  help) COMPREPLY=($(compgen -W '${[...topWords(), ...HELP_TOPICS].join(' ')}' -- "$cur")); return ;;
  esac
  flags='' args=''
  case "$name" in
${cases.join('\n')}
  esac
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")); return ;;
  esac
  case "$args" in
    sweep|trial) COMPREPLY=($(compgen -W "$(_sweep_ids)" -- "$cur")) ;;
    file) COMPREPLY=($(compgen -f -- "$cur")) ;;
    shell) COMPREPLY=($(compgen -W '${SHELLS.join(' ')}' -- "$cur")) ;;
  esac
}
complete -o default -F _sweep sweep
`
}

function fishScript(): string {
  const lines = [
    '# Completion of sweep. fish: sweep completion fish | source',
    'function __sweep_ids; timeout 0.2 sweep ls -o name --limit 50 -q 2>/dev/null; echo @last; end',
    'complete -c sweep -f',
  ]
  for (const [group, summary] of COMMAND_GROUPS) {
    lines.push(`complete -c sweep -n __fish_use_subcommand -a ${group} -d ${fishQuote(summary)}`)
  }
  for (const entry of COMMANDS) lines.push(...fishLines(entry))
  for (const option of GLOBAL_OPTIONS) lines.push(fishOption(option))
  return `${lines.join('\n')}\n`
}

function fishLines(entry: CommandEntry): string[] {
  const [first = '', second] = entry.name.split(' ')
  const isHere =
    second === undefined
      ? `__fish_seen_subcommand_from ${first}`
      : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`
  const offer =
    second === undefined
      ? `complete -c sweep -n __fish_use_subcommand -a ${first} -d ${fishQuote(entry.summary)}`
      : `complete -c sweep -n '__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${subWords(first).join(' ')}' -a ${second} -d ${fishQuote(entry.summary)}`
  const lines = [offer]
  for (const option of entry.options ?? []) lines.push(fishOption(option, isHere))
  if (entry.completes === 'sweep' || entry.completes === 'trial')
    lines.push(`complete -c sweep -n '${isHere}' -a '(__sweep_ids)'`)
  if (entry.completes === 'file') lines.push(`complete -c sweep -n '${isHere}' -F`)
  if (entry.completes === 'shell') lines.push(`complete -c sweep -n '${isHere}' -a '${SHELLS.join(' ')}'`)
  return lines
}

function fishOption(option: OptionEntry, condition?: string): string {
  const words = flagWords(option).map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
  const takesValue = option.flags.includes('<') ? ' -x' : ''
  const values = option.flags.startsWith('-o,') ? ` -a '${OUTPUT_FORMATS.join(' ')}'` : ''
  return `complete -c sweep${condition === undefined ? '' : ` -n '${condition}'`} ${words.join(' ')}${takesValue}${values} -d ${fishQuote(option.help)}`
}

function fishQuote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
