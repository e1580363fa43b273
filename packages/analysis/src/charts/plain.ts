import type { Json } from '@sweep/spec/number'

/** Whether something has a place on an axis: a text, a truth value or a finite number. */
export function isPlain(value: Json | undefined): value is string | number | boolean {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  )
}

/** Numbers by size, then texts by code unit, then truth values: how the values of a field stand along an axis. */
export function comparePlain(a: string | number | boolean, b: string | number | boolean): number {
  const [rankA, rankB] = [rank(a), rank(b)]
  if (rankA !== rankB) return rankA - rankB
  return a < b ? -1 : a > b ? 1 : 0
}

function rank(value: string | number | boolean): number {
  return ['number', 'string', 'boolean'].indexOf(typeof value)
}
