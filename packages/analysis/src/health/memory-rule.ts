import { fallOf, median } from './curve.ts'
import type { HealthSeries, Rule, RunToJudge } from './rule.ts'

const LEAST_SAMPLES = 30
/** Above this there is no room for a larger batch, or a checkpoint. */
const FULL = 0.95
/** Below half of the limit there is time. */
const LEAST_USED = 0.5
/** Growth, as a share of the limit, below which it is none; and the standard deviations of chance of its trend. */
const LEAST_GROWTH = 0.03
const TREND = 4
const SOON_MS = 6 * 3_600_000

/** The memory of the run creeps towards what it was given (or what its host has): at this pace it is full within hours. */
export const memoryRule: Rule = {
  name: 'memory',
  judge(run) {
    const found = usedShares(run)
    if (found === undefined) return []
    const { name, shares, times, limit } = found
    if (shares.length < LEAST_SAMPLES) return []
    // The newer half: what grows while a program starts is no leak.
    const from = Math.floor(shares.length / 2)
    const recent = shares.slice(from)
    const fifth = Math.max(3, Math.floor(recent.length / 5))
    const [before, now] = [median(recent.slice(0, fifth)), median(recent.slice(-fifth))]
    const growth = now - before
    const longMs = (times.at(-1) ?? 0) - (times[from] ?? 0)
    const leftMs = growth > 0 ? ((1 - now) / growth) * longMs : Number.POSITIVE_INFINITY
    const isCreeping =
      now >= LEAST_USED && growth >= LEAST_GROWTH && -fallOf(recent) >= TREND && leftMs <= SOON_MS && longMs > 0
    if (!isCreeping && now < FULL) return []
    const percent = Math.round(100 * now)
    const minutes = Math.max(1, Math.round(leftMs / 60_000))
    return [
      {
        metric: name,
        severity: 'warning',
        message: isCreeping
          ? `its memory is at ${percent} % of ${limit} and grows: full in about ${minutes} minutes at this pace`
          : `its memory is at ${percent} % of ${limit}`,
        advice:
          'Look for what is kept over steps: losses added up without .item() or detach(), lists of outputs, caches, workers that ' +
          'copy a dataset. If it needs that much, raise resources.memory.',
        step: null,
        since: null,
        evidence: { used: now, before, ...(isCreeping ? { minutesLeft: minutes } : {}) },
      },
    ]
  },
}

interface Used {
  readonly name: string
  readonly shares: readonly number[]
  readonly times: readonly number[]
  readonly limit: string
}

function usedShares({ series, memoryLimitBytes }: RunToJudge): Used | undefined {
  const kind = memoryLimitBytes === undefined ? 'memory-percent' : 'memory-bytes'
  const found: HealthSeries | undefined = series.find(({ role }) => role.kind === kind)
  if (found === undefined) return undefined
  const whole = memoryLimitBytes ?? 100
  const limit = memoryLimitBytes === undefined ? 'what its host has' : 'what it was given'
  return { name: found.name, shares: found.values.map((value) => value / whole), times: found.times, limit }
}
