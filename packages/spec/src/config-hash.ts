import { createHash } from 'node:crypto'
import type { Json } from './number.ts'
import type { Config } from './search-space.ts'

/**
 * One text per value: keys sorted by code unit, no spaces, shortest decimals, `-0` as `0`. JavaScript has one number
 * type, so `1.0` and `1` are the same here, as they are in W&B's grid.
 */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const keys = Object.keys(value).toSorted(byCodeUnit)
    const map = value as { readonly [key: string]: Json }
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(map[key] ?? null)}`).join(',')}}`
  }
  return JSON.stringify(value === 0 ? 0 : value)
}

/** SHA-256 of the canonical form, in hex. Configs of a sweep are unique by it. */
export function configHash(config: Config): string {
  return createHash('sha256').update(canonicalJson(config)).digest('hex')
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
