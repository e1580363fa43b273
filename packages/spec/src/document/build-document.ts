import type { SearchSpace } from '../search-space.ts'
import { parseDuration, parseMemory } from '../units.ts'
import { checkGrid, checkSpace } from './check-space.ts'
import type { DocumentPath } from './diagnostic.ts'
import type { SweepInput } from './input-schema.ts'
import { checkMacros, readCommand } from './read-command.ts'
import { readParameters } from './read-parameters.ts'
import type { Report } from './report.ts'
import { type MapNode, nodeAt } from './source-node.ts'
import { SweepDocument } from './sweep-document.ts'

export interface BuildOptions {
  readonly lenient: boolean
  readonly skip: (path: DocumentPath) => boolean
  readonly newSeed: () => number
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
  if (space === null || command === null || report.hasErrors) return null
  const { metric, resources, retry, budget, capture, early_terminate: early } = input
  const trials = smallest(input.run_cap, budget?.trials)
  if (input.method !== 'grid' && trials === undefined && budget === undefined && metric?.target === undefined) {
    report.warn(['method'], `a ${input.method === 'random' ? 'random search' : 'search'} without a limit never ends`, {
      hint: 'Add run_cap: 50, a budget or metric.target.',
    })
  }
  const draft = {
    name: input.name,
    description: input.description,
    project: input.project,
    tags: input.tags,
    method: input.method === 'bayes' ? 'tpe' : input.method,
    metric: metric && { name: metric.name, goal: metric.goal, target: metric.target, summary: metric.summary },
    space,
    earlyTerminate: early && readEarlyTerminate(early),
    program: input.program,
    command,
    parallelism: input.parallelism,
    priority: input.priority,
    resources: resources && { gpus: resources.gpus, cpus: resources.cpus, memoryBytes: bytes(resources.memory) },
    retry: retry && { max: retry.max, lostMax: retry.lost_max },
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

function checkTogether(report: Report, input: SweepInput): void {
  const early = input.early_terminate
  if (early !== undefined && input.metric === undefined) {
    report.error(['early_terminate'], 'early_terminate compares a metric, but there is none', {
      hint: 'Add metric: {name: val_loss, goal: minimize}.',
      at: 'key',
    })
  }
  if (early?.type === 'hyperband') {
    const at = ['early_terminate']
    if (early.min_iter === undefined && early.max_iter === undefined) {
      report.error(at, 'hyperband needs min_iter, or max_iter with s', { hint: 'Add min_iter: 3.', at: 'key' })
    } else if (early.max_iter !== undefined && early.s === undefined && early.min_iter === undefined) {
      report.error([...at, 'max_iter'], 'max_iter needs s, the number of bands', { hint: 'Add s: 2.', at: 'key' })
    } else if (early.max_iter !== undefined && early.min_iter !== undefined) {
      const [used, unused] = early.s === undefined ? ['min_iter', 'max_iter (without s)'] : ['max_iter', 'min_iter']
      report.warn([...at, used], `${used} is used, ${unused} is not`, { hint: 'Keep one of the two.', at: 'key' })
    }
  }
  if (early?.type === 'asha') {
    const { min_resource: min = 1, max_resource: max } = early
    if (max !== undefined && max < min) {
      report.error(['early_terminate', 'max_resource'], `max_resource ${max} is below min_resource ${min}`, {
        hint: 'Swap them.',
      })
    }
  }
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

function readEarlyTerminate(early: NonNullable<SweepInput['early_terminate']>): unknown {
  switch (early.type) {
    case 'hyperband': {
      const hasBands = early.max_iter !== undefined && early.s !== undefined
      const bands = hasBands ? { maxIter: early.max_iter, s: early.s } : { minIter: early.min_iter }
      return { type: 'hyperband', ...bands, eta: early.eta, strict: early.strict }
    }
    case 'asha':
      return {
        type: 'asha',
        minResource: early.min_resource,
        maxResource: early.max_resource,
        reductionFactor: early.reduction_factor,
        brackets: early.brackets,
        grace: early.grace,
        resource: early.resource,
      }
    case 'median':
      return { type: 'median', grace: early.grace, minTrials: early.min_trials, resource: early.resource }
  }
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
