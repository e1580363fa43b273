import { visibleText } from '../markup.ts'

/** Text within Markdown that means itself: every character that could mean something else is escaped (CommonMark 2.4). */
export function plainMarkdown(text: string): string {
  return visibleText(text)
    .replace(/[\n\t ]+/g, ' ')
    .replace(/[\\`*_{}[\]<>#|~&!$]/g, '\\$&')
    .replace(/^(\s*\d*)([-+=.)])(?=[\s=-]|$)/, '$1\\$2')
}

/** Code over several lines, within a fence that it can't end. */
export function codeBlock(text: string, language = ''): string {
  const body = visibleText(text).replace(/\n+$/, '')
  const longest = Math.max(0, ...[...body.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(Math.max(3, longest + 1))
  return `${fence}${language}\n${body}\n${fence}`
}

/** @param cells texts, not Markdown; numbers stand to the right */
export function markdownTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => (typeof cell === 'number' ? String(cell) : plainMarkdown(cell))).join(' | ')} |`
  const isNumber = (column: number) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number')
  return [
    line(header),
    `| ${header.map((_, column) => (isNumber(column) ? '---:' : '---')).join(' | ')} |`,
    ...rows.map(line),
  ].join('\n')
}

const BARS = '▁▂▃▄▅▆▇█'

/** Values as bars, higher is taller; of more than `width` values the last of each of equally many. */
export function sparkline(values: readonly number[], width: number): string {
  const finite = values.filter(Number.isFinite)
  const points =
    finite.length <= width
      ? finite
      : Array.from({ length: width }, (_, i) => finite[Math.floor(((i + 1) * finite.length) / width) - 1]!)
  const low = points.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const high = points.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  return points
    .map((value) => BARS[high > low ? Math.round(((value - low) / (high - low)) * (BARS.length - 1)) : 0])
    .join('')
}
