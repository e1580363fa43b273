import type { SweepError } from '../errors.ts'
import { filterError, type Span } from './filter-error.ts'
import { type Token, tokensOf } from './filter-tokens.ts'

/** The tokens of a text, one after the other; the last is always the end, which nothing takes. */
export class TokenReader {
  readonly #source: string
  readonly #tokens: readonly Token[]
  #at = 0

  /** @throws SweepError `invalid-request` for a quote that is not closed */
  constructor(source: string) {
    this.#source = source
    this.#tokens = tokensOf(source)
  }

  get next(): Token {
    return this.#tokens[this.#at]!
  }

  get afterNext(): Token | undefined {
    return this.#tokens[this.#at + 1]
  }

  take(): Token {
    const token = this.next
    if (token.kind !== 'end') this.#at += 1
    return token
  }

  /** Whether the next one is this keyword, which is taken then. */
  takeWord(word: string): boolean {
    const isIt = this.next.kind === 'word' && this.next.value.toLowerCase() === word
    if (isIt) this.#at += 1
    return isIt
  }

  takeSymbol(symbol: string): boolean {
    const isIt = this.next.kind === 'symbol' && this.next.value === symbol
    if (isIt) this.#at += 1
    return isIt
  }

  error(span: Span, message: string, hint?: string): SweepError {
    return filterError(this.#source, span, message, hint)
  }
}
