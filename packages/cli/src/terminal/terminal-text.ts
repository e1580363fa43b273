/**
 * Text on its way to a terminal. Names, values and messages come from files, programs and other people; none of them
 * may move the cursor, recolour the screen or write the clipboard, so control characters are shown, never sent.
 */

/** C0, DEL, C1, line separators, and the marks that reorder text on the screen. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be found
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u001b': '\\e' }

/** One line that is safe to print: control characters become `\n`, `\e`, `\x07` or `\u202e`. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, escapeCharacter)
}

/** Like `escapeText`, but keeps line breaks and tabs: for text of several lines. */
export function escapeLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(UNSAFE, (character) => (character === '\n' || character === '\t' ? character : escapeCharacter(character)))
}

/**
 * A program's output for a terminal: colours stay, progress bars that return to the start of the line become lines of
 * their own, every other control sequence is shown.
 */
export function escapeLog(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with ESC
  const colour = /\u001b\[[0-9;:]*m/g
  let safe = ''
  let from = 0
  for (const match of text.matchAll(colour)) {
    safe += escapeLines(text.slice(from, match.index).replace(/\r(?!\n)/g, '\n')) + match[0]
    from = match.index + match[0].length
  }
  return safe + escapeLines(text.slice(from).replace(/\r(?!\n)/g, '\n'))
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0)
  return NAMED[character] ?? (code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`)
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const EMOJI = /\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f/u
/** East Asian Width W and F (Unicode 16, UAX 11), as ranges of code points. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18cff],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
]

let segmenter: Intl.Segmenter | undefined

function graphemes(text: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return Array.from(segmenter.segment(text), (part) => part.segment)
}

function graphemeWidth(grapheme: string): number {
  const code = grapheme.codePointAt(0) ?? 0
  if (ZERO_WIDTH.test(String.fromCodePoint(code))) return 0
  if (EMOJI.test(grapheme)) return 2
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1
}

/** Columns that `text` takes on a terminal. The text holds no escape sequences. */
export function displayWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  return graphemes(text).reduce((sum, grapheme) => sum + graphemeWidth(grapheme), 0)
}

/** At most `width` columns, with `…` in place of what was cut off. */
export function truncateText(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (width <= 0) return ''
  let kept = ''
  let used = 0
  for (const grapheme of graphemes(text)) {
    const next = used + graphemeWidth(grapheme)
    if (next > width - 1) break
    kept += grapheme
    used = next
  }
  return `${kept}…`
}

export function padText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'left' ? text + fill : fill + text
}
