import { ambiguousNumbers } from './ambiguous-numbers.ts'
import { isMap } from './is-map.ts'
import type { Refused, Rendered } from './rendered.ts'
import type { Resource } from './resource.ts'

/** Of a sweep; a resource's own name may be longer. */
const LONGEST_NAME = 200

/**
 * The sweep document of a resource `Sweep`: its spec, with what follows from where it stands. Its trials run in the
 * namespace of the resource and nowhere else, or whoever may make sweeps in one namespace could start pods in all.
 */
export function renderSweep({ spec, metadata: { name, namespace } }: Resource): Rendered | Refused {
  const problems = [...placeProblems(spec, namespace), ...ambiguousNumbers(spec['parameters'])]
  if (problems.length > 0) return { problems }
  const pod = isMap(spec['kubernetes']) ? spec['kubernetes'] : {}
  const kubernetes = { ...pod, namespace }
  return {
    document: { ...spec, name: spec['name'] ?? name.slice(0, LONGEST_NAME), launcher: 'kubernetes', kubernetes },
    configs: [],
  }
}

function placeProblems(spec: Resource['spec'], namespace: string): string[] {
  const { launcher, kubernetes } = spec
  const problems: string[] = []
  if (launcher !== undefined && launcher !== 'kubernetes') {
    problems.push(
      `launcher is ${JSON.stringify(launcher)}, but a Sweep resource runs its trials in the cluster. Leave it out.`,
    )
  }
  if (kubernetes !== undefined && !isMap(kubernetes)) {
    problems.push('kubernetes must be a map such as {image: "my/train:1"}.')
  } else if (kubernetes?.['namespace'] !== undefined && kubernetes['namespace'] !== namespace) {
    problems.push(
      `kubernetes.namespace is ${JSON.stringify(kubernetes['namespace'])}, but a Sweep resource runs its trials in its ` +
        `own namespace, ${namespace}. Leave it out.`,
    )
  }
  return problems
}
