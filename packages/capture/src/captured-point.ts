/** What one line says: values by metric name, NaN and infinities as such, and the step when the line names one. */
export interface CapturedPoint {
  readonly step?: number
  readonly values: Readonly<Record<string, number>>
}

export const MAX_NAME_LENGTH = 256

/** Control characters and halves of characters are no name: neither a database nor a page can take them. */
export function isMetricName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_NAME_LENGTH && !/[\p{Cc}\p{Cs}]/u.test(name)
}

const SPECIAL: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
}

/** A number as programs print it, NaN and infinities in any spelling; undefined for anything else. */
export function toNumber(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1
  const special = SPECIAL[text.replace(/^[-+]/, '').toLowerCase()]
  if (special !== undefined) return sign * special
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isNaN(value) ? undefined : value
}

/**
 * The numbers in a parsed JSON object; nested objects become `outer/inner`. Texts that spell NaN or an infinity count,
 * true and false are 1 and 0, everything else is left out.
 */
export function numbersIn(
  object: object,
  prefix = '',
  into: Record<string, number> = {},
  depth = 0,
): Record<string, number> {
  for (const [key, value] of Object.entries(object)) {
    const name = prefix + key
    if (typeof value === 'number') add(into, name, value)
    else if (typeof value === 'boolean') add(into, name, value ? 1 : 0)
    else if (typeof value === 'string') {
      const special = SPECIAL[value.replace(/^[-+]/, '').toLowerCase()]
      if (special !== undefined) add(into, name, value.startsWith('-') ? -special : special)
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value) && depth < 8) {
      numbersIn(value, `${name}/`, into, depth + 1)
    }
  }
  return into
}

function add(into: Record<string, number>, name: string, value: number): void {
  if (isMetricName(name)) into[name] = value
}
