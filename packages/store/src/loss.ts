/** A value with the goal applied, lower is better; null unless it is finite. */
export function lossOf(goal: 'minimize' | 'maximize' | null, value: number | null): number | null {
  if (goal === null || value === null || !Number.isFinite(value)) return null
  return goal === 'minimize' ? value : -value
}
