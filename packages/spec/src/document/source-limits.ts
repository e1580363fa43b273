import { Lexer } from 'yaml'

export const MAX_SOURCE_BYTES = 256 * 1024
export const MAX_DEPTH = 32
export const MAX_NODES = 50_000
/** Anchors, tags and directives. */
const MAX_PROPERTIES = 5000

/**
 * The first place where a text nests too deep or has too many parts, found from its tokens in linear time. The parser
 * recurses into brackets and dashes and takes seconds over 256 KiB of them, so this runs before it.
 */
export function findExcess(text: string): { message: string; offset: number } | null {
  let offset = 0
  let brackets = 0
  let dashes = 0
  let parts = 0
  let properties = 0
  for (const token of new Lexer().lex(text)) {
    // The lexer marks documents, flow ends and scalars by control characters that are not in the text.
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') {
      continue
    }
    const first = token.charAt(0)
    if (token === '[' || token === '{') brackets += 1
    else if (token === ']' || token === '}') brackets -= 1
    else if (token === '-' || token === '?') dashes += 1
    else if (first === '\n' || first === '\r') dashes = 0
    if (token.length === 1 && '[{-?,'.includes(token)) parts += 1
    if (first === '&' || first === '!' || first === '%') properties += 1
    if (brackets > MAX_DEPTH || dashes > MAX_DEPTH)
      return { message: `more than ${MAX_DEPTH} levels are nested`, offset }
    if (parts > MAX_NODES) return { message: `more than ${MAX_NODES} values`, offset }
    if (properties > MAX_PROPERTIES)
      return { message: `more than ${MAX_PROPERTIES} anchors, tags and directives`, offset }
    offset += token.length
  }
  return null
}
