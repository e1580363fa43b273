import type { Json } from '@sweep/spec/number'
import type { Config, SearchSpace } from '@sweep/spec/search-space'
import { formatDuration } from '@sweep/spec/units'
import type { TrialCounts } from '@sweep/spec/wire/api'

/** A number as people read it: four significant digits. */
export function shortNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  return Number.isFinite(value) && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value)
}

/** One value of a parameter. */
export function valueText(value: Json | undefined): string {
  if (value === undefined) return '–'
  if (typeof value === 'number') return shortNumber(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What varies between the trials of a sweep, in the order of its file. */
export function varyingNames({ parameters }: SearchSpace): string[] {
  return parameters.filter(({ type }) => type !== 'constant').map(({ name }) => name)
}

/** `lr=0.0123 optimizer=adam`. */
export function configText(config: Config, names: readonly string[]): string {
  return names
    .filter((name) => Object.hasOwn(config, name))
    .map((name) => `${name}=${valueText(config[name])}`)
    .join(' ')
}

/** A length of time: as hours where it is about the use of machines. */
export function hoursText(seconds: number): string {
  if (seconds === 0) return '0'
  return seconds < 3600 ? formatDuration(Math.round(seconds) * 1000) : `${shortNumber(seconds / 3600)} h`
}

export function percentText(share: number): string {
  return Number.isFinite(share) ? `${Math.round(100 * share)} %` : '–'
}

/** `2026-11-27 02:04 UTC`. */
export function timeText(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`
}

/** `12 completed, 8 pruned, 2 running`: only what there is, the ended ones first. */
export function countsText(counts: TrialCounts): string {
  const order = ['completed', 'pruned', 'failed', 'cancelled', 'running', 'paused', 'queued'] as const
  const parts = order.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`)
  return parts.length === 0 ? 'none yet' : parts.join(', ')
}

/** `0.89 to 0.95`. */
export function intervalText({ low, high }: { readonly low: number | null; readonly high: number | null }): string {
  return low === null || high === null ? '–' : `${shortNumber(low)} to ${shortNumber(high)}`
}
