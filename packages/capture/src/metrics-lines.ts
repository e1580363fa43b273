import { type CapturedPoint, numbersIn } from './captured-point.ts'

export type MetricsLine =
  | { readonly kind: 'point'; readonly point: CapturedPoint }
  /** Nothing to store and nothing wrong: an empty line, or an object without numbers. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'bad'; readonly reason: string }

/**
 * One line of `metrics.jsonl`: a JSON object with numbers in it, and `step` when the program counts. Python writes NaN and
 * infinities bare, which JSON does not know; they are understood all the same.
 */
export function parseMetricsLine(text: string): MetricsLine {
  const trimmed = text.trim()
  if (trimmed === '') return { kind: 'empty' }
  const parsed = parseLenient(trimmed)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return { kind: 'bad', reason: `not a JSON object: ${shorten(trimmed)}` }
  }
  const { step, ...rest } = parsed as { step?: unknown }
  const values = numbersIn(rest)
  if (Object.keys(values).length === 0) return { kind: 'empty' }
  if (step === undefined || step === null) return { kind: 'point', point: { values } }
  if (typeof step !== 'number' || !Number.isSafeInteger(step)) {
    return { kind: 'bad', reason: `step is ${shorten(JSON.stringify(step))}, but must be a whole number` }
  }
  return { kind: 'point', point: { step, values } }
}

function parseLenient(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    if (!/NaN|Infinity/.test(text)) return undefined
  }
  try {
    // Only where a value may stand, so that a name such as "NaN" keeps its spelling.
    return JSON.parse(text.replace(/([:,[]\s*)(NaN|-?Infinity)(?=\s*[,}\]])/g, '$1"$2"'))
  } catch {
    return undefined
  }
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
