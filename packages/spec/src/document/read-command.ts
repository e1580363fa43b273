import { MACROS } from '../command-line.ts'
import { didYouMeanHint } from '../did-you-mean.ts'
import type { SearchSpace } from '../search-space.ts'
import { splitWords } from '../shell-words.ts'
import type { Report } from './report.ts'
import type { MapNode } from './source-node.ts'

/** W&B's default. */
export const DEFAULT_COMMAND: readonly string[] = ['${env}', '${interpreter}', '${program}', '${args}']

/** The command's items as spelled, so that `8000` and `0.10` reach the program as written; null after an error. */
export function readCommand(report: Report, root: MapNode): string[] | null {
  const node = root.entries.get('command')?.value
  const hasProgram = root.entries.has('program')
  if (node === undefined) {
    if (hasProgram) return [...DEFAULT_COMMAND]
    report.error([], 'nothing says what to run', {
      hint: 'Add program: train.py, or command: [python3, train.py, "${args}"].',
    })
    return null
  }
  const items = node.kind === 'list' ? node.items.map((item) => (item.kind === 'scalar' ? item.text : '')) : null
  const command = items ?? (node.kind === 'scalar' ? fromText(report, node.text) : null)
  if (command === null) return null
  if (command.length === 0) {
    report.error(['command'], 'command is empty')
    return null
  }
  if (!hasProgram && command.some((item) => item.includes('${program}'))) {
    report.error(['command'], 'command uses ${program}, but there is no program', {
      hint: 'Add program: train.py.',
      at: 'key',
    })
    return null
  }
  if (items !== null && /\s/.test(command[0] ?? '') && !/[/\\]/.test(command[0] ?? '')) {
    report.warn(['command', 0], `"${command[0]}" is taken as the name of one program, spaces included`, {
      hint: 'Make every word an item of its own.',
    })
  }
  return command
}

function fromText(report: Report, text: string): string[] | null {
  const words = splitWords(text)
  if (words === null) {
    report.error(['command'], 'a quote in command is not closed')
    return null
  }
  const shell = words.find((word) => ['|', '||', '&&', ';', '>', '>>', '<', '&', '2>&1'].includes(word))
  if (shell !== undefined) {
    report.warn(['command'], `no shell runs the command, so "${shell}" is passed on as it is`, {
      hint: 'For a shell write command: [bash, -c, "..."].',
    })
  }
  return words
}

/** Macros nobody knows: `${batch_sise}`. W&B drops or keeps them silently. */
export function checkMacros(
  report: Report,
  command: readonly string[],
  space: SearchSpace,
  isList: boolean,
  lenient: boolean,
): void {
  const names = new Set(space.parameters.flatMap((parameter) => [parameter.name, parameter.path[0] ?? parameter.name]))
  for (const [index, item] of command.entries()) {
    for (const [whole, name] of item.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}/g)) {
      if (name === undefined || MACROS.has(name) || names.has(name)) continue
      const path = isList ? ['command', index] : ['command']
      const hint = didYouMeanHint(name, [...MACROS, ...names]) ?? 'For an environment variable write ${envvar:NAME}.'
      const message = `${whole} is neither a macro nor a parameter`
      if (lenient) report.warn(path, message, { hint })
      else report.error(path, message, { hint })
    }
  }
}
