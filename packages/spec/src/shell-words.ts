/**
 * The words of a command line with a shell's quoting and backslashes, and nothing else of a shell: no variables, no
 * globs, no pipes. Null when a quote is not closed.
 */
export function splitWords(text: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quote: '"' | "'" | null = null
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i)
    if (quote === "'") {
      if (char === "'") quote = null
      else word += char
    } else if (char === '\\' && i + 1 < text.length) {
      const next = text.charAt(i + 1)
      // Inside double quotes a backslash counts only before these.
      if (quote === '"' && !'"\\$`'.includes(next)) word = (word ?? '') + char
      else {
        word = (word ?? '') + next
        i += 1
      }
    } else if (quote === '"') {
      if (char === '"') quote = null
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word)
      word = null
    } else {
      word = (word ?? '') + char
    }
  }
  if (quote !== null) return null
  if (word !== null) words.push(word)
  return words
}

/** One command line that a POSIX shell splits into exactly these words. */
export function shellCommand(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ')
}

function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}
