/** One measured figure, and whether it meets its goal. */
export interface Check {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** As people read it: `>= 0.2`. Empty for a figure without a goal. */
  readonly goal: string
  readonly ok: boolean
}

export function atLeast(name: string, value: number, unit: string, goal: number): Check {
  return { name, value: rounded(value), unit, goal: `>= ${goal}`, ok: value >= goal }
}

export function atMost(name: string, value: number, unit: string, goal: number): Check {
  return { name, value: rounded(value), unit, goal: `<= ${goal}`, ok: value <= goal }
}

export function figure(name: string, value: number, unit: string): Check {
  return { name, value: rounded(value), unit, goal: '', ok: true }
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/** The value below which `share` of the values lie; 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** A table for people, then one JSON line for programs. */
export function printChecks(bench: string, checks: readonly Check[]): void {
  const rows = checks.map((check) => [
    check.name,
    `${check.value} ${check.unit}`,
    check.goal,
    check.goal === '' ? '' : check.ok ? 'ok' : 'MISSED',
  ])
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  console.log(JSON.stringify({ bench, checks }))
}
