import { DURATION_EXAMPLES, parseDuration } from '@sweep/spec/units'
import { usageError } from './exit-codes.ts'

/** The options of one command as commander parsed them, read with their types checked. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }

  /** Whether it was given, with a value or without one. */
  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== false
  }

  /** False when `--no-NAME` was given. */
  notDenied(name: string): boolean {
    return this.#values[name] !== false
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  /** All the values of an option that may be repeated. */
  list(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
  }

  /** A whole number of at least `min`. */
  whole(name: string, min = 1): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || !Number.isSafeInteger(value)) {
      throw usageError(`${flagOf(name)} takes a whole number of at least ${min}, not "${text}".`)
    }
    return value
  }

  number(name: string, above: number): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (text.trim() === '' || !Number.isFinite(value) || value <= above) {
      throw usageError(`${flagOf(name)} takes a number above ${above}, not "${text}".`)
    }
    return value
  }

  /** A length of time, in milliseconds. */
  durationMs(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const ms = parseDuration(text)
    if (ms === null)
      throw usageError(`${flagOf(name)} takes a length of time, not "${text}".`, `Write ${DURATION_EXAMPLES}.`)
    return ms
  }
}

/** `waitMs` was typed as `--wait-ms`. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
