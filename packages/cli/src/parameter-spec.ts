import { usageError } from './exit-codes.ts'

/** A parameter as a sweep file writes it. */
export interface ParameterDeclaration {
  value?: unknown
  values?: unknown[]
  min?: number
  max?: number
  q?: number
  distribution?: string
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const GRAMMAR = '1e-5..1e-1:log, 2..8, 16..256:x2, 0..0.5:step=.1 or adam,sgd'

/**
 * `-p NAME=SPEC` of `sweep run`. SPEC is a range `LOW..HIGH` with an optional `:log`, `:xFACTOR` (each value FACTOR
 * times the last), or `:step=STEP`; or values with commas between them; or one constant. A range of two whole numbers
 * is of whole numbers. Everything is safe without quotes in bash, zsh and fish.
 */
export function parseParameterFlag(text: string): { name: string; declaration: ParameterDeclaration } {
  const equals = text.indexOf('=')
  const name = text.slice(0, Math.max(0, equals)).trim()
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
    throw usageError(
      `-p ${quote(text)} does not say NAME=SPEC.`,
      'Write for example -p lr=1e-5..1e-1:log; a name is letters, digits, ".", "-" and "_".',
    )
  }
  return { name, declaration: parseParameterSpec(name, text.slice(equals + 1)) }
}

export function parseParameterSpec(name: string, spec: string): ParameterDeclaration {
  if (spec === '') throw usageError(`-p ${name}= has no values.`, `Write for example ${GRAMMAR}.`)
  // A text before the dots, so that `../data` is a value.
  const range = /^([^,]+?)\.\.([^,:]*)(?::(.*))?$/.exec(spec)
  if (range !== null && !spec.includes(',')) return parseRange(name, spec, range[1] ?? '', range[2] ?? '', range[3])
  const values = spec.split(',')
  if (values.some((value) => value === '')) {
    throw usageError(`-p ${name}=${quote(spec)} has an empty value.`, 'Take out the comma that is too many.')
  }
  return values.length === 1 ? { value: parseScalar(spec) } : { values: values.map(parseScalar) }
}

/** A number, true, false, null, or the text itself. */
export function parseScalar(text: string): unknown {
  if (NUMBER.test(text)) return Number(text)
  if (text === 'true' || text === 'false') return text === 'true'
  return text === 'null' ? null : text
}

function parseRange(
  name: string,
  spec: string,
  lowText: string,
  highText: string,
  how: string | undefined,
): ParameterDeclaration {
  const where = `-p ${name}=${quote(spec)}`
  const low = rangeEnd(where, lowText)
  const high = rangeEnd(where, highText)
  if (!(low < high)) throw usageError(`${where}: ${lowText} is not below ${highText}.`, 'Write the smaller end first.')
  const whole = isWhole(lowText) && isWhole(highText)
  if (how === undefined || how === 'linear') {
    return { min: low, max: high, distribution: whole ? 'int_uniform' : 'uniform' }
  }
  if (how === 'log') {
    if (low <= 0) {
      throw usageError(`${where}: a log scale needs an end above 0.`, 'Use a small positive value such as 1e-6.')
    }
    return whole
      ? { min: low, max: high, distribution: 'q_log_uniform_values', q: 1 }
      : { min: low, max: high, distribution: 'log_uniform_values' }
  }
  const factor = /^x(.+)$/.exec(how)
  if (factor !== null) return { values: geometric(where, low, high, rangeEnd(where, factor[1] ?? '')) }
  const step = /^step=(.+)$/.exec(how)
  if (step !== null) return { values: arithmetic(where, low, high, rangeEnd(where, step[1] ?? '')) }
  throw usageError(`${where}: ":${how}" is no scale.`, 'A range ends in :log, :linear, :x2 or :step=0.1.')
}

function rangeEnd(where: string, text: string): number {
  if (!NUMBER.test(text)) throw usageError(`${where}: ${quote(text)} is no number.`, `Write for example ${GRAMMAR}.`)
  return Number(text)
}

function isWhole(text: string): boolean {
  return /^[+-]?\d+$/.test(text)
}

const MOST_VALUES = 10_000

function geometric(where: string, low: number, high: number, factor: number): number[] {
  if (low <= 0 || factor <= 1) throw usageError(`${where}: :x needs a factor above 1 and a range above 0.`)
  const values: number[] = []
  // A little above `high`, so that rounding does not lose the last one.
  for (let i = 0; low * factor ** i <= high * (1 + 1e-9); i += 1) {
    if (values.length >= MOST_VALUES) throw usageError(`${where} has more than ${MOST_VALUES} values.`)
    values.push(round(low * factor ** i))
  }
  return values
}

function arithmetic(where: string, low: number, high: number, step: number): number[] {
  if (step <= 0) throw usageError(`${where}: the step must be above 0.`)
  const count = Math.floor((high - low) / step + 1e-9) + 1
  if (count > MOST_VALUES) throw usageError(`${where} has more than ${MOST_VALUES} values.`)
  return Array.from({ length: count }, (_, i) => round(low + i * step))
}

/** 0.1 + 2 * 0.1 is 0.30000000000000004; people mean 0.3. */
function round(value: number): number {
  return Number(value.toPrecision(12))
}

function quote(text: string): string {
  return `"${JSON.stringify(text).slice(1, -1)}"`
}
