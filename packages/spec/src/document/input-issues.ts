import type { z } from 'zod'
import { didYouMean, didYouMeanHint } from '../did-you-mean.ts'
import { type DocumentPath, pathText } from './diagnostic.ts'
import { EARLY_TERMINATE_TYPES, earlyTerminateKeys } from './early-terminate-input.ts'
import { ConstraintInput, DISTRIBUTIONS, MetricInput, ParameterInput, SweepInput } from './input-schema.ts'
import { KubernetesInput } from './kubernetes-input.ts'
import type { Report } from './report.ts'
import { nodeAt, type SourceNode, scalarAt, toJson } from './source-node.ts'
import { METHODS, POPULATION_METHODS } from './sweep-document.ts'

type Issue = z.core.$ZodIssue

/** `metric` is a map or a list: what is wrong with it is what keeps it from being the one that was written. */
export function issuesOf(root: SourceNode, error: z.ZodError | undefined): readonly Issue[] {
  return (error?.issues ?? []).flatMap((issue): readonly Issue[] => {
    if (issue.code !== 'invalid_union' || issue.path[0] !== 'metric') return [issue]
    const [asMap = [], asList = []] = issue.errors
    const chosen = nodeAt(root, ['metric'])?.kind === 'list' ? asList : asMap
    return chosen.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
  })
}

/** What zod found, said at its place. Unknown keys are left to `reportUnknownKeys`. */
export function reportIssues(report: Report, root: SourceNode, issues: readonly Issue[]): void {
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') continue
    const path = documentPath(issue)
    const node = nodeAt(root, path)
    const name = path.length === 0 ? 'a sweep file' : pathText(path)
    if (node === null) {
      report.error(path.slice(0, -1), `${name} is missing`, { hint: missingHint(root, path, issue.message), at: 'key' })
    } else if (issue.code === 'invalid_key') {
      report.error(path, `${name} can't be used as a name`, { hint: 'Use letters, digits and _.', at: 'key' })
    } else {
      report.error(path, `${name} is ${seen(node)}, but must be ${issue.message}`, { hint: valueHint(path, node) })
    }
  }
}

/** Where unknown keys stand, by the path of the map that holds them. */
export function unknownKeys(issues: readonly Issue[]): { path: DocumentPath; key: string }[] {
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => ({ path: documentPath(issue), key })) : [],
  )
}

/** The keys that a map at this path may have. */
export function knownKeys(root: SourceNode, path: DocumentPath): readonly string[] {
  if (path.length === 0) return Object.keys(SweepInput.shape)
  if (path[0] === 'parameters') return Object.keys(ParameterInput.shape)
  if (path[0] === 'early_terminate') return earlyTerminateKeys(scalarAt(root, [...path, 'type']))
  return KEYS_BELOW[String(path[0])] ?? []
}

const KEYS_BELOW: Readonly<Record<string, readonly string[]>> = {
  metric: Object.keys(MetricInput.shape),
  constraints: Object.keys(ConstraintInput.shape),
  resources: Object.keys(SweepInput.shape.resources.unwrap().shape),
  requires: Object.keys(SweepInput.shape.requires.unwrap().shape),
  retry: Object.keys(SweepInput.shape.retry.unwrap().shape),
  budget: Object.keys(SweepInput.shape.budget.unwrap().shape),
  capture: ['stdout', 'patterns', 'regex', 'metric'],
  replicates: Object.keys(SweepInput.shape.replicates.unwrap().shape),
  pbt: Object.keys(SweepInput.shape.pbt.unwrap().shape),
  kubernetes: Object.keys(KubernetesInput.shape),
  warm_start: Object.keys(SweepInput.shape.warm_start.unwrap().shape),
}

function documentPath(issue: Issue): DocumentPath {
  return issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
}

/** The value in a few words. */
export function seen(node: SourceNode): string {
  if (node.kind === 'list')
    return node.items.length === 0 ? 'an empty list' : `the list ${short(JSON.stringify(toJson(node)))}`
  if (node.kind === 'map') {
    const keys = [...node.entries.keys()]
    return keys.length === 0 ? 'an empty map' : `a map (${short(keys.join(', '))})`
  }
  if (node.value === null) return 'empty'
  return typeof node.value === 'string' ? JSON.stringify(short(node.value)) : short(node.text)
}

function short(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`
}

function missingHint(root: SourceNode, path: DocumentPath, expected: string): string {
  const parent = nodeAt(root, path.slice(0, -1))
  const key = String(path.at(-1))
  const present = parent?.kind === 'map' ? [...parent.entries.keys()] : []
  const known = new Set(knownKeys(root, path.slice(0, -1)))
  const misspelt = didYouMean(
    key,
    present.filter((candidate) => !known.has(candidate)),
  )
  if (misspelt !== null) return `"${misspelt}" was seen; did you mean "${key}"?`
  if (key === 'parameters' && path.length === 1)
    return 'Add the search space, such as parameters: {lr: {min: 0.001, max: 0.1}}.'
  return `It must be ${expected}.`
}

function valueHint(path: DocumentPath, node: SourceNode): string | undefined {
  if (path.length === 1 && path[0] === 'method') {
    const value = node.kind === 'scalar' ? String(node.value) : ''
    if (value === 'custom') return 'A method of your own is not supported; use method: bayes.'
    return didYouMeanHint(value, [...METHODS, ...POPULATION_METHODS, 'bayes'])
  }
  if (path[0] === 'early_terminate' && path.at(-1) === 'type' && node.kind === 'scalar') {
    return didYouMeanHint(String(node.value), EARLY_TERMINATE_TYPES)
  }
  if (path.at(-1) === 'distribution' && node.kind === 'scalar') return didYouMeanHint(String(node.value), DISTRIBUTIONS)
  if (path.length === 1 && path[0] === 'metric' && node.kind === 'scalar' && typeof node.value === 'string') {
    return `Write metric: {name: ${node.value}, goal: minimize}, or goal: maximize.`
  }
  const isParameter = path[0] === 'parameters' && path.at(-2) === 'parameters'
  if (isParameter && node.kind === 'scalar' && Object.hasOwn(ParameterInput.shape, String(path.at(-1)))) {
    return `Indent ${String(path.at(-1))} further to put it under a parameter.`
  }
  if (isParameter && node.kind === 'scalar' && node.value === null) return 'Put its keys under it, indented further.'
  if (isParameter && node.kind === 'list')
    return `Write ${String(path.at(-1))}: {values: ${short(JSON.stringify(toJson(node)))}}.`
  if (isParameter && node.kind === 'scalar')
    return `For a constant write ${String(path.at(-1))}: {value: ${node.text || 'null'}}.`
  return undefined
}
