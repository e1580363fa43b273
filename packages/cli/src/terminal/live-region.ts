import { displayWidth } from './terminal-text.ts'

/** The part of a terminal stream that drawing needs; a test passes its own. */
export interface Terminal {
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** A line and the colour it is painted with; the text itself holds no escape sequences. */
export interface RegionLine {
  readonly text: string
  readonly paint?: (text: string) => string
}

const ESC = '\u001b['
const HIDE_CURSOR = `${ESC}?25l`
const SHOW_CURSOR = `${ESC}?25h`
const CLEAR_LINE_END = `${ESC}K`
const CLEAR_BELOW = `${ESC}J`

/** Size of the terminal; 80x24 where it does not say. */
export function terminalSize(terminal: Terminal): { columns: number; rows: number } {
  return {
    columns: terminal.columns === undefined || terminal.columns < 1 ? 80 : terminal.columns,
    rows: terminal.rows === undefined || terminal.rows < 1 ? 24 : terminal.rows,
  }
}

/**
 * Lines at the bottom of the terminal that are redrawn in place. Lines must be no wider than the terminal and no more
 * than its rows minus one, so that drawing never scrolls; what does not fit is left out.
 */
export class LiveRegion {
  readonly #terminal: Terminal
  #drawn: readonly RegionLine[] = []

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  draw(lines: readonly RegionLine[]): void {
    const { columns, rows } = terminalSize(this.#terminal)
    const fitting = lines.slice(0, Math.max(1, rows - 1)).filter((line) => displayWidth(line.text) <= columns)
    const start = this.#drawn.length === 0 ? HIDE_CURSOR : this.#toTop(columns)
    this.#drawn = fitting
    this.#terminal.write(start + this.#painted() + CLEAR_BELOW)
  }

  /** Writes a line that stays, above the region. */
  say(text: string): void {
    const { columns } = terminalSize(this.#terminal)
    if (this.#drawn.length === 0) this.#terminal.write(`${text}\n`)
    else this.#terminal.write(`${this.#toTop(columns)}${CLEAR_BELOW}${text}\n${this.#painted()}`)
  }

  /** Leaves the last drawing on the screen and gives the cursor back. */
  close(): void {
    if (this.#drawn.length > 0) this.#terminal.write(SHOW_CURSOR)
    this.#drawn = []
  }

  /** Wipes the region and gives the cursor back. */
  clear(): void {
    if (this.#drawn.length === 0) return
    this.#terminal.write(`${this.#toTop(terminalSize(this.#terminal).columns)}${CLEAR_BELOW}${SHOW_CURSOR}`)
    this.#drawn = []
  }

  #painted(): string {
    return this.#drawn
      .map((line) => `${line.paint === undefined ? line.text : line.paint(line.text)}${CLEAR_LINE_END}\n`)
      .join('')
  }

  /** Terminals wrap what was written when they become narrower, so the lines are counted as they lie now. */
  #toTop(columns: number): string {
    const height = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line.text) / columns)), 0)
    return `\r${ESC}${height}A`
  }
}
