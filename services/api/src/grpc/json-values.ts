import type { Json } from '@sweep/spec/number'

/** `google.protobuf.Value`, `Struct` and `Timestamp` as protobufjs has them, and what they stand for. */

interface ListValue {
  readonly values?: readonly ProtoValue[]
}

export interface ProtoStruct {
  readonly fields?: Readonly<Record<string, ProtoValue>>
}

/** One of these; none of them is null too. */
export interface ProtoValue {
  readonly nullValue?: unknown
  readonly boolValue?: boolean
  readonly numberValue?: number
  readonly stringValue?: string
  readonly listValue?: ListValue
  readonly structValue?: ProtoStruct
}

export interface ProtoTimestamp {
  /** Since 1970. */
  readonly seconds?: number
  readonly nanos?: number
}

/**
 * Readers of protobuf give up at 100 messages inside one another, and an object inside an object is three. One run whose
 * params go deeper must not make a list unreadable.
 */
export const MOST_LEVELS = 30

/** What lies deeper than `levels` is its JSON, as text. */
export function toValue(json: Json, levels = MOST_LEVELS): ProtoValue {
  if (json === null) return { nullValue: 0 }
  switch (typeof json) {
    case 'boolean':
      return { boolValue: json }
    case 'number':
      return { numberValue: json }
    case 'string':
      return { stringValue: json }
    default:
      if (levels === 0) return { stringValue: JSON.stringify(json) }
      if (!isList(json)) return { structValue: toStruct(json, levels - 1) }
      return { listValue: { values: json.map((item) => toValue(item, levels - 1)) } }
  }
}

export function toStruct(json: { readonly [key: string]: Json }, levels = MOST_LEVELS): ProtoStruct {
  return { fields: Object.fromEntries(Object.entries(json).map(([key, value]) => [key, toValue(value, levels)])) }
}

export function fromValue(value: ProtoValue): Json {
  const { boolValue, numberValue, stringValue, listValue, structValue } = value
  if (structValue !== undefined) return fromStruct(structValue)
  if (listValue !== undefined) return (listValue.values ?? []).map(fromValue)
  if (numberValue !== undefined) return spelled(numberValue)
  return boolValue ?? stringValue ?? null
}

/** JSON has no NaN and no infinities; the HTTP API spells them. */
export function spelled(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

export function fromStruct({ fields = {} }: ProtoStruct): { readonly [key: string]: Json } {
  // Not by assignment, which `__proto__` would fool.
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, fromValue(value)]))
}

/** @param text a time in ISO 8601, in UTC */
export function toTimestamp(text: string): ProtoTimestamp {
  const ms = Date.parse(text)
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 }
}

/** The time in ISO 8601, to the millisecond; undefined for one that no date can be. */
export function fromTimestamp({ seconds = 0, nanos = 0 }: ProtoTimestamp): string | undefined {
  const date = new Date(seconds * 1000 + Math.floor(nanos / 1_000_000))
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

function isList(json: readonly Json[] | { readonly [key: string]: Json }): json is readonly Json[] {
  return Array.isArray(json)
}
