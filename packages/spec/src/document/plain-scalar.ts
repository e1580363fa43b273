/** What an unquoted word of YAML means to us. */
export type ScalarReading =
  | {
      readonly ok: true
      readonly value: null | boolean | number | string
      readonly float: boolean
      readonly legacy?: string
    }
  | { readonly ok: false; readonly message: string; readonly hint: string }

const INT = /^[-+]?[0-9]+(_[0-9]+)*$/
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/
const PREFIXED = /^0(x[0-9a-fA-F]+|o[0-7]+)$/
const NOT_FINITE = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/
const SEXAGESIMAL = /^[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?$/

/**
 * YAML 1.2's core schema (section 10.3), with four departures for files that PyYAML (YAML 1.1) has read so far:
 * `1_000` is a thousand as it is there; `010` is refused, for it means 8 to one and 10 to the other; infinities, NaN and
 * numbers that a double can't hold are refused; `yes`, `on` and `1:30` are text, marked `legacy` because PyYAML
 * reads a boolean or a base-60 number.
 */
export function readPlain(text: string): ScalarReading {
  if (text === '' || text === '~' || /^(null|Null|NULL)$/.test(text)) return { ok: true, value: null, float: false }
  if (/^(true|True|TRUE)$/.test(text)) return { ok: true, value: true, float: false }
  if (/^(false|False|FALSE)$/.test(text)) return { ok: true, value: false, float: false }
  const number = readNumber(text)
  if (number !== null) return number
  if (/^(yes|no|on|off)$/i.test(text)) {
    const meant = /^(yes|on)$/i.test(text) ? 'true' : 'false'
    return { ok: true, value: text, float: false, legacy: `a boolean; write ${meant} for that, or quote it as text` }
  }
  if (SEXAGESIMAL.test(text)) {
    return { ok: true, value: text, float: false, legacy: 'a number in base 60; quote it to be clear' }
  }
  return { ok: true, value: text, float: false }
}

/** The number that a text spells, a refusal when no double can hold it, null when it spells none. */
export function readNumber(text: string): ScalarReading | null {
  if (NOT_FINITE.test(text)) {
    return {
      ok: false,
      message: `${text} is not a finite number`,
      hint: `Quote it to pass the text to the program: "${text.replace('.', '').toLowerCase()}".`,
    }
  }
  if (PREFIXED.test(text)) return checkedInteger(text, Number(text))
  if (INT.test(text)) {
    const digits = text.replace(/^[-+]/, '').replaceAll('_', '')
    if (digits.length > 1 && digits.startsWith('0')) {
      const plain = digits.replace(/^0+(?=.)/, '')
      return {
        ok: false,
        message: `${text} starts with a zero, which older YAML reads as octal`,
        hint: `Write ${plain} for the number, or "${text}" to keep the text.`,
      }
    }
    return checkedInteger(text, Number(text.replaceAll('_', '')))
  }
  if (!FLOAT.test(text)) return null
  const value = Number(text.replaceAll('_', ''))
  const tooSmall = value === 0 && /[1-9]/.test(text.split(/[eE]/)[0] ?? '')
  if (!Number.isFinite(value) || tooSmall) {
    return {
      ok: false,
      message: `${text} is too ${tooSmall ? 'close to zero' : 'large'} for a 64-bit float`,
      hint: 'Magnitudes from 5e-324 to 1.79e308 can be held.',
    }
  }
  return { ok: true, value: value === 0 ? 0 : value, float: true }
}

function checkedInteger(text: string, value: number): ScalarReading {
  if (!Number.isSafeInteger(value)) {
    return {
      ok: false,
      message: `${text} is beyond 2^53 and would lose digits`,
      hint: `Quote it to keep the text, or write a float: ${value.toExponential(3).replace('+', '')}.`,
    }
  }
  return { ok: true, value: value === 0 ? 0 : value, float: false }
}
