/**
 * Durations and sizes as people write them. Durations are whole or decimal numbers with units, largest first
 * (`90s`, `15m`, `1.5h`, `1h30m`, `2d`, `500ms`); a bare number is seconds. Sizes follow Kubernetes: `4GiB`, `4Gi` and
 * `4GB` (`KiB MiB GiB TiB` are powers of 1024, `kB MB GB TB` powers of 1000); a bare number is bytes.
 */
const DURATION_UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
type DurationUnit = keyof typeof DURATION_UNITS_MS
const DURATION_ORDER: readonly DurationUnit[] = ['d', 'h', 'm', 's', 'ms']

const MEMORY_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  ki: 1024,
  kib: 1024,
  mi: 1024 ** 2,
  mib: 1024 ** 2,
  gi: 1024 ** 3,
  gib: 1024 ** 3,
  ti: 1024 ** 4,
  tib: 1024 ** 4,
}

export const DURATION_EXAMPLES = '90s, 15m, 2h, 1d or 1h30m'
export const MEMORY_EXAMPLES = '512MiB, 4GiB or 4GB'

/** Milliseconds, rounded; null when the text is no duration. Longer than 100 years is no duration either. */
export function parseDuration(text: string | number): number | null {
  if (typeof text === 'number') return inRange(text * 1000)
  const trimmed = text.trim().toLowerCase()
  if (/^[0-9]+(\.[0-9]+)?$/.test(trimmed)) return inRange(Number(trimmed) * 1000)
  if (trimmed.length > 64 || !/^([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*)+$/.test(trimmed)) return null
  let total = 0
  let lastUnit = -1
  for (const [, amount, unit] of trimmed.matchAll(/([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)/g)) {
    const index = DURATION_ORDER.indexOf(unit as DurationUnit)
    const known = DURATION_ORDER[index]
    // `30m1h` and `1h1h` are slips of the pen more often than sums.
    if (known === undefined || index <= lastUnit) return null
    lastUnit = index
    total += Number(amount) * DURATION_UNITS_MS[known]
  }
  return inRange(total)
}

function inRange(ms: number): number | null {
  return ms >= 0 && ms <= 100 * 365 * DURATION_UNITS_MS.d ? Math.round(ms) : null
}

/** `1d2h`, `1h30m`, `42s`, `350ms`: at most two units, the second rounded down. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms)
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 10_000) {
    const tenths = Math.floor(ms / 100) / 10
    return `${tenths}s`
  }
  for (const [index, unit] of DURATION_ORDER.entries()) {
    const size = DURATION_UNITS_MS[unit]
    if (ms < size) continue
    const whole = Math.floor(ms / size)
    const nextUnit = DURATION_ORDER[index + 1]
    const rest =
      nextUnit === undefined || nextUnit === 'ms' ? 0 : Math.floor((ms - whole * size) / DURATION_UNITS_MS[nextUnit])
    return rest > 0 ? `${whole}${unit}${rest}${nextUnit}` : `${whole}${unit}`
  }
  return '0ms'
}

/** Bytes, rounded; null when the text is no size. Case does not matter. More than a pebibyte is no size. */
export function parseMemory(text: string | number): number | null {
  if (typeof text === 'number') return Number.isFinite(text) && text >= 0 && text <= 2 ** 50 ? Math.round(text) : null
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)$/.exec(text.trim().toLowerCase())
  if (match === null) return null
  const unit = Object.hasOwn(MEMORY_UNITS, match[2] ?? '') ? MEMORY_UNITS[match[2] ?? ''] : undefined
  if (unit === undefined) return null
  const bytes = Math.round(Number(match[1]) * unit)
  return bytes <= 2 ** 50 ? bytes : null
}

/** `4GiB`, `1.5GiB`, `512MiB`, `12B`: one decimal at most, powers of 1024. */
export function formatMemory(bytes: number): string {
  if (!Number.isFinite(bytes)) return String(bytes)
  if (bytes < 0) return `-${formatMemory(-bytes)}`
  let amount = bytes
  let unit = 'B'
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (amount < 1024) break
    amount /= 1024
    unit = larger
  }
  return `${unit === 'B' ? Math.round(amount) : Math.round(amount * 10) / 10}${unit}`
}
