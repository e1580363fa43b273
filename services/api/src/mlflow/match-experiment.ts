import { SweepError } from '@sweep/spec/errors'
import type { Comparison, Field, Filter, Scalar, TextOperator } from '@sweep/spec/filter/filter'
import type { ExperimentRecord } from '@sweep/store/tracking/experiments'

/**
 * Whether an experiment is meant by a filter such as `name LIKE 'resnet%' and tags.team = 'vision'`.
 * @throws SweepError `invalid-request` for what experiments don't have
 */
export function matchesExperiment(filter: Filter, experiment: ExperimentRecord): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.parts.every((part) => matchesExperiment(part, experiment))
    case 'or':
      return filter.parts.some((part) => matchesExperiment(part, experiment))
    case 'not':
      return !matchesExperiment(filter.part, experiment)
    case 'exists':
      return textOf(filter.field, experiment) !== undefined
    case 'missing':
      return textOf(filter.field, experiment) === undefined
    case 'compare':
      return compares(textOf(filter.field, experiment), filter.operator, filter.value)
    case 'in': {
      const value = textOf(filter.field, experiment)
      return value !== undefined && filter.values.map(String).includes(value) !== filter.negated
    }
    case 'text': {
      const value = textOf(filter.field, experiment)
      return value !== undefined && looksLike(value, filter.operator, filter.pattern) !== filter.negated
    }
    default:
      throw notHad(filter.field.name)
  }
}

function textOf(field: Field, { id, name, createdBy, project, tags }: ExperimentRecord): string | undefined {
  if (field.kind === 'tag') return Object.hasOwn(tags, field.name) ? tags[field.name] : undefined
  if (field.kind !== 'attribute') throw notHad(`${field.kind}s.${field.name}`)
  switch (field.name) {
    case 'name':
      return name
    case 'id':
    case 'experiment':
      return id
    case 'project':
      return project
    case 'created_by':
      return createdBy ?? undefined
    default:
      throw notHad(field.name)
  }
}

function compares(value: string | undefined, operator: Comparison, wanted: Scalar): boolean {
  if (operator === '=') return value === String(wanted)
  if (operator === '!=') return value !== undefined && value !== String(wanted)
  throw new SweepError('invalid-request', `filter: texts are not compared by ${operator}`)
}

function looksLike(value: string, operator: TextOperator, pattern: string): boolean {
  if (operator === 'contains') return value.toLowerCase().includes(pattern.toLowerCase())
  const [text, like] = operator === 'ilike' ? [value.toLowerCase(), pattern.toLowerCase()] : [value, pattern]
  return isLike(text, like)
}

/** SQL's LIKE, where % is any text and _ any character. By hand: an expression made of a pattern may take for ever. */
export function isLike(text: string, pattern: string): boolean {
  let [at, next, star, mark] = [0, 0, -1, 0]
  while (at < text.length) {
    if (pattern[next] === '%') [star, mark, next] = [next, at, next + 1]
    else if (pattern[next] === '_' || (next < pattern.length && pattern[next] === text[at]))
      [at, next] = [at + 1, next + 1]
    else if (star >= 0) [next, mark, at] = [star + 1, mark + 1, mark + 1]
    else return false
  }
  while (pattern[next] === '%') next += 1
  return next === pattern.length
}

function notHad(name: string): SweepError {
  return new SweepError('invalid-request', `filter: experiments are not found by ${name.slice(0, 100)}`, {
    hint: 'They are by name and by tags.NAME.',
  })
}
