import { isLeaf, type NestedConfig, nestTyped, paramsJsonLine, plain } from './nest-config.ts'
import type { Json } from './number.ts'
import { pythonRepr, pythonStr } from './python-text.ts'
import type { Config, SearchSpace } from './search-space.ts'

/** Names that `${...}` in a command may have besides those of parameters. */
export const MACROS: ReadonlySet<string> = new Set([
  'env',
  'interpreter',
  'program',
  'args',
  'args_no_hyphens',
  'args_no_boolean_flags',
  'args_no_equals',
  'args_append_hydra',
  'args_override_hydra',
  'args_json',
  'args_json_file',
])

export interface CommandContext {
  readonly space: SearchSpace
  readonly config: Config
  readonly program?: string | undefined
  /** What `${interpreter}` becomes: `python3`, or whatever Python the caller has found. */
  readonly interpreter: string
  /** The file with the config, for `${args_json_file}`. */
  readonly paramsFile: string
  /** What `${envvar:NAME}` reads. */
  readonly env: Readonly<Record<string, string | undefined>>
}

interface Argument {
  readonly name: string
  /** As Python's `str()` prints it. */
  readonly text: string
  readonly value: Json
}

/**
 * The argv of one trial. A macro that is a whole item becomes 0 to n items, as in W&B; `${lr}` and `{lr}` become the
 * value wherever they stand. Parameters always arrive as `--lr=0.1`, so that no value can pass for a flag; only
 * `${args_no_equals}` splits them, for programs that want it. No shell sees any of it.
 */
export function expandCommand(command: readonly string[], context: CommandContext): string[] {
  const nested = nestTyped(context.space, context.config)
  const args = argumentsOf(nested)
  return command.flatMap((item) => {
    const macro = /^\$\{([a-z_]+)\}$/.exec(item)?.[1]
    const whole = macro === undefined ? null : expandWhole(macro, args, context)
    return whole ?? [substitute(item, nested, context)]
  })
}

function expandWhole(macro: string, args: readonly Argument[], context: CommandContext): string[] | null {
  switch (macro) {
    case 'env':
      return ['/usr/bin/env']
    case 'interpreter':
      return [context.interpreter]
    case 'program':
      return context.program === undefined ? [] : [context.program]
    case 'args':
      return args.map(({ name, text }) => `--${name}=${text}`)
    case 'args_no_hyphens':
      return args.map(({ name, text }) => `${name}=${text}`)
    case 'args_no_boolean_flags':
      return args.flatMap(({ name, text, value }) =>
        value === true ? [`--${name}`] : value === false ? [] : [`--${name}=${text}`],
      )
    case 'args_no_equals':
      return args.flatMap(({ name, text }) => [`--${name}`, text])
    case 'args_append_hydra':
      return args.map(({ name, text }) => `+${name}=${text}`)
    case 'args_override_hydra':
      return args.map(({ name, text }) => `++${name}=${text}`)
    case 'args_json':
      return [paramsJsonLine(context.space, context.config)]
    case 'args_json_file':
      return [context.paramsFile]
    default:
      return null
  }
}

/** In one pass, so that a value that looks like a placeholder stays as it is. */
function substitute(item: string, nested: NestedConfig, context: CommandContext): string {
  return item.replaceAll(
    /\$\{envvar:([A-Za-z0-9_]*)\}|\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}/g,
    (whole: string, variable: string | undefined, macro: string | undefined, brace: string | undefined) => {
      // W&B leaves the name where the variable is not set.
      if (variable !== undefined) return context.env[variable] ?? variable
      const name = macro ?? brace ?? ''
      if (macro === 'program' && context.program !== undefined) return context.program
      if (macro === 'interpreter') return context.interpreter
      if (macro === 'args_json_file') return context.paramsFile
      return valueText(name, nested, context) ?? whole
    },
  )
}

/** A parameter by its full name, or a whole group by its own; null for what the config doesn't have. */
function valueText(name: string, nested: NestedConfig, context: CommandContext): string | null {
  const parameter = context.space.parameters.find((candidate) => candidate.name === name)
  const path = parameter?.path ?? [name]
  let item: ReturnType<NestedConfig['get']> = nested
  for (const part of path) item = item === undefined || isLeaf(item) ? undefined : item.get(part)
  if (item !== undefined) return itemText(item)
  // An inactive parameter has no value; an empty text is what a program can tell from all values.
  return parameter === undefined ? null : ''
}

function argumentsOf(nested: NestedConfig): Argument[] {
  return [...nested].map(([name, item]) => ({
    name,
    text: itemText(item),
    value: isLeaf(item) ? item.value : plain(item),
  }))
}

function itemText(item: NonNullable<ReturnType<NestedConfig['get']>>): string {
  return isLeaf(item) ? pythonStr(item.value, item.float) : pythonDict(item)
}

/** As `pythonRepr` of the plain object, but whole floats keep their `.0`. */
function pythonDict(nested: NestedConfig): string {
  const items = [...nested].map(
    ([key, item]) => `${pythonRepr(key)}: ${isLeaf(item) ? pythonRepr(item.value, item.float) : pythonDict(item)}`,
  )
  return `{${items.join(', ')}}`
}
