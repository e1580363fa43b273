import { curveOf, median, noiseOf, short } from './curve.ts'
import type { HealthSeries, Rule } from './rule.ts'

/** Evaluations since the best one below which a growing gap means nothing yet. */
const LEAST_EVALUATIONS = 5
/** Of the way from the first to the best value that must be lost again. */
const LEAST_LOST = 0.05
const NOISES = 2

/**
 * The gap between training and evaluation has been growing for five evaluations (mostly, epochs) and more, because the
 * evaluation gets worse while the training gets better. That both get better, one faster, is what training does.
 */
export const overfittingRule: Rule = {
  name: 'overfitting',
  judge({ series }) {
    return series.flatMap((evaluation) => {
      const { kind, split, base } = evaluation.role
      if (split !== 'eval' || (kind !== 'loss' && kind !== 'score')) return []
      const training = series.find(
        ({ role }) => role.kind === kind && role.base === base && role.split !== 'eval' && !role.isObjective,
      )
      const found = training && growing(training, evaluation)
      return found === undefined ? [] : [found]
    })
  },
}

function growing(training: HealthSeries, evaluation: HealthSeries): ReturnType<Rule['judge']>[number] | undefined {
  const isScore = evaluation.role.kind === 'score'
  const held = curveOf(evaluation, isScore)
  const trained = levelsAt(curveOf(training, isScore), held.steps)
  // A median of three in a row: the lowest of many noisy values is always long past.
  const smooth = held.losses.map((_, at) => median(held.losses.slice(Math.max(0, at - 1), at + 2)))
  const best = smooth.indexOf(Math.min(...smooth))
  const after = held.losses.length - 1 - best
  if (best === -1 || after < LEAST_EVALUATIONS) return undefined
  const lowest = smooth[best] ?? 0
  const noise = noiseOf(held.losses)
  const gained = Math.max(0, (held.losses[0] ?? 0) - lowest)
  const recent = held.losses.slice(-3)
  const bound = lowest + Math.max(NOISES * noise, LEAST_LOST * gained)
  if (gained <= noise || !recent.every((loss) => loss > bound)) return undefined
  const trainedBest = trained[best] ?? Number.NaN
  const trainedNow = median(trained.slice(-3))
  // Written so that a level that is not known is none.
  if (!(trainedNow < trainedBest)) return undefined
  const gaps = [lowest - trainedBest, median(recent) - trainedNow] as const
  if (gaps[1] <= gaps[0]) return undefined
  const turned = isScore ? -1 : 1
  return {
    metric: evaluation.name,
    severity: 'warning',
    message: `${evaluation.name} gets worse since step ${held.steps[best]}, ${short(turned * lowest)} then and ${short(turned * median(recent))} now, while ${training.name} gets better`,
    advice: 'Stop here and keep the checkpoint of that step, or add data, augmentation, weight decay or dropout.',
    step: held.steps.at(-1) ?? null,
    since: held.steps[best] ?? null,
    evidence: {
      best: turned * lowest,
      now: turned * median(recent),
      gapThen: gaps[0],
      gapNow: gaps[1],
      evaluations: after,
    },
  }
}

/** Of each stretch between two evaluations the mean of the training; NaN where it logged nothing. */
function levelsAt({ steps, losses }: ReturnType<typeof curveOf>, at: readonly number[]): number[] {
  let index = 0
  return at.map((step) => {
    let sum = 0
    let count = 0
    for (; index < steps.length && (steps[index] ?? 0) <= step; index += 1) {
      sum += losses[index] ?? 0
      count += 1
    }
    return count === 0 ? Number.NaN : sum / count
  })
}
