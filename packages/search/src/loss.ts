import type { Metric } from '@sweep/spec/document/sweep-document'

/** Lower is better: negated when the goal is to maximise; NaN and both infinities are worse than every number. */
export function toLoss(value: number, { goal }: Pick<Metric, 'goal'>): number {
  if (!Number.isFinite(value)) return Number.POSITIVE_INFINITY
  return goal === 'maximize' ? -value : value
}

/** The value as it was reported; the worst loss is shown as NaN. */
export function fromLoss(loss: number, { goal }: Pick<Metric, 'goal'>): number {
  if (!Number.isFinite(loss)) return Number.NaN
  // Adding 0 turns the -0 of a negated zero into 0.
  return (goal === 'maximize' ? -loss : loss) + 0
}

/** A value in words: six digits, so that 0.1 + 0.2 reads 0.3. */
export function inWords(value: number): string {
  return String(Number(value.toPrecision(6)))
}

/** A loss in words, as the value that was reported. */
export function lossInWords(loss: number, metric: Pick<Metric, 'goal'>): string {
  return inWords(fromLoss(loss, metric))
}
