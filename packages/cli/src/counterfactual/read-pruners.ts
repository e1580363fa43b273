import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import type { Diagnostic } from '@sweep/spec/document/diagnostic'
import { EARLY_TERMINATE_TYPES } from '@sweep/spec/document/early-terminate-input'
import { parseDocument } from '@sweep/spec/document/parse-document'
import { EarlyTerminate, type SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import { objectivesOf } from '@sweep/spec/objectives'
import { usageError } from '../exit-codes.ts'
import { parseScalar } from '../parameter-spec.ts'

/** A way to stop trials early, as it is called in a table; `earlyTerminate` undefined stops none. */
export interface NamedPruner {
  readonly name: string
  readonly earlyTerminate: EarlyTerminate | undefined
}

export const NO_PRUNER = 'none'
/** What W&B and the papers call them. */
const SHORT_KEYS: Readonly<Record<string, string>> = { eta: 'reduction_factor' }
const EXAMPLES = 'Write for example asha,eta=4, or {type: asha, reduction_factor: 4}; "none" stops no trial.'

/** What is compared when nobody says with what. */
const USUAL = [NO_PRUNER, 'median', 'percentile', 'asha,eta=3', 'asha,eta=4', 'hyperband,min_iter=3', 'extrapolate']

/** Those that are worth a look in any sweep, but for its own and for those that can't judge several objectives. */
export function usualPruners(document: SweepDocument): NamedPruner[] {
  const own = JSON.stringify(document.earlyTerminate)
  return USUAL.flatMap((text): NamedPruner[] => {
    const input = readShort(text)
    if (input === undefined) return own === undefined ? [] : [{ name: text, earlyTerminate: undefined }]
    const { earlyTerminate } = checked(input, document, text)
    return earlyTerminate === undefined || JSON.stringify(earlyTerminate) === own
      ? []
      : [{ name: text, earlyTerminate }]
  })
}

/**
 * A pruner as it is typed: `asha,eta=4`, or the map of `early_terminate` in YAML or JSON.
 *
 * @throws SweepError `invalid-request` when it can't be read, `invalid-document` with what is wrong in it
 */
export function readPruner(text: string, document: SweepDocument): NamedPruner {
  const where = `--early-terminate ${text.slice(0, 200)}`
  if (!text.trimStart().startsWith('{')) {
    const input = readShort(text)
    return input === undefined
      ? { name: NO_PRUNER, earlyTerminate: undefined }
      : { name: text, earlyTerminate: required(input, document, where) }
  }
  const earlyTerminate = required(text, document, where)
  return { name: prunerText(earlyTerminate), earlyTerminate }
}

/**
 * A pruner from the text of a file: a map of `early_terminate`, or a sweep file that has one.
 *
 * @param file as it was named
 * @throws SweepError `invalid-document` with the position of what is wrong
 */
export function readPrunerFile(text: string, file: string, document: SweepDocument): NamedPruner {
  if (/^early_terminate\s*:/m.test(text)) {
    const { document: read, diagnostics } = parseDocument(text, { file, newSeed: () => 0 })
    if (read === null) throw refused(file, diagnostics)
    const name = prunerText(read.earlyTerminate)
    if (read.earlyTerminate === undefined) throw usageError(`${file} has no early_terminate.`, EXAMPLES)
    // Once more, beside the objectives of this sweep.
    return { name, earlyTerminate: required(readShort(name) ?? '', document, file) }
  }
  if (text.trim() === '') throw usageError(`${file} is empty.`, EXAMPLES)
  const lines = text.split('\n')
  const block = `\n${lines.map((line) => (line.trim() === '' ? '' : `${INDENT}${line}`)).join('\n')}`
  const { earlyTerminate, diagnostics, startLine } = checked(block, document, file)
  if (earlyTerminate !== undefined) return { name: prunerText(earlyTerminate), earlyTerminate }
  throw refused(
    file,
    diagnostics.map((one) =>
      one.line === undefined || one.line <= startLine
        ? one
        : { ...one, line: one.line - startLine, column: Math.max(1, (one.column ?? 1) - INDENT.length) },
    ),
  )
}

const INDENT = '  '

/** `asha,reduction_factor=4`: what differs from the defaults of the type, in the words of a sweep file. */
export function prunerText(earlyTerminate: EarlyTerminate | undefined): string {
  if (earlyTerminate === undefined) return NO_PRUNER
  const { type, ...settings } = earlyTerminate
  const isDefault = (key: string, value: unknown) => {
    const without = EarlyTerminate.safeParse({ ...earlyTerminate, [key]: undefined })
    return without.success && (without.data as Readonly<Record<string, unknown>>)[key] === value
  }
  const parts = Object.entries(settings)
    .filter(([key, value]) => !isDefault(key, value))
    .map(([key, value]) => `${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}=${value}`)
  return [type, ...parts].join(',')
}

/** JSON of the map that `asha,eta=4` stands for; undefined for `none`. */
function readShort(text: string): string | undefined {
  const [type = '', ...settings] = text.split(',').map((part) => part.trim())
  if (type === NO_PRUNER && settings.length === 0) return undefined
  if (!EARLY_TERMINATE_TYPES.includes(type)) {
    const meant = didYouMeanHint(type, [...EARLY_TERMINATE_TYPES, NO_PRUNER])
    const names = [...EARLY_TERMINATE_TYPES, NO_PRUNER].join(', ')
    throw usageError(
      `There is no way to stop trials early called "${type.slice(0, 200)}".`,
      meant ?? `Use one of ${names}.`,
    )
  }
  const map = new Map<string, Json>([['type', type]])
  for (const setting of settings) {
    const equals = setting.indexOf('=')
    const typed = setting.slice(0, equals)
    if (equals < 1) throw usageError(`"${setting.slice(0, 200)}" of ${type} does not say KEY=VALUE.`, EXAMPLES)
    const key = type === 'hyperband' ? typed : (SHORT_KEYS[typed] ?? typed)
    if (map.has(key)) throw usageError(`${type} has ${key} twice.`, 'Keep one of the two.')
    map.set(key, parseScalar(setting.slice(equals + 1)) as Json)
  }
  return JSON.stringify(Object.fromEntries(map))
}

function required(input: string, document: SweepDocument, where: string): EarlyTerminate {
  const { earlyTerminate, diagnostics } = checked(input, document, where)
  if (earlyTerminate !== undefined) return earlyTerminate
  // Positions are those of a text that nobody wrote.
  const here = diagnostics.map(({ line: _line, column: _column, endColumn: _end, ...rest }) => rest)
  throw refused(where, here)
}

/** Read by the code that reads sweep files, beside the objectives of the sweep. */
function checked(
  input: string,
  document: SweepDocument,
  file: string,
): { earlyTerminate: EarlyTerminate | undefined; diagnostics: readonly Diagnostic[]; startLine: number } {
  const metric = objectivesOf(document).map(({ name, goal }) => ({ name, goal }))
  const before = [
    'method: random',
    `metric: ${JSON.stringify(metric.length === 1 ? metric[0] : metric)}`,
    'parameters: {x: {values: [0, 1]}}',
    'command: [none]',
    // A key of our own, so that the file does not pass for one of W&B's, which may have keys that nobody knows.
    'priority: 1',
  ]
  const source = `${before.join('\n')}\nearly_terminate: ${input}\n`
  const { document: read, diagnostics } = parseDocument(source, { file, newSeed: () => 0 })
  return { earlyTerminate: read?.earlyTerminate, diagnostics, startLine: before.length + 1 }
}

function refused(where: string, diagnostics: readonly Diagnostic[]): SweepError {
  const [first, ...more] = diagnostics.filter(({ severity }) => severity === 'error')
  const place = first?.line === undefined ? where : `${where}:${first.line}:${first.column}`
  const path = first?.line === undefined && first?.path && !first.message.includes(first.path) ? `${first.path}: ` : ''
  const message = `${place}: ${path}${first?.message ?? 'this is no early_terminate'}${more.length > 0 ? ` (and ${more.length} more)` : ''}`
  return new SweepError('invalid-document', message, { hint: first?.hint ?? EXAMPLES, details: { diagnostics } })
}
