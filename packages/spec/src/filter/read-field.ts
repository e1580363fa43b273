import { didYouMean } from '../did-you-mean.ts'
import { ATTRIBUTES, type AttributeName, FILTER_LIMITS, type Field, type MetricSummary } from './filter.ts'
import { filterError, quoted, type Span } from './filter-error.ts'
import type { Token } from './filter-tokens.ts'

/** Before the first dot; the singular and MLflow's spellings too. */
const PREFIXES: ReadonlyMap<string, 'metric' | 'param' | 'tag' | 'attribute'> = new Map([
  ['metrics', 'metric'],
  ['metric', 'metric'],
  ['params', 'param'],
  ['param', 'param'],
  ['parameters', 'param'],
  ['parameter', 'param'],
  ['config', 'param'],
  ['tags', 'tag'],
  ['tag', 'tag'],
  ['attributes', 'attribute'],
  ['attribute', 'attribute'],
  ['attr', 'attribute'],
  ['run', 'attribute'],
  ['runs', 'attribute'],
])
/** MLflow's names of what we have too. */
const ATTRIBUTE_ALIASES: ReadonlyMap<string, AttributeName> = new Map([
  ['run_id', 'id'],
  ['run_uuid', 'id'],
  ['run_name', 'name'],
  ['Run name', 'name'],
  ['run name', 'name'],
  ['start_time', 'started'],
  ['Created', 'started'],
  ['end_time', 'ended'],
  ['experiment_id', 'experiment'],
  ['user_id', 'created_by'],
  ['user', 'created_by'],
])
/** What a name may be without back-quotes. */
export const BARE_NAME = /^[\p{L}\p{M}\p{N}_.:/@#%+-]+$/u

/** Whether the word could begin a field, so that it is hardly meant as a value. */
export function looksLikeField(word: string): boolean {
  const dot = word.indexOf('.')
  return dot > 0 && PREFIXES.has(word.slice(0, dot))
}

/**
 * The field that a word names, or a word such as `metrics.` with the quoted name behind it.
 *
 * @throws SweepError `invalid-request` with what was probably meant
 */
export function readField(source: string, word: Token, quotedName: Token | undefined, summary: MetricSummary): Field {
  const span = { start: word.start, end: quotedName?.end ?? word.end }
  const dot = word.value.indexOf('.')
  const prefix = dot < 0 ? undefined : word.value.slice(0, dot)
  const kind = prefix === undefined ? 'attribute' : PREFIXES.get(prefix)
  if (kind === undefined) throw unknownField(source, span, word.value, prefix)
  const name = quotedName?.value ?? (dot < 0 ? word.value : word.value.slice(dot + 1))
  if (name === '') throw filterError(source, span, `${quoted(word.value)} needs a name behind the dot`)
  if (name.length > FILTER_LIMITS.name) {
    throw filterError(source, span, `a name of ${name.length} characters is longer than any name of a run`)
  }
  if (quotedName === undefined && !BARE_NAME.test(name)) {
    throw filterError(source, span, `the name ${quoted(name)} needs back-quotes`, `Write ${prefix ?? 'tags'}.\`...\`.`)
  }
  if (kind === 'metric') return { kind, name, summary }
  if (kind !== 'attribute') return { kind, name }
  const attribute = Object.hasOwn(ATTRIBUTES, name) ? (name as AttributeName) : ATTRIBUTE_ALIASES.get(name)
  if (attribute === undefined) throw unknownField(source, span, name, undefined)
  return { kind, name: attribute }
}

function unknownField(source: string, span: Span, word: string, prefix: string | undefined) {
  const known: string[] = [...Object.keys(ATTRIBUTES), ...ATTRIBUTE_ALIASES.keys()]
  const meantPrefix = prefix === undefined ? null : didYouMean(prefix, PREFIXES.keys())
  const meant = meantPrefix === null ? didYouMean(word, known) : `${meantPrefix}${word.slice(prefix?.length)}`
  const hint =
    meant === null
      ? `Metrics, parameters and tags are written metrics.NAME, params.NAME and tags.NAME; a run also has ${Object.keys(ATTRIBUTES).join(', ')}.`
      : `Did you mean ${quoted(meant)}?`
  return filterError(source, span, `a run has no field ${quoted(word)}`, hint)
}
