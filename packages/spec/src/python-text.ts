import type { Json } from './number.ts'

/** What Python's `str()` makes of a value; `float` says that a whole number is a float: `1.0`. */
export function pythonStr(value: Json, float = false): string {
  return typeof value === 'string' ? value : pythonRepr(value, float)
}

/** What Python's `repr()` makes of a value: `True`, `None`, `1e-05`, `[1, 'a']`, `{'lr': 0.1}`. */
export function pythonRepr(value: Json, float = false): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return pythonNumber(value, float)
  if (typeof value === 'string') return pythonQuoted(value)
  if (Array.isArray(value)) return `[${value.map((item: Json) => pythonRepr(item)).join(', ')}]`
  const entries = Object.entries(value as { readonly [key: string]: Json })
  return `{${entries.map(([key, item]) => `${pythonQuoted(key)}: ${pythonRepr(item)}`).join(', ')}}`
}

/**
 * A number as Python prints it. Both languages choose the shortest digits that read back the same; Python writes an
 * exponent, of two digits at least, below 1e-4 and from 1e16 on.
 */
export function pythonNumber(value: number, float = false): string {
  if (Object.is(value, -0)) return float ? '-0.0' : '0'
  if (Number.isSafeInteger(value) && !float) return String(value)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    const digits = String(Math.abs(exponent)).padStart(2, '0')
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`
  }
  // From 1e-4 to 1e16 JavaScript writes decimals only below 1e-6 and above 1e21, so its text is Python's.
  const text = String(value)
  return text.includes('.') ? text : `${text}.0`
}

function pythonQuoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let body = ''
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    if (char === '\\' || char === quote) body += `\\${char}`
    else if (char === '\n') body += '\\n'
    else if (char === '\r') body += '\\r'
    else if (char === '\t') body += '\\t'
    else if (code < 0x20 || (code >= 0x7f && code < 0xa1) || code === 0xad)
      body += `\\x${code.toString(16).padStart(2, '0')}`
    else if (code > 0xa0 && UNPRINTABLE.test(char)) {
      body += code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
    } else body += char
  }
  return `${quote}${body}${quote}`
}

/** Unicode's "other" and "separator" categories, which Python's `str.isprintable` excludes. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u
