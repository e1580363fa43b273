/**
 * JSON text that Postgres takes as jsonb. It refuses NUL and lone surrogates, which programs may well print, so both
 * become U+FFFD. NaN and infinities must have been spelled by `encodeMetric` before.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value)
  // Looking for the escapes is far cheaper than walking every value.
  return /\\u(0000|d[89a-f])/i.test(text) ? JSON.stringify(clean(value)) : text
}

/** Text that Postgres takes: without NUL and lone surrogates. */
export function plainText(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, '\ufffd')
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return plainText(value)
  if (Array.isArray(value)) return value.map(clean)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [plainText(key), clean(member)]))
}
