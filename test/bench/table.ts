/** The first cell of the heading stands above, as it is a sentence and would make its column wide. */
export function printTable(heading: readonly string[], rows: readonly (readonly string[])[]): void {
  const [title, ...names] = heading
  const lines = [['', ...names], ...rows]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  console.log(`\n${title}`)
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    )
    console.log(`  ${cells.join('  ').trimEnd()}`)
  }
}

/** Three digits, or a dash for what was not measured. */
export function inDigits(value: number | undefined): string {
  return value === undefined ? '-' : String(Number(value.toPrecision(3)))
}
