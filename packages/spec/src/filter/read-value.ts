import { didYouMeanHint } from '../did-you-mean.ts'
import { RUN_STATUSES } from '../tracking/run-status.ts'
import { DURATION_EXAMPLES, parseDuration } from '../units.ts'
import type { FieldType, Moment, Scalar } from './filter.ts'
import { filterError, quoted } from './filter-error.ts'
import type { Token } from './filter-tokens.ts'
import { looksLikeField } from './read-field.ts'

const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i
/** JSON has no such numbers, so these are their names; MLflow's spelling and Python's. */
const NOT_FINITE: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
])
/** What a text may be without quotes. */
const BARE_TEXT = /^[\p{L}_][\p{L}\p{M}\p{N}_.:/@+-]*$/u
/** The same where a number is a text too, such as an id that begins with a digit. */
const BARE_ANYTHING = /^[\p{L}\p{N}_.:/@+-][\p{L}\p{M}\p{N}_.:/@+-]*$/u
const ISO =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$/i
/** A number that can only be milliseconds since 1970, as MLflow writes times. */
const EARLIEST_MS = 1e11
/** The year 9999, beyond which Postgres and ISO 8601 part. */
const LATEST_MS = 253_402_300_799_999
const AGO_EXAMPLES = '-30m, -12h or -7d'
/** MLflow's words. */
const STATUS_ALIASES: ReadonlyMap<string, string> = new Map([
  ['scheduled', 'pending'],
  ['finished', 'completed'],
])

/**
 * The value of a field's type that a token stands for; times are read by `readMoment`.
 *
 * @throws SweepError `invalid-request` for a value that no such field can have
 */
export function readScalar(source: string, token: Token, type: FieldType): Scalar {
  switch (type) {
    case 'metric':
      return readNumber(source, token, NOT_FINITE.get(token.value.toLowerCase()))
    case 'number':
      return readNumber(source, token, undefined)
    case 'duration':
      return readDuration(source, token)
    case 'status':
      return readStatus(source, token)
    case 'param': {
      if (token.kind === 'word' && NUMBER.test(token.value)) return readNumber(source, token, undefined)
      if (token.kind === 'word' && /^(true|false)$/i.test(token.value)) return token.value.toLowerCase() === 'true'
      return readText(source, token)
    }
    default:
      return readText(source, token, BARE_ANYTHING)
  }
}

/** @throws SweepError `invalid-request` for what needs quotes, and for what is a field rather than a value */
export function readText(source: string, token: Token, bare = BARE_TEXT): string {
  if (token.kind === 'text') return token.value
  if (token.kind !== 'word') throw noValue(source, token)
  if (looksLikeField(token.value)) {
    throw filterError(
      source,
      token,
      'a field is compared with a value, not with another field',
      'Put a text in quotes.',
    )
  }
  if (bare.test(token.value)) return token.value
  throw filterError(source, token, `the text ${quoted(token.value)} needs quotes`, `Write ${quoted(token.value)}.`)
}

/** A date, a time with its zone (UTC without one), how long ago, or milliseconds since 1970. */
export function readMoment(source: string, token: Token): Moment {
  if (token.kind !== 'word' && token.kind !== 'text') throw noValue(source, token)
  const { value } = token
  const ago = value.startsWith('-') ? parseDuration(value.slice(1)) : null
  if (ago !== null) return { kind: 'ago', ms: ago }
  const ms = NUMBER.test(value) && Number(value) >= EARLIEST_MS ? Math.round(Number(value)) : isoMs(value)
  if (Number.isNaN(ms) || ms > LATEST_MS) {
    throw filterError(
      source,
      token,
      `${quoted(value)} is no time`,
      `Times are such as 2026-01-31, 2026-01-31T09:30:00Z, or how long ago: ${AGO_EXAMPLES}.`,
    )
  }
  return { kind: 'at', ms }
}

function isoMs(text: string): number {
  const found = ISO.exec(text)
  if (found === null) return Number.NaN
  const [, time, , , zone] = found
  // Date.parse takes the 31st of April for the 1st of May.
  const day = text.slice(0, 10)
  const midnight = Date.parse(`${day}T00:00:00Z`)
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) return Number.NaN
  const isLocal = time !== undefined && zone === undefined
  return Date.parse(`${text.replace(' ', 'T')}${isLocal ? 'Z' : ''}`)
}

function readNumber(source: string, token: Token, notFinite: number | undefined): number {
  if (notFinite !== undefined && (token.kind === 'word' || token.kind === 'text')) return notFinite
  if (token.kind === 'word' && NUMBER.test(token.value)) {
    const number = Number(token.value)
    // Minus nothing is nothing: -0 would be another value to those who compare filters, and is none to a database.
    if (Number.isFinite(number)) return number + 0
    throw filterError(source, token, `${quoted(token.value)} is larger than any number`)
  }
  if (token.kind === 'end') throw noValue(source, token)
  const hint = token.kind === 'text' && NUMBER.test(token.value.trim()) ? 'Leave out the quotes.' : undefined
  throw filterError(source, token, `${quoted(token.value)} is no number`, hint)
}

function readDuration(source: string, token: Token): number {
  const ms = token.kind === 'word' || token.kind === 'text' ? parseDuration(token.value) : null
  if (ms !== null) return ms
  if (token.kind === 'end') throw noValue(source, token)
  throw filterError(
    source,
    token,
    `${quoted(token.value)} is no duration`,
    `Durations are such as ${DURATION_EXAMPLES}; a bare number is seconds.`,
  )
}

function readStatus(source: string, token: Token): string {
  const said = readText(source, token).toLowerCase()
  const status = STATUS_ALIASES.get(said) ?? said
  if (RUN_STATUSES.some((known) => known === status)) return status
  const hint = didYouMeanHint(status, RUN_STATUSES) ?? `Statuses are ${RUN_STATUSES.join(', ')}.`
  throw filterError(source, token, `${quoted(token.value)} is no status of a run`, hint)
}

function noValue(source: string, token: Token) {
  const what = token.kind === 'end' ? 'the filter ends here' : `${quoted(token.value)} stands`
  return filterError(source, token, `${what} where a value should be`)
}
