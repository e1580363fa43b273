import type { Json } from '@sweep/spec/number'
import { shortText } from './markup.ts'
import { valueText } from './numbers.ts'

const TEXT = 300
/** Long, and of no use to a reader. */
const LEFT_OUT = new Set(['seed', 'workdir', 'code', 'diff'])

/** What an agent noted of a host, as name and text. */
export function environmentRows(environment: Readonly<Record<string, Json>>): [name: string, text: string][] {
  return Object.entries(environment)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => [name, shortText(environmentText(name, value), TEXT)])
}

function environmentText(name: string, value: Json): string {
  if (name === 'memoryBytes' && typeof value === 'number') return `${Math.round(value / 1024 ** 3)} GiB`
  if (value === null || typeof value !== 'object') return valueText(value)
  if (Array.isArray(value)) return value.map((item) => environmentText('', item)).join('; ')
  return Object.entries(value)
    .filter(([key]) => !LEFT_OUT.has(key))
    .map(([key, item]) => `${key} ${environmentText(key, item)}`)
    .join(', ')
}
