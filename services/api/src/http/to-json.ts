/**
 * JSON of a reply. JSON has no NaN or infinities, so they travel as the strings that `MetricValue` reads back; plain
 * `JSON.stringify` would turn a diverged trial's value into null, which means "nothing reported".
 */
export function toJson(data: unknown): string {
  return JSON.stringify(data, spellOut) ?? 'null'
}

function spellOut(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
