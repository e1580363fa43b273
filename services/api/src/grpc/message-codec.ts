import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import type { Described, Descriptors, FieldDescriptor } from './descriptors.ts'
import {
  fromStruct,
  fromTimestamp,
  fromValue,
  type ProtoStruct,
  type ProtoTimestamp,
  type ProtoValue,
  spelled,
  toStruct,
  toTimestamp,
  toValue,
} from './json-values.ts'

export type Fields = Readonly<Record<string, unknown>>

/**
 * Between a message and the JSON of the HTTP API that says the same: `run_id` is `runId`, `RUN_STATUS_FAILED` is `failed`,
 * a Timestamp is text in ISO 8601, a Struct is an object, and what is absent is null.
 */
export interface MessageCodec {
  /** Names of the fields as the JSON has them. */
  readonly names: readonly string[]
  /** The message for protobufjs; what it has no field for is left out. */
  toMessage(json: Fields): Fields
  /** @throws SweepError `invalid-request` for a time or a member of an enum that can't be */
  fromMessage(message: Fields): Record<string, unknown>
}

interface ValueCodec {
  /** Null is a value too, and not the same as absent. */
  readonly takesNull?: boolean
  to(json: unknown): unknown
  from(value: unknown, where: string): unknown
}

/** Makes the codecs of a package, each once. */
export function messageCodecs(descriptors: Descriptors): (fullName: string) => MessageCodec {
  const made = new Map<string, MessageCodec>()

  function codecOf(fullName: string): MessageCodec {
    const known = made.get(fullName)
    if (known !== undefined) return known
    if (fullName === 'google.protobuf.Struct') return STRUCT
    const found = descriptors.get(fullName)
    if (found.kind !== 'message') throw new Error(`${fullName} is not a message`)
    const fields = found.message.field.map((field) => ({
      name: field.name,
      jsonName: camelCase(field.name),
      // When it is first used, as messages may hold one another.
      codec: once(() => fieldCodec(field, fullName)),
    }))
    const codec: MessageCodec = {
      names: fields.map(({ jsonName }) => jsonName),
      // Plain loops: a batch has a thousand of these.
      toMessage(json) {
        const message: Record<string, unknown> = {}
        for (const { name, jsonName, codec: one } of fields) {
          const value = Object.hasOwn(json, jsonName) ? json[jsonName] : undefined
          if (value === undefined || (value === null && one().takesNull !== true)) continue
          message[name] = one().to(value)
        }
        return message
      },
      fromMessage(message) {
        const json: Record<string, unknown> = {}
        for (const { name, jsonName, codec: one } of fields) {
          const value = Object.hasOwn(message, name) ? one().from(message[name], jsonName) : undefined
          if (value !== undefined) json[jsonName] = value
        }
        return json
      },
    }
    made.set(fullName, codec)
    return codec
  }

  function fieldCodec(field: FieldDescriptor, inside: string): ValueCodec {
    const isNamed = field.type === 'TYPE_MESSAGE' || field.type === 'TYPE_ENUM'
    const type = isNamed ? descriptors.find(field.typeName, inside) : undefined
    if (type?.kind === 'message' && type.message.options?.mapEntry === true) {
      const value = type.message.field.find(({ name }) => name === 'value')
      if (value === undefined) throw new Error(`${type.fullName} is no map`)
      return mapOf(fieldCodec(value, type.fullName))
    }
    const one = type === undefined ? scalarCodec(field.type) : namedCodec(type)
    return field.label === 'LABEL_REPEATED' ? listOf(one) : one
  }

  function namedCodec(type: Described): ValueCodec {
    if (type.kind === 'enum') return enumCodec(type)
    const wellKnown = WELL_KNOWN[type.fullName]
    if (wellKnown !== undefined) return wellKnown
    const codec = once(() => codecOf(type.fullName))
    return {
      to: (json) => codec().toMessage(json as Fields),
      from: (message) => codec().fromMessage(message as Fields),
    }
  }

  return codecOf
}

/** `created_at` -> `createdAt`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

const AS_IT_IS: ValueCodec = { to: (json) => json, from: (value) => value }

/** JSON spells NaN and infinities; in a list of minima null is a bucket of nothing but NaN. */
const DOUBLE: ValueCodec = {
  to: (json) => (json === null ? Number.NaN : Number(json)),
  from: (value) => spelled(value as number),
}

function scalarCodec(type: string): ValueCodec {
  return type === 'TYPE_DOUBLE' ? DOUBLE : AS_IT_IS
}

const WELL_KNOWN: Readonly<Record<string, ValueCodec>> = {
  'google.protobuf.Timestamp': {
    to: (json) => toTimestamp(json as string),
    from: (value, where) => {
      const text = fromTimestamp(value as ProtoTimestamp)
      if (text === undefined) throw new SweepError('invalid-request', `${where}: is no time between 1970 and 9999`)
      return text
    },
  },
  'google.protobuf.Struct': {
    to: (json) => toStruct(json as { readonly [key: string]: Json }),
    from: (value) => fromStruct(value as ProtoStruct),
  },
  'google.protobuf.Value': {
    takesNull: true,
    to: (json) => toValue(json as Json),
    from: (value) => fromValue(value as ProtoValue),
  },
}

/** A message that is a Struct as a whole. */
const STRUCT: MessageCodec = {
  names: [],
  toMessage: (json) => ({ ...toStruct(json as { readonly [key: string]: Json }) }),
  fromMessage: (message) => ({ ...fromStruct(message) }),
}

function listOf(one: ValueCodec): ValueCodec {
  return {
    to: (json) => (json as readonly unknown[]).map((item) => one.to(item)),
    from: (value, where) =>
      (value as readonly unknown[]).map((item) => one.from(item, where)).filter((item) => item !== undefined),
  }
}

function mapOf(one: ValueCodec): ValueCodec {
  const each = (map: unknown, change: (value: unknown) => unknown) =>
    Object.fromEntries(Object.entries(map as Fields).map(([key, value]) => [key, change(value)]))
  return {
    to: (json) => each(json, (value) => one.to(value)),
    from: (value, where) => each(value, (item) => one.from(item, where)),
  }
}

/** Members are called `<NAME OF THE ENUM>_<WORD>`, as is usual; `_UNSPECIFIED` says the same as no field at all. */
function enumCodec(type: Extract<Described, { kind: 'enum' }>): ValueCodec {
  const prefix = `${type.enum.name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}_`
  const words = new Map(type.enum.value.map(({ name }) => [name, name.slice(prefix.length).toLowerCase()]))
  return {
    to: (json) => `${prefix}${String(json).toUpperCase()}`,
    from: (value, where) => {
      const word = words.get(String(value))
      // A number that this release has no name for.
      if (word === undefined) throw new SweepError('invalid-request', `${where}: ${type.enum.name} has no ${value}`)
      return word === 'unspecified' ? undefined : word
    },
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
