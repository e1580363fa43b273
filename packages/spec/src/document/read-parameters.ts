import { canonicalJson } from '../config-hash.ts'
import type { Json } from '../number.ts'
import type { Condition, Parameter } from '../search-space.ts'
import type { DocumentPath } from './diagnostic.ts'
import { readDistribution } from './read-distribution.ts'
import { readPrior } from './read-prior.ts'
import type { Report } from './report.ts'
import type { MapNode, SourceNode } from './source-node.ts'
import { toJson } from './source-node.ts'

/** A parameter and where the document defines it. */
export interface PlacedParameter {
  readonly parameter: Parameter
  readonly at: DocumentPath
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/
const MAX_NAME = 256
export const MAX_PARAMETERS = 10_000

interface Group {
  readonly path: readonly string[]
  readonly at: DocumentPath
  readonly when: Condition | undefined
}

/**
 * The parameters of a document in its order, nested ones flattened. `lenient` tells a W&B file, where a key that its
 * distribution doesn't use is a warning. Maps for which `skip` holds have been complained about already.
 */
export function readParameters(
  report: Report,
  parameters: MapNode,
  options: { readonly lenient: boolean; readonly skip: (path: DocumentPath) => boolean },
): PlacedParameter[] {
  const found: PlacedParameter[] = []
  const top: Group = { path: [], at: ['parameters'], when: undefined }

  function readGroup(map: MapNode, group: Group): void {
    for (const [key, entry] of map.entries) {
      const at = [...group.at, key]
      const path = [...group.path, key]
      if (found.length > MAX_PARAMETERS) return
      if (!NAME.test(key) || path.join('.').length > MAX_NAME) {
        report.error(at, nameProblem(key), {
          hint: 'A name starts with a letter or _ and has letters, digits and _ . - after it.',
          at: 'key',
        })
        continue
      }
      if (entry.value.kind !== 'map' || options.skip(at)) continue
      const when = mergeConditions(group.when, readWhen(entry.value), () =>
        report.error([...at, 'when'], 'no value satisfies both this and the condition of the group around it', {
          at: 'key',
        }),
      )
      const nested = entry.value.entries.get('parameters')?.value
      if (nested !== undefined) {
        readNested(nested, entry.value, { path, at: [...at, 'parameters'], when })
        continue
      }
      const base = { name: path.join('.'), path, ...(when === undefined ? {} : { when }) }
      const parameter = readDistribution(report, entry.value, at, base, options.lenient)
      if (parameter === null) continue
      const prior = readPrior(report, entry.value, at, parameter)
      found.push({ parameter: prior === undefined ? parameter : { ...parameter, prior }, at })
    }
  }

  function readNested(nested: SourceNode, outer: MapNode, group: Group): void {
    const at = group.at.slice(0, -1)
    const clash = [...outer.entries.keys()].find(
      (key) => key !== 'parameters' && key !== 'when' && key !== 'distribution',
    )
    if (clash !== undefined) {
      report.error([...at, clash], `"${clash}" can't stand beside nested parameters`, {
        hint: 'A parameter either has a value of its own or nests others.',
        at: 'key',
      })
    } else if (nested.kind !== 'map' || nested.entries.size === 0) {
      report.error(group.at, 'nested parameters are empty', { at: 'key' })
    } else {
      readGroup(nested, group)
    }
  }

  if (parameters.entries.size === 0) {
    report.error(['parameters'], 'parameters is empty', {
      hint: 'Add at least one, such as lr: {min: 0.001, max: 0.1}.',
      at: 'key',
    })
  }
  readGroup(parameters, top)
  if (found.length > MAX_PARAMETERS) {
    report.error(['parameters'], `there are more than ${MAX_PARAMETERS} parameters`, { at: 'key' })
  }
  return found
}

function nameProblem(key: string): string {
  if (key === '') return 'a parameter has an empty name'
  if (key.length > MAX_NAME) return `the parameter name "${key.slice(0, 20)}..." has more than ${MAX_NAME} characters`
  return `${JSON.stringify(key)} can't be the name of a parameter`
}

function readWhen(map: MapNode): Condition | undefined {
  const node = map.entries.get('when')?.value
  if (node?.kind !== 'map' || node.entries.size === 0) return undefined
  return Object.fromEntries(
    [...node.entries].map(([name, { value }]): [string, Json[]] => [
      name,
      value.kind === 'list' ? value.items.map(toJson) : [toJson(value)],
    ]),
  )
}

/** Both must hold; where both name a parameter, the values common to both. */
function mergeConditions(
  outer: Condition | undefined,
  inner: Condition | undefined,
  onEmpty: () => void,
): Condition | undefined {
  if (outer === undefined || inner === undefined) return outer ?? inner
  const merged: Record<string, Json[]> = { ...outer }
  for (const [name, values] of Object.entries(inner)) {
    const known = Object.hasOwn(outer, name) ? outer[name] : undefined
    const allowed = known === undefined ? null : new Set(known.map(canonicalJson))
    const common = allowed === null ? values : values.filter((value) => allowed.has(canonicalJson(value)))
    if (common.length === 0) {
      onEmpty()
      return outer
    }
    merged[name] = common
  }
  return merged
}
