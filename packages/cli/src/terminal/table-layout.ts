import { displayWidth, padText, truncateText } from './terminal-text.ts'

export interface LayoutColumn {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** The column gives up width first, down to `minWidth`; the others keep theirs until it has none left to give. */
  readonly flexible?: boolean
  /** Columns below which the cell says nothing any more. */
  readonly minWidth?: number
}

const GAP = 2

/**
 * Lines of a table without borders, the title first, each at most `width` columns. Cells are safe one-line texts. When
 * the table is too wide, flexible columns shrink first; then columns leave from the right, the first always stays.
 */
export function layoutTable(
  columns: readonly LayoutColumn[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const natural = columns.map((column, i) =>
    rows.reduce((most, row) => Math.max(most, displayWidth(row[i] ?? '')), displayWidth(column.title)),
  )
  const widths = fitWidths(columns, natural, width)
  const line = (cells: readonly string[]): string =>
    widths
      .map((columnWidth, i) => padText(truncateText(cells[i] ?? '', columnWidth), columnWidth, columns[i]?.align))
      .join(' '.repeat(GAP))
      .trimEnd()
  return [line(columns.map((column) => column.title)), ...rows.map(line)]
}

/** Widths of the columns that stay. */
function fitWidths(columns: readonly LayoutColumn[], natural: readonly number[], width: number): number[] {
  let kept = columns.length
  while (kept > 1) {
    const widths = natural.slice(0, kept)
    let excess = sum(widths) + GAP * (kept - 1) - width
    for (let i = kept - 1; i >= 0 && excess > 0; i -= 1) {
      const column = columns[i]
      const now = widths[i] ?? 0
      if (column?.flexible !== true) continue
      const least = Math.min(now, column.minWidth ?? 8)
      widths[i] = Math.max(least, now - excess)
      excess -= now - (widths[i] ?? 0)
    }
    if (excess <= 0) return widths
    kept -= 1
  }
  return [Math.max(1, Math.min(natural[0] ?? 0, width))]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
