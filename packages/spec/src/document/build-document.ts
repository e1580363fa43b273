import type { SearchSpace } from '../search-space.ts'
import { parseDuration, parseMemory } from '../units.ts'
import { checkGrid, checkSpace } from './check-space.ts'
import type { DocumentPath } from './diagnostic.ts'
import type { SweepInput } from './input-schema.ts'
import type { PastTable } from './past-table.ts'
import { checkMacros, readCommand } from './read-command.ts'
import { checkContainer, readContainer } from './read-container.ts'
import { checkEarlyTerminate, readEarlyTerminate } from './read-early-terminate.ts'
import { checkKubernetes, readKubernetes } from './read-kubernetes.ts'
import { checkObjectives, readObjectives } from './read-objectives.ts'
import { readParameters } from './read-parameters.ts'
import { checkPbt, readPbt } from './read-pbt.ts'
import { checkReplicates } from './read-replicates.ts'
import { checkRequires, readRequires } from './read-requires.ts'
import { readWarmStart } from './read-warm-start.ts'
import type { Report } from './report.ts'
import { type MapNode, nodeAt } from './source-node.ts'
import { learns, SweepDocument, trainsPopulation } from './sweep-document.ts'

export interface BuildOptions {
  readonly lenient: boolean
  readonly skip: (path: DocumentPath) => boolean
  readonly newSeed: () => number
  readonly pastTable: PastTable | undefined
}

/**
 * The document from a checked input: units resolved, defaults filled in, the search space flattened. Parameters and
 * command are read from the tree, which knows their spelling; without an input only their problems are reported.
 */
export function buildDocument(
  report: Report,
  root: MapNode,
  input: SweepInput | null,
  options: BuildOptions,
): SweepDocument | null {
  const space = readSpace(report, root, options)
  const command = readCommand(report, root)
  if (command !== null && space !== null) {
    const isList = nodeAt(root, ['command'])?.kind === 'list'
    checkMacros(report, command, space, isList, options.lenient)
  }
  if (input === null) return null
  checkTogether(report, input)
  const env = readEnv(report, root)
  const warmStart = space === null ? undefined : readWarmStart(report, input, space, options.pastTable)
  if (space === null || command === null || report.hasErrors) return null
  const method = input.method === 'bayes' ? 'auto' : input.method
  warnUnlearned(report, root, method, input, space)
  const { resources, retry, budget, capture, early_terminate: early } = input
  const objectives = readObjectives(input)
  const [metric] = objectives
  const trials = smallest(input.run_cap, budget?.trials)
  if (method !== 'grid' && trials === undefined && budget === undefined && metric?.target === undefined) {
    report.warn(['method'], `a ${method === 'random' ? 'random search' : 'search'} without a limit never ends`, {
      hint: 'Add run_cap: 50, a budget or metric.target.',
    })
  }
  const draft = {
    name: input.name,
    description: input.description,
    project: input.project,
    tags: input.tags,
    method,
    metric,
    objectives: objectives.length > 1 ? objectives : undefined,
    constraints: input.constraints,
    space,
    warmStart,
    earlyTerminate: early && readEarlyTerminate(early),
    replicates: input.replicates,
    pbt: trainsPopulation(method) ? readPbt(input.pbt) : undefined,
    program: input.program,
    code: input.code,
    command,
    parallelism: input.parallelism,
    priority: input.priority,
    resources: resources && { gpus: resources.gpus, cpus: resources.cpus, memoryBytes: bytes(resources.memory) },
    requires: readRequires(root, input),
    retry: retry && { max: retry.max, lostMax: retry.lost_max },
    maxFailedTrials: input.max_failed_trials,
    health: input.health,
    budget: {
      trials,
      wallMs: milliseconds(budget?.wall),
      gpuSeconds: budget?.gpu_hours === undefined ? undefined : budget.gpu_hours * 3600,
    },
    timeoutMs: milliseconds(input.timeout),
    graceMs: milliseconds(input.grace_period),
    env,
    seed: input.seed ?? options.newSeed(),
    queue: input.queue,
    launcher: input.launcher,
    container: input.container && readContainer(input.container),
    kubernetes: input.kubernetes && readKubernetes(input.kubernetes),
    capture,
  }
  // Through JSON, so that absent keys are absent and not undefined, as they will be when read from the store.
  const parsed = SweepDocument.safeParse(JSON.parse(JSON.stringify(draft)))
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues) report.error([String(issue.path[0] ?? '')], issue.message)
  return null
}

function readSpace(report: Report, root: MapNode, options: BuildOptions): SearchSpace | null {
  const map = nodeAt(root, ['parameters'])
  if (map?.kind !== 'map') return null
  const placed = readParameters(report, map, options)
  const method = nodeAt(root, ['method'])
  if (method?.kind === 'scalar' && method.value === 'grid') checkGrid(report, placed)
  // A parameter that could not be read is missing from `placed`: its absence is no second error.
  return { parameters: report.hasErrors ? placed.map((one) => one.parameter) : checkSpace(report, placed) }
}

/** Methods that learn need a metric, and what is believed before the first trial is for them alone. */
function warnUnlearned(
  report: Report,
  root: MapNode,
  method: SweepDocument['method'],
  input: SweepInput,
  space: SearchSpace,
): void {
  if (learns(method) && !trainsPopulation(method)) {
    if (input.metric !== undefined || !root.entries.has('method')) return
    report.warn(['method'], `method ${input.method} learns from a metric, but there is none`, {
      hint: 'Add metric: {name: val_loss, goal: minimize}, or use method: random.',
    })
    return
  }
  const hint = 'Use method: auto.'
  if (input.warm_start !== undefined) {
    report.warn(['warm_start'], `warm_start has no effect with method ${method}`, { hint, at: 'key' })
  }
  const believed = space.parameters.filter(({ prior }) => prior !== undefined).map(({ name }) => name)
  if (believed.length > 0) {
    report.warn(['method'], `the priors of ${believed.join(', ')} have no effect with method ${method}`, { hint })
  }
}

function checkTogether(report: Report, input: SweepInput): void {
  const early = input.early_terminate
  if (early !== undefined && input.metric === undefined) {
    report.error(['early_terminate'], 'early_terminate compares a metric, but there is none', {
      hint: 'Add metric: {name: val_loss, goal: minimize}.',
      at: 'key',
    })
  }
  if (early !== undefined) checkEarlyTerminate(report, early)
  checkObjectives(report, input)
  checkPbt(report, input)
  checkReplicates(report, input)
  checkRequires(report, input)
  checkContainer(report, input)
  checkKubernetes(report, input)
  for (const [index, pattern] of (input.capture?.patterns ?? []).entries()) checkPattern(report, pattern, index)
}

function checkPattern(report: Report, pattern: { regex: string; metric?: string | undefined }, index: number): void {
  const at = ['capture', 'patterns', index, 'regex']
  let groups: RegExpExecArray | null
  try {
    // An empty alternative always matches, and its result lists the groups.
    groups = new RegExp(`${pattern.regex}|`).exec('')
  } catch (error) {
    report.error(
      at,
      `the regular expression can't be read: ${error instanceof Error ? error.message.split(': ').at(-1) : ''}`,
    )
    return
  }
  const names = Object.keys(groups?.groups ?? {})
  const isNamed = names.includes('name') && names.includes('value')
  if (pattern.metric === undefined && !isNamed) {
    report.error(at, 'the regular expression does not say which metric it finds', {
      hint: 'Add metric: loss beside it, or groups (?<name>...) and (?<value>...).',
    })
  } else if (pattern.metric !== undefined && (groups?.length ?? 1) < 2) {
    report.error(at, 'the regular expression has no group for the value', {
      hint: 'Put the number in brackets: loss: (\\S+).',
    })
  }
}

/** The values as spelled: `0.10` stays `0.10`. */
function readEnv(report: Report, root: MapNode): Record<string, string> {
  const node = nodeAt(root, ['env'])
  if (node?.kind !== 'map') return {}
  const env: Record<string, string> = {}
  for (const [name, { value }] of node.entries) {
    if (name.startsWith('SWEEP_')) {
      report.error(['env', name], `${name} is set by the agent`, {
        hint: 'Choose a name that does not start with SWEEP_.',
        at: 'key',
      })
    }
    if (value.kind === 'scalar') env[name] = value.value === null ? '' : value.text
  }
  return env
}

function smallest(...numbers: (number | undefined)[]): number | undefined {
  const given = numbers.filter((number) => number !== undefined)
  return given.length === 0 ? undefined : Math.min(...given)
}

function milliseconds(duration: string | number | undefined): number | undefined {
  return duration === undefined ? undefined : (parseDuration(duration) ?? undefined)
}

function bytes(size: string | number | undefined): number | undefined {
  return size === undefined ? undefined : (parseMemory(size) ?? undefined)
}
