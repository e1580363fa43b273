import { curveOf, median, noiseOf, short } from './curve.ts'
import type { HealthSeries, Rule } from './rule.ts'

/** Values at the beginning whose median is where it began, and at the end that must all be above. */
const EDGE = 3
const LEAST_POINTS = 8
/** Times the noise, so that a few high values in a row are none. */
const NOISES = 4
/** Share of where it began: a rise by less is no divergence, however still the curve. */
const LEAST_RISE = 0.1
/** A loss on held out data rises above its beginning for other reasons too (see `overfitting`). */
const HELD_OUT = 3

/**
 * A loss has climbed above where it began, by more than all it had gained till then, and stays there. A spike that comes
 * down again, or a slow rise from the best value, is none.
 */
export const divergenceRule: Rule = {
  name: 'divergence',
  judge({ series }) {
    const losses = series.filter(({ role }) => role.kind === 'loss')
    const trained = losses.filter(({ role }) => role.split !== 'eval')
    return (trained.length > 0 ? trained : losses).flatMap((one) => {
      const found = diverged(one)
      return found === undefined ? [] : [found]
    })
  },
}

function diverged(series: HealthSeries): ReturnType<Rule['judge']>[number] | undefined {
  const { steps, losses } = curveOf(series, false)
  if (losses.length < LEAST_POINTS) return undefined
  const began = median(losses.slice(0, EDGE))
  const lowest = losses.reduce((least, loss) => Math.min(least, loss), Number.POSITIVE_INFINITY)
  // Of the values before the end: those of the climb itself would hide it.
  const noise = noiseOf(losses.slice(0, Math.ceil(losses.length * 0.75)))
  const gained = Math.max(0, began - lowest)
  const rise =
    Math.max(gained, NOISES * noise, LEAST_RISE * Math.abs(began)) * (series.role.split === 'eval' ? HELD_OUT : 1)
  const bound = began + rise
  const recent = losses.slice(-EDGE)
  if (!recent.every((loss) => loss > bound)) return undefined
  const lastBelow = losses.findLastIndex((loss) => loss <= bound)
  const since = steps[lastBelow + 1] ?? null
  const now = median(recent)
  return {
    metric: series.name,
    severity: 'error',
    message: `${series.name} diverges: ${short(now)}, after ${short(lowest)} at best and ${short(began)} at the beginning`,
    advice: 'Lower the learning rate or warm it up, and clip gradients. Check that labels and loss fit together.',
    step: steps.at(-1) ?? null,
    since,
    evidence: { now, best: lowest, began, bound },
  }
}
