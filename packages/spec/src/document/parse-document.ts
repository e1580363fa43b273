import { didYouMean, didYouMeanHint } from '../did-you-mean.ts'
import { SweepError } from '../errors.ts'
import type { Json } from '../number.ts'
import { buildDocument } from './build-document.ts'
import { type Diagnostic, type DocumentErrorDetails, type DocumentPath, pathText } from './diagnostic.ts'
import { EARLY_TERMINATE_TYPES } from './early-terminate-input.ts'
import { issuesOf, knownKeys, reportIssues, seen, unknownKeys } from './input-issues.ts'
import { OWN_KEYS, SweepInput, WITHOUT_EFFECT } from './input-schema.ts'
import { lookalike } from './lookalike.ts'
import { applyOverride } from './overrides.ts'
import type { PastTable } from './past-table.ts'
import { Report } from './report.ts'
import { type MapNode, nodeAt, type SourceNode, scalarAt, toJson } from './source-node.ts'
import { readSourceTree } from './source-tree.ts'
import type { SweepDocument } from './sweep-document.ts'

export interface ParseOptions {
  /** Named in positions. */
  readonly file: string
  /** Values that replace those of the source, by dotted key: `{'budget.trials': 10}`. */
  readonly overrides?: Readonly<Record<string, Json>>
  /** The seed of a document that has none: an integer from 0. */
  readonly newSeed: () => number
  /** The file that `pastTableName` gives, for callers that can read it. */
  readonly pastTable?: PastTable
}

export interface ParseResult {
  /** Null when a diagnostic is an error. */
  readonly document: SweepDocument | null
  /** In the order of the source. */
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Reads a sweep file: W&B's format and our own keys. Never throws for what stands in the source; everything wrong with it
 * is a diagnostic at its line and column.
 */
export function parseDocument(source: string, options: ParseOptions): ParseResult {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source
  const report = new Report(options.file, text)
  const document = read(text, report, options)
  const diagnostics = report.diagnostics()
  return { document: report.hasErrors ? null : document, diagnostics }
}

/** Like `parseDocument`, for callers that can't go on: an `invalid-document` error carries the diagnostics. */
export function requireDocument(
  source: string,
  options: ParseOptions,
): { document: SweepDocument; warnings: readonly Diagnostic[] } {
  const { document, diagnostics } = parseDocument(source, options)
  if (document !== null) return { document, warnings: diagnostics }
  const first = diagnostics.find((diagnostic) => diagnostic.severity === 'error')
  const more = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length - 1
  const place = first?.line === undefined ? options.file : `${options.file}:${first.line}:${first.column}`
  const message = `${place}: ${first?.message ?? 'invalid'}${more > 0 ? ` (and ${more} more)` : ''}`
  const details: DocumentErrorDetails = { diagnostics }
  throw new SweepError('invalid-document', message, {
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
    details,
  })
}

function read(text: string, report: Report, options: ParseOptions): SweepDocument | null {
  const tree = readSourceTree(text)
  for (const { path, span, message, hint } of tree.problems) report.error(path, message, { span, hint })
  if (tree.root === null) return null
  report.root = tree.root
  if (tree.root.kind !== 'map') {
    report.error(
      [],
      `a sweep file is ${seen(tree.root)}, but must be a map with keys such as method, metric and parameters`,
    )
    return null
  }
  // Overrides don't turn somebody's W&B file into one of ours.
  const lenient = !hasOwnKeys(tree.root)
  const root = override(tree.root, report, options.overrides ?? {})
  if (root === null) return null
  report.root = root
  if (tree.problems.length > 0) return null
  const document = readInput(root, report, options, lenient)
  // Files of other tools have no method, and some would pass for a sweep without one.
  if (!report.hasErrors && root.entries.has('method')) return document
  const other = lookalike(root)
  if (other === null) return document
  report.errorFirst(`this looks like ${other.what}, not a sweep file`, { hint: other.hint })
  return null
}

function readInput(root: MapNode, report: Report, options: ParseOptions, lenient: boolean): SweepDocument | null {
  const input = toJson(root) as Record<string, Json>
  if (lenient) forgiveGoal(root, input, report)
  const first = SweepInput.safeParse(input)
  const issues = issuesOf(root, first.error)
  reportIssues(report, root, issues)
  const unknown = unknownKeys(issues)
  reportUnknownKeys(report, root, unknown, lenient)
  refuseMisspeltMethod(report, root, unknown)
  for (const key of root.entries.keys()) {
    if (WITHOUT_EFFECT.includes(key)) {
      report.warn([key], `"${key}" has no effect here`, { hint: 'It means something to W&B only.', at: 'key' })
    }
  }
  for (const { path, key } of unknown) removeKey(input, path, key)
  const clean = unknown.length === 0 ? first : SweepInput.safeParse(input)
  const broken = new Set(issues.filter((issue) => issue.code !== 'unrecognized_keys').map(({ path }) => ownerOf(path)))
  const skip = (path: DocumentPath): boolean => broken.has(JSON.stringify(path))
  return buildDocument(report, root, clean.success ? clean.data : null, {
    lenient,
    skip,
    newSeed: options.newSeed,
    pastTable: options.pastTable,
  })
}

/** The innermost parameter that a path leads into: of `parameters.a.parameters.b.min` the first four parts. */
function ownerOf(path: readonly PropertyKey[]): string {
  let length = 0
  while (path[length] === 'parameters' && path.length > length + 1) length += 2
  return JSON.stringify(path.slice(0, length))
}

function hasOwnKeys(root: MapNode): boolean {
  if (OWN_KEYS.some((key) => root.entries.has(key))) return true
  if (nodeAt(root, ['metric'])?.kind === 'list' || nodeAt(root, ['metric', 'summary']) !== null) return true
  const type = scalarAt(root, ['early_terminate', 'type'])
  if (type !== 'hyperband' && EARLY_TERMINATE_TYPES.some((known) => known === type)) return true
  return usesWhen(nodeAt(root, ['parameters']))
}

function usesWhen(parameters: SourceNode | null): boolean {
  if (parameters?.kind !== 'map') return false
  return [...parameters.entries.values()].some(
    ({ value }) =>
      value.kind === 'map' && (value.entries.has('when') || usesWhen(value.entries.get('parameters')?.value ?? null)),
  )
}

function override(tree: MapNode, report: Report, overrides: Readonly<Record<string, Json>>): MapNode | null {
  let root: MapNode = tree
  for (const [key, value] of Object.entries(overrides)) {
    const parts = key.split('.')
    if (parts.some((part) => part === '' || part === '__proto__' || part === 'constructor' || part === 'prototype')) {
      report.error([], `"${key}" can't be set`, { span: null })
      return null
    }
    const next = applyOverride(root, key, value)
    if (next === null || next.kind !== 'map') {
      report.error([], `"${key}" can't be set, for a part of it is not a map`, { span: null })
      return null
    }
    root = next
  }
  return root
}

/** W&B takes every goal but maximize for minimize, silently; what was meant as maximize stays an error. */
function forgiveGoal(root: MapNode, input: Record<string, Json>, report: Report): void {
  const goal = nodeAt(root, ['metric', 'goal'])
  const metric = input['metric']
  if (goal?.kind !== 'scalar' || typeof metric !== 'object' || metric === null) return
  if (goal.value === 'minimize' || didYouMean(String(goal.value), ['maximize', 'max']) !== null) return
  if (goal.value === 'maximize' || goal.value === 'max') return
  report.warn(['metric', 'goal'], `metric.goal is ${seen(goal)}; it is read as minimize, as W&B does`, {
    hint: didYouMeanHint(String(goal.value), ['minimize', 'maximize']) ?? 'Write minimize or maximize.',
  })
  input['metric'] = { ...metric, goal: 'minimize' }
}

function reportUnknownKeys(
  report: Report,
  root: MapNode,
  unknown: readonly { path: DocumentPath; key: string }[],
  lenient: boolean,
): void {
  for (const { path, key } of unknown.slice(0, 200)) {
    const isHyperband = path[0] === 'early_terminate' && scalarAt(root, [...path, 'type']) === 'hyperband'
    const known = knownKeys(root, path)
    const where = path.length === 0 ? '' : ` in ${pathText(path)}`
    const message = `"${key}" is not a key${where === '' ? ' of a sweep file' : where}`
    const hint = path.length === 0 && Object.hasOwn(MEANT, key) ? MEANT[key] : didYouMeanHint(key, known)
    const isOurBlock = OWN_KEYS.includes(String(path[0]))
    // The program's own override of an unknown key has no file to be lenient about.
    const isInFile = report.isInFile([...path, key])
    if (isInFile && !isOurBlock && (lenient || isHyperband)) {
      report.warn([...path, key], message, { hint: hint ?? 'It has no effect.', at: 'key' })
    } else {
      report.error([...path, key], message, {
        hint: hint ?? `Known here: ${known.filter((one) => !WITHOUT_EFFECT.includes(one)).join(', ')}.`,
        at: 'key',
      })
    }
  }
}

/** A file may leave the method out, but a misspelt one must not turn into the default. */
function refuseMisspeltMethod(
  report: Report,
  root: MapNode,
  unknown: readonly { path: DocumentPath; key: string }[],
): void {
  if (root.entries.has('method')) return
  const misspelt = didYouMean(
    'method',
    unknown.filter(({ path }) => path.length === 0).map(({ key }) => key),
  )
  if (misspelt === null) return
  const hint = `"${misspelt}" was seen; did you mean "method"?`
  report.error([misspelt], 'method is missing', { hint, at: 'key' })
}

/** Keys that people write for one of ours, too far from it for an edit distance. */
const MEANT: Readonly<Record<string, string>> = {
  count: 'Use run_cap for the number of trials.',
  n_trials: 'Use run_cap for the number of trials.',
  max_trials: 'Use run_cap for the number of trials.',
  num_samples: 'Use run_cap for the number of trials.',
  max_concurrent: 'Use parallelism for the number of trials at once.',
  concurrency: 'Use parallelism for the number of trials at once.',
  args: 'Arguments of the program go into command.',
  arguments: 'Arguments of the program go into command.',
  gpus: 'Write resources: {gpus: 1}.',
  labels: 'Write requires: {labels: {zone: b}}.',
  gpu_model: 'Write requires: {gpu_model: A100}.',
  gpu_memory: 'Write requires: {gpu_memory: 40GB}.',
  max_time: 'Use timeout for one attempt, budget: {wall: 2h} for the sweep.',
  goal: 'Write metric: {name: val_loss, goal: minimize}.',
}

function removeKey(input: Json, path: DocumentPath, key: string): void {
  let node: unknown = input
  for (const part of path) {
    if (typeof node !== 'object' || node === null) return
    node = (node as Record<string | number, unknown>)[part]
  }
  if (typeof node === 'object' && node !== null) delete (node as Record<string, unknown>)[key]
}
