import { curveOf, fallOf, median, noiseOf, short } from './curve.ts'
import { progressSeries, type Rule } from './rule.ts'

const LEAST_POINTS = 20
/** Standard deviations of chance above which later values count as better: one flat curve in 20 would seem to be. */
const TREND = 1.64
/** Times the noise that a later quarter must lie below the first. */
const QUARTER = 0.75
/** Times the noise that the first value must lie above the others, or above the best of them, to have learned at once. */
const FIRST = 3
/** Neighbours whose median counts, so that one lucky value is no progress. */
const SMOOTH = 5
/** Share of where it began; less in 20 values and more is none, however still the curve. */
const LEAST_GAIN = 0.001
/** Within so much of 0 or 1, of a metric that lies between them, there is little left to gain. */
const NEARLY_PERFECT = 0.1

/**
 * From the first value on, what the run is judged by has not got better than chance: neither by a trend, nor at once, nor
 * for a time. A run that learned and has come to its level is healthy.
 */
export const noProgressRule: Rule = {
  name: 'no_progress',
  judge({ series }) {
    const judged = progressSeries(series)
    if (judged === undefined) return []
    const isScore = judged.role.kind === 'score'
    const { steps, losses } = curveOf(judged, isScore)
    if (losses.length < LEAST_POINTS || isNearlyPerfect(losses)) return []
    const [first = 0, ...rest] = losses
    const noise = noiseOf(losses)
    const least = LEAST_GAIN * Math.abs(first)
    const quarters = [0, 1, 2, 3].map((n) =>
      median(losses.slice((n * losses.length) / 4, ((n + 1) * losses.length) / 4)),
    )
    const [began = 0, ...later] = quarters
    const best = Math.min(...later)
    if (first - median(rest) > Math.max(FIRST * noise, least)) return []
    const smooth = losses.slice(SMOOTH - 1).map((_, at) => median(losses.slice(at, at + SMOOTH)))
    if (first - Math.min(...smooth) > Math.max(FIRST * noise, least)) return []
    if (began - best > Math.max(QUARTER * noise, least)) return []
    if (fallOf(losses) > TREND && first - best > least) return []
    const turned = isScore ? -1 : 1
    return [
      {
        metric: judged.name,
        severity: 'warning',
        message: `${judged.name} has not got better in ${losses.length} values: ${short(turned * began)} at first, ${short(turned * (later.at(-1) ?? 0))} of late`,
        advice:
          'Check that the optimizer has the parameters and steps, that nothing is frozen by mistake, and that inputs and ' +
          'labels belong together; then try a learning rate ten times as high, or as low. Ten examples should be learned by heart.',
        step: steps.at(-1) ?? null,
        since: steps[0] ?? null,
        evidence: { first: turned * first, best: turned * best, noise, values: losses.length },
      },
    ]
  },
}

/** Losses, or scores turned around, that lie between 0 and 1 and nearly at their best. */
function isNearlyPerfect(losses: readonly number[]): boolean {
  const level = median(losses)
  if (losses.every((loss) => loss >= -1 && loss < 0)) return level <= NEARLY_PERFECT - 1
  return losses.every((loss) => loss >= 0 && loss <= 1) && level <= NEARLY_PERFECT
}
