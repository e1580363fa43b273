/** As much of a terminal as the live table uses: text, line breaks, cursor up, clearing, colours (ignored), scrolling. */
export class ScreenModel {
  readonly #columns: number
  readonly #rows: number
  #cells: string[][] = [[]]
  #row = 0
  #column = 0
  /** Lines that left the screen at the top. */
  scrolled = 0

  constructor(columns: number, rows: number) {
    this.#columns = columns
    this.#rows = rows
  }

  feed(text: string): this {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: this reads control sequences
    for (const [token] of text.matchAll(/\u001b\[[?\d;]*[A-Za-z]|[\s\S]/gu)) this.#take(token)
    return this
  }

  lines(): string[] {
    const lines = this.#cells.map((cells) => cells.join('').trimEnd())
    while (lines.at(-1) === '') lines.pop()
    return lines
  }

  #take(token: string): void {
    if (token === '\n') this.#newLine()
    else if (token === '\r') this.#column = 0
    else if (token.startsWith('\u001b[')) this.#control(token)
    else this.#put(token)
  }

  #put(token: string): void {
    if (this.#column >= this.#columns) this.#newLine()
    const line = this.#line()
    while (line.length < this.#column) line.push(' ')
    line[this.#column] = token
    this.#column += 1
  }

  #control(token: string): void {
    const count = Number(/\d+/.exec(token)?.[0] ?? 1)
    if (token.endsWith('A')) this.#row = Math.max(0, this.#row - count)
    else if (token.endsWith('K')) this.#line().length = Math.min(this.#line().length, this.#column)
    else if (token.endsWith('J')) {
      this.#line().length = Math.min(this.#line().length, this.#column)
      this.#cells.length = this.#row + 1
    } else if (!token.endsWith('m') && !token.startsWith('\u001b[?25'))
      throw new Error(`unknown ${JSON.stringify(token)}`)
  }

  #line(): string[] {
    let line = this.#cells[this.#row]
    if (line === undefined) {
      line = []
      this.#cells[this.#row] = line
    }
    return line
  }

  #newLine(): void {
    this.#column = 0
    this.#row += 1
    this.#line()
    if (this.#cells.length <= this.#rows) return
    this.#cells.shift()
    this.#row -= 1
    this.scrolled += 1
  }
}
