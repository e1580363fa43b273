import { filterError, type Span } from './filter-error.ts'

/**
 * `word` is everything that needs no quotes: names, keywords, numbers, times. `text` stands in `"` or `'`, `name` in
 * back-quotes, either without its quotes, and with those that were doubled inside it single.
 */
export interface Token extends Span {
  readonly kind: 'word' | 'text' | 'name' | 'symbol' | 'end'
  readonly value: string
}

const SPACE = /\s+/y
const SYMBOL = /==|!=|<>|<=|>=|=|<|>|\(|\)|,|!/y
const WORD = /[^\s=<>!(),"'`]+/y

/** @throws SweepError `invalid-request` for a quote that is not closed */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < source.length) {
    const space = match(SPACE, source, at)
    if (space !== undefined) {
      at += space.length
      continue
    }
    const token = tokenAt(source, at)
    tokens.push(token)
    at = token.end
  }
  tokens.push({ kind: 'end', value: '', start: source.length, end: source.length })
  return tokens
}

function tokenAt(source: string, start: number): Token {
  const symbol = match(SYMBOL, source, start)
  if (symbol !== undefined) return { kind: 'symbol', value: symbol, start, end: start + symbol.length }
  const word = match(WORD, source, start)
  if (word !== undefined) return { kind: 'word', value: word, start, end: start + word.length }
  return quotedAt(source, start)
}

function quotedAt(source: string, start: number): Token {
  const quote = source.charAt(start)
  for (let at = start + 1; ; at += 2) {
    at = source.indexOf(quote, at)
    if (at < 0) {
      throw filterError(
        source,
        { start, end: start + 1 },
        'this quote is never closed',
        'Inside a text or a name its own quote is written twice.',
      )
    }
    if (source.charAt(at + 1) === quote) continue
    const value = source.slice(start + 1, at).replaceAll(quote + quote, quote)
    return { kind: quote === '`' ? 'name' : 'text', value, start, end: at + 1 }
  }
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0]
}
