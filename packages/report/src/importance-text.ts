import type { Importance } from '@sweep/analysis/importance/importance'
import type { Objective } from './chart/effect-charts.ts'
import type { Bar } from './chart/progress-charts.ts'
import { shortText } from './markup.ts'
import { percentText } from './numbers.ts'

const MOST_BARS = 15
const BAR_NAME = 17
const LEAST_PAIR = 0.02
const MOST_PAIRS = 3

export function importanceBars({ parameters }: Importance): Bar[] {
  const judged = parameters.filter((one) => one.trials > 0)
  return judged.slice(0, MOST_BARS).map(({ name, importance, low, high }) => ({
    name: shortText(name, BAR_NAME),
    value: importance,
    text: percentText(importance),
    low,
    high,
  }))
}

/** The trials that were compared: values at different resources are not. */
export function comparedText({ trials, level }: Importance): string {
  return level === 'full' ? `${trials} full trainings` : `${trials} trials that were stopped at ${level}`
}

/** What was compared, and how well the model knows it. */
export function importanceSummary(importance: Importance, { name }: Objective): string {
  const { r2, leftOut } = importance
  const model = r2 === null ? '' : `; the model explains ${percentText(Math.max(0, r2))} of trials it has not seen (R2)`
  const reasons = [
    ...(leftOut.failed > 0 ? [`${leftOut.failed} failed or without a finite value`] : []),
    ...(leftOut.unfinished > 0 ? [`${leftOut.unfinished} unfinished`] : []),
    ...(leftOut.otherResource > 0 ? [`${leftOut.otherResource} stopped elsewhere`] : []),
    ...(leftOut.foreign > 0 ? [`${leftOut.foreign} with values outside the space`] : []),
    ...(leftOut.surplus > 0 ? [`${leftOut.surplus} beyond as many as a report looks at`] : []),
  ]
  const left = reasons.length === 0 ? '' : ` Left out: ${reasons.join(', ')}.`
  return `fANOVA of ${name} over ${comparedText(importance)}${model}.${left}`
}

export function doubtTexts({ doubts }: Importance): readonly string[] {
  return doubts
}

export function pairTexts({ interactions }: Importance): string[] {
  return interactions
    .filter(({ importance }) => importance >= LEAST_PAIR)
    .slice(0, MOST_PAIRS)
    .map(
      ({ names: [first, second], importance, low, high }) =>
        `Together, beyond what each does alone: ${first} and ${second} ${percentText(importance)} (${percentText(low)} to ${percentText(high)}).`,
    )
}
