import { assertNever } from '../assert-never.ts'
import { canonicalJson } from '../config-hash.ts'
import { didYouMeanHint } from '../did-you-mean.ts'
import type { Json } from '../number.ts'
import type { Condition, Parameter } from '../search-space.ts'
import type { DocumentPath } from './diagnostic.ts'
import type { PlacedParameter } from './read-parameters.ts'
import type { Report } from './report.ts'

/** Far more than people write, and shallow enough to recurse over. */
const MAX_CONDITION_DEPTH = 100

/**
 * What holds between parameters: names are unique, conditions name parameters that exist and values they can take, and
 * don't go round in circles. Returns the parameters with the names in their conditions written in full.
 */
export function checkSpace(report: Report, placed: readonly PlacedParameter[]): Parameter[] {
  const byName = new Map<string, PlacedParameter>()
  for (const one of placed) {
    const { name } = one.parameter
    if (byName.has(name)) {
      report.error(one.at, `two parameters are named ${name}`, {
        hint: 'A dot in a name and nesting give the same name; keep one of the two.',
        at: 'key',
      })
    } else {
      byName.set(name, one)
    }
  }
  const resolved = placed.map(({ parameter, at }): PlacedParameter => {
    if (parameter.when === undefined) return { parameter, at }
    return { parameter: { ...parameter, when: resolveWhen(report, parameter, at, byName) }, at }
  })
  checkCycles(report, resolved)
  return resolved.map(({ parameter }) => parameter)
}

/** A name in `when` is a full name, or that of a neighbour in the same group, or in a group around it. */
function resolveWhen(
  report: Report,
  parameter: Parameter,
  at: DocumentPath,
  byName: ReadonlyMap<string, PlacedParameter>,
): Condition {
  const when: Record<string, Json[]> = {}
  for (const [name, values] of Object.entries(parameter.when ?? {})) {
    const path = whenPath(at, parameter.path.length, name, report)
    const full = [...parameter.path.keys()]
      .map((depth) => [...parameter.path.slice(0, depth), name].join('.'))
      .toReversed()
    const found = [...full, name].map((candidate) => byName.get(candidate)).find((candidate) => candidate !== undefined)
    if (found === undefined) {
      report.error(path, `${parameter.name} depends on ${name}, which is no parameter`, {
        hint: didYouMeanHint(name, byName.keys()) ?? 'Name a parameter of this search space.',
        at: 'key',
      })
      continue
    }
    if (found.parameter.name === parameter.name) {
      report.error(path, `${parameter.name} depends on itself`, { at: 'key' })
      continue
    }
    for (const value of values) {
      const problem = unreachable(found.parameter, value)
      if (problem !== null)
        report.error(path, `${parameter.name}: ${problem.message}`, { hint: problem.hint, at: 'value' })
    }
    when[found.parameter.name] = values
  }
  return when
}

/** The condition may stand on the parameter or on a group around it. */
function whenPath(at: DocumentPath, depth: number, name: string, report: Report): DocumentPath {
  for (let up = 0; up < depth; up += 1) {
    const path = [...at.slice(0, at.length - 2 * up), 'when', name]
    if (report.has(path)) return path
  }
  return [...at, 'when', name]
}

/** Why a parameter can never have a value; null when it can. */
export function unreachable(parameter: Parameter, value: Json): { message: string; hint: string | undefined } | null {
  const shown = JSON.stringify(value)
  switch (parameter.type) {
    case 'choice':
    case 'constant': {
      const values = parameter.type === 'choice' ? parameter.values : [parameter.value]
      const key = canonicalJson(value)
      if (values.some((candidate) => canonicalJson(candidate) === key)) return null
      const words = values.filter((candidate) => typeof candidate === 'string')
      const near = typeof value === 'string' ? didYouMeanHint(value, words) : undefined
      const list = values.map((candidate) => JSON.stringify(candidate)).join(', ')
      const hint = near ?? `It can be ${list.length > 100 ? `${list.slice(0, 97)}...` : list}.`
      return { message: `${parameter.name} is never ${shown}`, hint }
    }
    case 'int':
      if (typeof value === 'number' && Number.isInteger(value) && value >= parameter.min && value <= parameter.max)
        return null
      return {
        message: `${parameter.name} is never ${shown}`,
        hint: `It is a whole number from ${parameter.min} to ${parameter.max}.`,
      }
    case 'float':
    case 'normal':
    case 'beta': {
      if (parameter.quantum === undefined) {
        return {
          message: `${parameter.name} is continuous and hardly ever ${shown}`,
          hint: 'Conditions can name parameters with whole numbers, steps (q) or values.',
        }
      }
      const steps = typeof value === 'number' ? value / parameter.quantum.q : Number.NaN
      if (Math.abs(steps - Math.round(steps)) < 1e-9 * Math.max(1, Math.abs(steps))) return null
      return { message: `${parameter.name} is never ${shown}`, hint: `It is a multiple of ${parameter.quantum.q}.` }
    }
    default:
      return assertNever(parameter)
  }
}

function checkCycles(report: Report, placed: readonly PlacedParameter[]): void {
  const byName = new Map(placed.map((one) => [one.parameter.name, one]))
  /** How many conditions hang one on the other, by parameter. */
  const depths = new Map<string, number>()
  for (const start of placed) {
    // A walk with its own stack: chains may be thousands long.
    const trail: { name: string; rest: string[] }[] = [
      { name: start.parameter.name, rest: dependencies(start.parameter) },
    ]
    const onTrail = new Set([start.parameter.name])
    if (depths.has(start.parameter.name)) continue
    while (trail.length > 0) {
      const top = trail[trail.length - 1]!
      const next = top.rest.pop()
      if (next === undefined) {
        const parameter = byName.get(top.name)?.parameter
        const below = parameter === undefined ? [] : dependencies(parameter)
        const depth = below.reduce((deepest, name) => Math.max(deepest, 1 + (depths.get(name) ?? 0)), 0)
        if (depth > MAX_CONDITION_DEPTH) {
          const at = byName.get(top.name)?.at ?? start.at
          report.error(at, `more than ${MAX_CONDITION_DEPTH} conditions hang one on the other`, { at: 'key' })
          return
        }
        depths.set(top.name, depth)
        onTrail.delete(top.name)
        trail.pop()
      } else if (onTrail.has(next)) {
        const names = trail.map((step) => step.name)
        const circle = [...names.slice(names.indexOf(next)), next]
        report.error([...start.at, 'when'], `conditions go round in a circle: ${circle.join(' -> ')}`, { at: 'key' })
        return
      } else if (!depths.has(next)) {
        const parameter = byName.get(next)?.parameter
        if (parameter === undefined) continue
        onTrail.add(next)
        trail.push({ name: next, rest: dependencies(parameter) })
      }
    }
  }
}

function dependencies(parameter: Parameter): string[] {
  return Object.keys(parameter.when ?? {})
}

/** A grid needs finitely many values of every parameter. */
export function checkGrid(report: Report, placed: readonly PlacedParameter[]): void {
  for (const { parameter, at } of placed) {
    const { name } = parameter
    if (parameter.type === 'choice' && parameter.probabilities !== undefined) {
      report.error([...at, 'probabilities'], `${name}: a grid tries every value, so probabilities mean nothing`, {
        hint: 'Remove probabilities, or use method: random.',
        at: 'key',
      })
    }
    const isContinuous = parameter.type === 'normal' || parameter.type === 'beta'
    if (
      isContinuous ||
      (parameter.type === 'float' && (parameter.quantum === undefined || parameter.scale !== 'linear'))
    ) {
      report.error(at, `${name} is continuous, and a grid needs a list of values`, {
        hint: 'List values, use two integer bounds or distribution: q_uniform with q, or method: random.',
        at: 'key',
      })
    }
  }
}
