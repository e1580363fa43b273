import { type Context, createContext, Script } from 'node:vm'
import type { Capture } from '@sweep/spec/document/sweep-document'
import { type CapturedPoint, isMetricName, numbersIn, toNumber } from './captured-point.ts'
import { withoutProgressBar } from './progress-bars.ts'

/** Longer lines are cut before they are searched; a line with metrics in it is a line that a person reads. */
export const MAX_SEARCHED_LENGTH = 4096

/** A pattern that needs longer for one window of lines is backtracking without end, and is switched off. */
const PATTERN_TIMEOUT_MS = 250

/** Keys that say which step the other values of the line belong to; the first one found counts. */
const STEP_KEYS = ['step', 'global_step', 'epoch', 'iter', 'iteration'] as const

/** `name=value`, `name: value`, `'name': value`. The name may not follow `-`: `--lr=0.1` is a flag being echoed. */
const PAIR =
  /(?:^|[\s,;|({[])["']?([A-Za-z_][\w./@-]{0,255})["']?(?:\s{0,8}=\s{0,8}|\s{0,8}:\s{1,8})["']?([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?))["']?(?=%?(?:$|[\s,;|)}\]]))/gi

/** `Epoch 3/10`, `step #40`, `[iter 7]`; `Step: 12ms` is how long one took. */
const STEP_IN_WORDS =
  /(?:^|[\s,;|([])(global_step|step|epoch|iteration|iter)\s{0,4}[#:=]?\s{0,4}[[(]?(\d{1,15})(?![\w.]*\d|[a-z])/i

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are driven by control characters
const ANSI = /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-Z\\-_]/g

/** What a person sees of a line: a progress bar overwrites itself after each `\r`, so only its last state is left. */
export function visibleText(line: string): string {
  let text = line
  if (text.includes('\r')) {
    text = text.replace(/\r+$/, '')
    text = text.slice(text.lastIndexOf('\r') + 1)
  }
  // A cut in the middle of a number would invent a value, so what was cut off takes its last word with it.
  if (text.length > MAX_SEARCHED_LENGTH) text = text.slice(0, MAX_SEARCHED_LENGTH).replace(/\S*$/, '')
  return text.includes('\u001b') ? text.replace(ANSI, '') : text
}

function isOverwritten(line: string): boolean {
  return line.replace(/\r+$/, '').includes('\r')
}

/**
 * The metrics on one printed line, by what programs usually print: JSON, a Python dict, `name=value`, `name: value`.
 * Values are paired with a step on the same line only, so reading may begin at any line.
 */
export function parsePrintedLine(line: string): CapturedPoint | null {
  const text = withoutProgressBar(visibleText(line), isOverwritten(line))
  // Most lines of a chatty program hold no pair; this look is many times cheaper than the search.
  if (!text.includes('=') && !text.includes(':')) return null
  const values = jsonValues(text) ?? pairValues(text)
  return toPoint(values, text)
}

function jsonValues(text: string): Record<string, number> | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return undefined
  try {
    const parsed: unknown = JSON.parse(trimmed)
    return typeof parsed === 'object' && parsed !== null ? numbersIn(parsed) : undefined
  } catch {
    return undefined
  }
}

function pairValues(text: string): Record<string, number> {
  const values: Record<string, number> = {}
  for (const [, name, value] of text.matchAll(PAIR)) {
    const number = value === undefined ? undefined : toNumber(value)
    if (name !== undefined && number !== undefined) values[name] = number
  }
  return values
}

function toPoint(values: Record<string, number>, text: string): CapturedPoint | null {
  let step: number | undefined
  const byLowerCase = new Map(Object.keys(values).map((name) => [name.toLowerCase(), name]))
  for (const key of STEP_KEYS) {
    const name = byLowerCase.get(key)
    const value = name === undefined ? undefined : values[name]
    if (name === undefined || value === undefined || !Number.isSafeInteger(value)) continue
    step = value
    delete values[name]
    break
  }
  if (Object.keys(values).length === 0) return null
  if (step === undefined) {
    const inWords = STEP_IN_WORDS.exec(text)?.[2]
    if (inWords !== undefined) step = Number(inWords)
  }
  return step === undefined ? { values } : { step, values }
}

interface PatternMatch {
  readonly line: number
  readonly pattern: number
  readonly name: string | null
  readonly value: string
}

/** Runs in a context of its own, because only there a search that does not end can be broken off. */
const MATCH = `
  lines.flatMap((text, line) => patterns.flatMap((regex, pattern) =>
    Array.from(text.matchAll(regex), (m) => m.groups?.value !== undefined
      ? { line, pattern, name: m.groups.name ?? null, value: m.groups.value }
      : { line, pattern, name: null, value: m[1] ?? m[0] })))`

/**
 * Finds metrics in printed lines the way a sweep asks for. Keeps nothing between lines, except that a pattern which
 * took too long is not used again.
 */
export class StdoutLines {
  readonly #capture: Capture
  readonly #onWarning: (message: string) => void
  #search: { readonly script: Script; readonly context: Context } | undefined

  /** @param onWarning told, once, when the sweep's patterns had to be given up, and why */
  constructor(capture: Capture, onWarning: (message: string) => void) {
    this.#capture = capture
    this.#onWarning = onWarning
    if (capture.stdout === 'none' || capture.patterns.length === 0) return
    try {
      const patterns = capture.patterns.map(({ regex }) => new RegExp(regex, 'g'))
      this.#search = { script: new Script(MATCH), context: createContext({ patterns, lines: [] }) }
    } catch (error) {
      onWarning(`capture.patterns: ${(error as Error).message}. No metrics are read by them.`)
    }
  }

  /** One entry per line; null where there are no metrics. */
  parse(lines: readonly string[]): (CapturedPoint | null)[] {
    if (this.#capture.stdout === 'none') return lines.map(() => null)
    const points = this.#capture.stdout === 'auto' ? lines.map(parsePrintedLine) : lines.map(() => null)
    if (this.#search === undefined) return points
    const texts = lines.map(visibleText)
    const found = new Map<number, Record<string, number>>()
    for (const match of this.#match(texts)) {
      const name = this.#capture.patterns[match.pattern]?.metric ?? match.name
      const value = toNumber(match.value)
      if (name === null || name === undefined || !isMetricName(name) || value === undefined) continue
      const values = found.get(match.line) ?? {}
      values[name] = value
      found.set(match.line, values)
    }
    for (const [line, values] of found) {
      const auto = points[line]
      const point = toPoint({ ...auto?.values, ...values }, texts[line] ?? '')
      points[line] =
        point !== null && point.step === undefined && auto?.step !== undefined ? { ...point, step: auto.step } : point
    }
    return points
  }

  #match(texts: readonly string[]): readonly PatternMatch[] {
    if (this.#search === undefined) return []
    try {
      this.#search.context['lines'] = texts
      return this.#search.script.runInContext(this.#search.context, { timeout: PATTERN_TIMEOUT_MS })
    } catch (error) {
      this.#search = undefined
      const why =
        (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
          ? 'took too long'
          : `failed (${(error as Error).message})`
      this.#onWarning(
        `capture.patterns ${why}, and is not used for the rest of this run. Avoid nested repetitions such as (a+)+.`,
      )
      return []
    }
  }
}
