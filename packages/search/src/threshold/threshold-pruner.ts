import type { Threshold } from '@sweep/spec/document/sweep-document'
import type { FactOf, Verdict } from '@sweep/spec/facts'
import { inWords } from '../loss.ts'
import { reportPruner } from '../report-pruner.ts'

/**
 * Stops a trial whose last value is outside fixed bounds, or no finite number, whatever other trials do; after Optuna's
 * ThresholdPruner. The bounds are in the metric's own unit, whichever way is better, and a value on a bound is inside.
 *
 * Reports, where the grace is in reports, are counted from the start of the attempt: a retried one warms up again.
 */
export const threshold = reportPruner<Threshold, Threshold>({
  name: 'threshold',
  init: (settings) => settings,
  remember: (settings) => settings,
  judge,
})

function judge(
  { lower, upper, nonFinite, grace, resource: counted }: Threshold,
  { step, ordinal, value }: FactOf<'report'>,
): Verdict | undefined {
  const resource = counted === 'step' ? step : ordinal
  if (resource < grace) return undefined
  const where = `at ${counted === 'step' ? 'step' : 'report'} ${resource}`
  const verdict = (what: string, bound?: number) => ({
    reason: `${inWords(value)} ${what} ${where}`,
    resource,
    value,
    ...(bound === undefined ? {} : { threshold: bound }),
    peers: 0,
  })
  if (nonFinite && !Number.isFinite(value)) return verdict('is not a finite number')
  if (upper !== undefined && value > upper) return verdict(`is above the upper bound ${inWords(upper)}`, upper)
  if (lower !== undefined && value < lower) return verdict(`is below the lower bound ${inWords(lower)}`, lower)
  return undefined
}
