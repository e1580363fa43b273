/** Text that may stand in a page as it is. Only `html` makes it, which escapes everything that is put into it. */
export class Markup {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  static of(parts: TemplateStringsArray, values: readonly Part[]): Markup {
    return new Markup(parts.map((part, index) => part + textOf(values[index])).join(''))
  }

  toString(): string {
    return this.#text
  }
}

/** Nothing is written for null, undefined and false. */
export type Part = Markup | string | number | null | undefined | false | readonly Part[]

/**
 * A piece of HTML or SVG. Strings and numbers that are put in are text, also within quoted attributes; markup that was
 * made by this function stays markup.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return Markup.of(parts, values)
}

function textOf(value: Part): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Markup) return value.toString()
  if (Array.isArray(value)) return value.map(textOf).join('')
  return escapeMarkup(String(value))
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

function escapeMarkup(text: string): string {
  return visibleText(text).replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '')
}

/** Control characters and marks that reorder text, which show as nothing or worse; line breaks and tabs may stay. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be found
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

/** With a replacement character in the place of what can't be seen and of halves of surrogate pairs. */
export function visibleText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(INVISIBLE, '\ufffd')
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
}

/** At most `most` characters, never half a surrogate pair. */
export function shortText(text: string, most: number): string {
  const characters = [...text.slice(0, 2 * most + 2)]
  return characters.length <= most && text.length <= 2 * most + 2 ? text : `${characters.slice(0, most - 1).join('')}…`
}
