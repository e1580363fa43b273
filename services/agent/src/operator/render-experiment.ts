import { canonicalJson } from '@sweep/spec/config-hash'
import { Json } from '@sweep/spec/number'
import { Config } from '@sweep/spec/search-space'
import { z } from 'zod'
import type { Refused, Rendered } from './rendered.ts'
import type { Resource } from './resource.ts'

const Quantities = z.record(z.string(), z.union([z.string(), z.number()]))

/** The spec of a resource `Experiment`; its CustomResourceDefinition says the same to the cluster. */
const Spec = z.object({
  projectRef: z.object({ name: z.string() }).optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  hypothesis: z.string().optional(),
  metric: z.object({ name: z.string(), goal: z.enum(['minimize', 'maximize']).default('minimize') }).optional(),
  parallelism: z.int().optional(),
  template: z.object({
    image: z.string(),
    command: z.array(z.string()).min(1),
    resources: z.object({ requests: Quantities.optional(), limits: Quantities.optional() }).optional(),
    env: z.array(z.record(z.string(), Json)).optional(),
  }),
  runs: z.array(z.object({ name: z.string(), parameters: Config.default({}) })).min(1),
})
type Run = z.infer<typeof Spec>['runs'][number]

/** Of a sweep; a resource's own name may be longer. */
const LONGEST_NAME = 200
/** The parameter that holds a run's name, where the runs' own parameters don't tell them apart. */
const RUN = 'run'

/**
 * The sweep of a resource `Experiment`: a search space of just the values that its runs have, a trial for each of them in
 * their order, and no other.
 */
export function renderExperiment({ spec, metadata: { name, namespace } }: Resource): Rendered | Refused {
  const parsed = Spec.safeParse(spec)
  if (!parsed.success) {
    return { problems: parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) }
  }
  const { projectRef, description, hypothesis, metric, parallelism, template, runs } = parsed.data
  const isNamed = !areAlike(runs)
  if (isNamed && runs.some(({ parameters }) => Object.hasOwn(parameters, RUN))) {
    const problem = `runs: the parameter ${RUN} is taken: it names the run, as not all runs have the same parameters.`
    return { problems: [`${problem} Call yours something else.`] }
  }
  const prose = [description, hypothesis === undefined ? undefined : `Hypothesis: ${hypothesis}`]
  const { resources, env } = template
  const gpus = gpusOf({ ...resources?.requests, ...resources?.limits })
  const container = { ...(resources === undefined ? {} : { resources }), ...(env === undefined ? {} : { env }) }
  const document = {
    name: parsed.data.name ?? name.slice(0, LONGEST_NAME),
    ...(projectRef === undefined ? {} : { project: projectRef.name }),
    description: prose.filter((part) => part !== undefined).join('\n\n'),
    method: 'random',
    ...(metric === undefined ? {} : { metric }),
    parameters: isNamed ? conditionalSpace(runs) : plainSpace(runs),
    command: template.command,
    run_cap: runs.length,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(gpus === undefined ? {} : { resources: { gpus: gpus.count } }),
    launcher: 'kubernetes',
    kubernetes: {
      namespace,
      image: template.image,
      ...(gpus === undefined ? {} : { gpu_resource: gpus.resource }),
      template: { spec: { containers: [container] } },
    },
  }
  const configs = runs.map((run) => (isNamed ? { ...run.parameters, [RUN]: run.name } : run.parameters))
  return { document: Json.parse(document) as Rendered['document'], configs }
}

/** Names of the runs, in the order of their trials. */
export function runNames({ spec, status }: Resource): string[] {
  const runs = status.runs ?? Spec.shape.runs.safeParse(spec['runs']).data ?? []
  return runs.map(({ name }) => name)
}

/** All have the same parameters, and no two the same values of them. */
function areAlike(runs: readonly Run[]): boolean {
  const names = new Set(runs.map(({ parameters }) => canonicalJson(Object.keys(parameters).sort())))
  const configs = new Set(runs.map(({ parameters }) => canonicalJson(parameters)))
  return names.size === 1 && configs.size === runs.length && runs.some(({ parameters }) => hasKeys(parameters))
}

function hasKeys(parameters: Config): boolean {
  return Object.keys(parameters).length > 0
}

function plainSpace(runs: readonly Run[]): Record<string, { values: Json[] }> {
  const names = new Set(runs.flatMap(({ parameters }) => Object.keys(parameters)))
  return Object.fromEntries([...names].map((name) => [name, { values: valuesOf(runs, name) }]))
}

function conditionalSpace(runs: readonly Run[]): Record<string, object> {
  const own = Object.entries(plainSpace(runs)).map(([name, { values }]): [string, object] => {
    const having = runs.filter(({ parameters }) => Object.hasOwn(parameters, name)).map((run) => run.name)
    return [name, having.length === runs.length ? { values } : { values, when: { [RUN]: having } }]
  })
  return { [RUN]: { values: runs.map(({ name }) => name) }, ...Object.fromEntries(own) }
}

/** Each once, in the order of the runs. */
function valuesOf(runs: readonly Run[], name: string): Json[] {
  const values = runs.flatMap(({ parameters }) => (Object.hasOwn(parameters, name) ? [parameters[name] as Json] : []))
  return [...new Map(values.map((value) => [canonicalJson(value), value])).values()]
}

/** What the slots of agents count. */
function gpusOf(resources: z.infer<typeof Quantities>): { resource: string; count: number } | undefined {
  const found = Object.entries(resources).find(([resource]) => /\/gpu$/.test(resource))
  const count = Number(found?.[1])
  return found !== undefined && Number.isInteger(count) && count > 0 ? { resource: found[0], count } : undefined
}
