import type { ChoiceAxis } from '../space/coordinates.ts'

/** Probability of each value of one choice. */
export type ChoiceDistribution = readonly number[]

/** How far one generation moves the probabilities towards what its best have. */
const LEARNING_RATE = 0.3

/** Of the configs of a generation so many have a value that looks bad, in one choice or another. */
const LEAST_SHARE = 1

/**
 * The natural gradient step of a categorical distribution, towards the values of the best by their weights (Hamano et
 * al. 2024, "CatCMA", arXiv 2405.09962, section 3), with its margin: no value becomes so improbable that it would never
 * be seen again. Where CatCMA adapts the learning rate it is fixed here: in 200 trials there is no time to adapt it.
 *
 * @param values index of the value in each config, NaN where the choice was inactive
 * @param weights of those configs; sum to 1
 * @param choiceCount how many choices the space has
 */
export function learnedChoice(
  before: ChoiceDistribution,
  { prior }: ChoiceAxis,
  values: readonly number[],
  weights: Float64Array,
  choiceCount: number,
): ChoiceDistribution {
  const after = [...before]
  for (const [k, value] of values.entries()) {
    if (Number.isNaN(value)) continue
    const step = LEARNING_RATE * weights[k]!
    for (let c = 0; c < after.length; c += 1) after[c]! += step * ((c === value ? 1 : 0) - before[c]!)
  }
  const possible = prior.filter((probability) => probability > 0).length
  const least = LEAST_SHARE / (choiceCount * Math.max(1, possible - 1) * values.length)
  const raised = after.map((probability, c) =>
    prior[c]! > 0 ? Math.max(probability, Math.min(least, 1 / possible)) : 0,
  )
  const total = raised.reduce((sum, probability) => sum + probability, 0)
  return raised.map((probability) => probability / total)
}
