import { z } from 'zod'
import { canonicalJson } from '../config-hash.ts'
import type { Json } from '../number.ts'
import { NAME_BYTES, Name } from './names.ts'
import { MOST_DEPTH, ShallowJson } from './shallow-json.ts'

/** Most params of one run. */
export const MOST_PARAMS = 5000
const VALUE_CHARACTERS = 65_536

/** By dotted name; a value is a number, a string, a boolean, null, a list, or an empty object. */
export type FlatParams = Readonly<Record<string, Json>>

/** Params as a program has them, nested or flat: `{optimizer: {lr: 0.1}}` and `{'optimizer.lr': 0.1}` are the same. */
export const Params = z.record(z.string(), ShallowJson).transform((params, context): FlatParams => {
  const flat = flattenParams(params)
  for (const [name, value] of Object.entries(flat)) {
    const wrong = whatIsWrong(name, value)
    if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong, path: [name.slice(0, 40)] })
  }
  if (Object.keys(flat).length > MOST_PARAMS) {
    context.addIssue({ code: 'custom', message: `a run has at most ${MOST_PARAMS} params` })
  }
  return flat
})

/** Params with nested objects taken apart. Lists stay what they are: one value. */
export function flattenParams(params: { readonly [key: string]: Json }): FlatParams {
  const flat = new Map<string, Json>()
  const take = (value: Json, path: readonly string[]) => {
    if (isObject(value) && Object.keys(value).length > 0 && path.length < MOST_DEPTH) {
      for (const [key, member] of Object.entries(value)) take(member, [...path, key])
    } else flat.set(path.join('.'), value)
  }
  for (const [key, value] of Object.entries(params)) take(value, [key])
  // Not by assignment, which `__proto__` would fool.
  return Object.fromEntries(flat)
}

/** The other way round, for people to read. A name whose place a value has taken stays as it is at the top. */
export function nestParams(flat: FlatParams): { readonly [key: string]: Json } {
  type Level = Map<string, Level | { readonly value: Json }>
  const root: Level = new Map()
  for (const name of Object.keys(flat).sort()) {
    const parts = name.split('.')
    const leaf = { value: flat[name] ?? null }
    let level: Level | undefined = root
    for (const part of parts.slice(0, -1)) {
      const inner: Level | { readonly value: Json } = level.get(part) ?? new Map()
      if (!(inner instanceof Map)) {
        level = undefined
        break
      }
      level.set(part, inner)
      level = inner
    }
    const last = parts.at(-1) ?? name
    if (level === undefined || level.has(last)) root.set(name, leaf)
    else level.set(last, leaf)
  }
  const plain = (level: Level): { readonly [key: string]: Json } =>
    Object.fromEntries([...level].map(([key, item]) => [key, item instanceof Map ? plain(item) : item.value]))
  return plain(root)
}

/** Of `logged`, what `known` does not have yet, and what it has with another value. */
export function compareParams(known: FlatParams, logged: FlatParams): { added: string[]; changed: string[] } {
  const names = Object.keys(logged)
  const added = names.filter((name) => !Object.hasOwn(known, name))
  const changed = names.filter(
    (name) => Object.hasOwn(known, name) && canonicalJson(known[name] ?? null) !== canonicalJson(logged[name] ?? null),
  )
  return { added, changed }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function whatIsWrong(name: string, value: Json): string | undefined {
  const named = Name.safeParse(name)
  if (!named.success) return named.error.issues[0]?.message ?? `a name has at most ${NAME_BYTES} bytes`
  if (name.split('.').includes('__proto__')) return 'a param must not be called __proto__'
  const length = typeof value === 'object' ? JSON.stringify(value).length : String(value).length
  return length > VALUE_CHARACTERS
    ? `a value has at most ${VALUE_CHARACTERS} characters; keep it as an artifact`
    : undefined
}
