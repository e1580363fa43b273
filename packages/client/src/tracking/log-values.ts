import { encodeMetric, type Json } from '@sweep/spec/number'
import { MetricKey, Name } from '@sweep/spec/tracking/names'
import { flattenParams, Params } from '@sweep/spec/tracking/params'
import { RunArtifactPath } from '@sweep/spec/wire/tracking/artifacts'

const MOST_DEPTH = 20
const TAG_CHARACTERS = 5000
/** The server refuses all of a body that has it. */
const RESERVED = 'nothing can be called __proto__'

/** What can go to the server, and what had to be left out and why. */
export interface Cleaned<T> {
  readonly kept: Readonly<Record<string, T>>
  readonly wrong: readonly string[]
}

/** Params nested or flat, by dotted name. */
export function cleanParams(params: unknown): Cleaned<Json> {
  const made = plain(params, 0)
  if (typeof made !== 'object' || made === null || Array.isArray(made)) {
    return { kept: {}, wrong: ['params must be an object'] }
  }
  const kept: [string, Json][] = []
  const wrong: string[] = []
  for (const [name, value] of Object.entries(flattenParams(made as { readonly [key: string]: Json }))) {
    // A value that is an object still is one without members.
    const checked = Params.safeParse({ [name]: value })
    if (name.split('.').includes('__proto__')) wrong.push(RESERVED)
    else if (checked.success) kept.push([name, value])
    else wrong.push(checked.error.issues[0]?.message ?? `${name} is no param`)
  }
  return { kept: Object.fromEntries(kept), wrong }
}

/** Values of metrics as JSON spells them. */
export function cleanMetrics(metrics: unknown): Cleaned<number | string> {
  if (typeof metrics !== 'object' || metrics === null) return { kept: {}, wrong: ['metrics must be an object'] }
  const kept: [string, number | string][] = []
  const wrong: string[] = []
  for (const [name, value] of Object.entries(metrics)) {
    const key = MetricKey.safeParse(name)
    if (!key.success) wrong.push(key.error.issues[0]?.message ?? 'a name is wrong')
    else if (name === '__proto__') wrong.push(RESERVED)
    else if (typeof value !== 'number') wrong.push(`${JSON.stringify(name)} is ${typeof value}, not a number`)
    else kept.push([name, encodeMetric(value)])
  }
  return { kept: Object.fromEntries(kept), wrong }
}

/** Tags; null takes one away. */
export function cleanTags(tags: unknown): Cleaned<string | null> {
  if (typeof tags !== 'object' || tags === null) return { kept: {}, wrong: ['tags must be an object'] }
  const kept: [string, string | null][] = []
  const wrong: string[] = []
  for (const [name, value] of Object.entries(tags)) {
    const key = Name.safeParse(name)
    if (name === '__proto__') wrong.push(RESERVED)
    else if (key.success) kept.push([name, value === null ? null : cleanText(value, TAG_CHARACTERS)])
    else wrong.push(key.error.issues[0]?.message ?? 'a name is wrong')
  }
  return { kept: Object.fromEntries(kept), wrong }
}

/** A path inside of the run's artifacts, with slashes; undefined for one that would lead out of them. */
export function cleanPath(path: string): string | undefined {
  const text = path.replaceAll('\\', '/')
  if (text.startsWith('/')) return undefined
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  const checked = RunArtifactPath.safeParse(parts.join('/'))
  return checked.success ? checked.data : undefined
}

/** Text that UTF-8 can hold, without NUL. */
export function cleanText(value: unknown, characters: number): string {
  return wellFormed(wellFormed(safeString(value)).replaceAll('\0', '\ufffd').slice(0, characters))
}

/** The JSON value nearest to `value`: NaN and infinities are text, and so is what is no data. */
export function plain(value: unknown, depth: number): Json {
  switch (typeof value) {
    case 'boolean':
      return value
    case 'string':
      return wellFormed(value).replaceAll('\0', '\ufffd')
    case 'number':
      return encodeMetric(value)
    case 'bigint':
      return String(value)
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : plainObject(value, depth)
    default:
      return safeString(value)
  }
}

function plainObject(value: object, depth: number): Json {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'NaN' : value.toISOString()
  if (depth >= MOST_DEPTH) return safeString(value)
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => plain(item, depth + 1))
  if (ArrayBuffer.isView(value)) return value.byteLength <= 8000 ? plain([...typed(value)], depth) : safeString(value)
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  return Object.fromEntries(
    entries.flatMap(([key, item]) =>
      item === undefined || typeof item === 'function' || key === '__proto__'
        ? []
        : [[wellFormed(safeString(key)), plain(item, depth + 1)]],
    ),
  )
}

function typed(view: ArrayBufferView): Iterable<unknown> {
  return Symbol.iterator in view ? (view as unknown as Iterable<unknown>) : []
}

/** UTF-8 has no lone surrogates. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}

function safeString(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'something without a text'
  }
}
