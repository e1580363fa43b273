import type { Metric, Patience } from '@sweep/spec/document/sweep-document'
import type { FactOf, Verdict } from '@sweep/spec/facts'
import { fromLoss, inWords, lossInWords, toLoss } from '../loss.ts'
import { find, insert, type Tree } from '../persistent/tree.ts'
import { reportPruner } from '../report-pruner.ts'
import { emptyHistory, keptLength, type TrialHistory, withReport } from '../trial-history.ts'

interface PatientTrial {
  readonly history: TrialHistory
  /** The loss that is to be improved on; Infinity until a report was finite. */
  readonly reference: number
  /** The resource at which that was reported, of the first report while none was finite. */
  readonly since: number
}

interface PatienceMemory {
  readonly settings: Patience
  readonly metric: Metric
  readonly trials: Tree<PatientTrial>
}

/**
 * Stops a trial that has not improved for a while, whatever other trials do, as the EarlyStopping callback of Keras does:
 * a value counts as an improvement when it is better than the last improvement by more than `minDelta`, so a creep in
 * steps smaller than that adds up until it counts.
 *
 * - Optuna's PatientPruner differs: it compares the best of the last reports with the best before them, and there
 *   `min_delta` is how much worse they may be, so it never stops a constant curve.
 * - A report that is not finite improves nothing.
 * - The wait goes on below `grace`, where nothing is pruned.
 * - A retried trial keeps what came before the step it took up at; from there on the newest attempt replaces the older.
 */
export const patience = reportPruner<PatienceMemory, Patience>({
  name: 'patience',

  init: (settings, metric) => ({ settings, metric, trials: undefined }),

  remember(memory, fact) {
    if (fact.kind !== 'report') return memory
    const before = find(memory.trials, fact.trial) ?? noReports
    if (fact.attempt < before.history.attempt) return memory
    const kept = cutBack(memory, fact, before)
    const trial = added(memory, kept, fact.attempt, fact.step, toLoss(fact.value, memory.metric))
    return { ...memory, trials: insert(memory.trials, fact.trial, 0, trial) }
  },

  judge({ settings, metric, trials }, fact): Verdict | undefined {
    const { history, reference, since } = find(trials, fact.trial)!
    const resource = resourceOf(settings, history)
    const waited = resource - since
    if (resource < settings.grace || waited < settings.patience) return undefined
    const unit = settings.resource === 'step' ? 'step' : 'report'
    const margin = settings.minDelta === 0 ? '' : ` by more than ${inWords(settings.minDelta)}`
    const what = Number.isFinite(reference)
      ? `${lossInWords(reference, metric)} of ${unit} ${since} was not improved on${margin}`
      : 'no value was a finite number'
    return {
      reason: `${what} in the ${waited} ${unit}${waited === 1 ? '' : 's'} up to ${unit} ${resource}`,
      resource,
      value: fromLoss(toLoss(fact.value, metric), metric),
      threshold: fromLoss(reference, metric),
      peers: 0,
    }
  },
})

const noReports: PatientTrial = { history: emptyHistory, reference: Number.POSITIVE_INFINITY, since: 0 }

function added(
  { settings }: PatienceMemory,
  trial: PatientTrial,
  attempt: number,
  step: number,
  loss: number,
): PatientTrial {
  const history = withReport(trial.history, attempt, step, loss)
  const improves = history.length === 1 || loss < trial.reference - settings.minDelta
  return improves ? { history, reference: loss, since: resourceOf(settings, history) } : { ...trial, history }
}

function resourceOf({ resource }: Patience, { steps, length }: TrialHistory): number {
  return resource === 'step' ? steps[length - 1]! : length
}

/** Takes back what older attempts reported at or past the step at which a newer one took up. */
function cutBack(memory: PatienceMemory, fact: FactOf<'report'>, trial: PatientTrial): PatientTrial {
  const { history } = trial
  const length = keptLength(history, fact.attempt, fact.step)
  if (length === history.length) return trial
  let kept = noReports
  for (let entry = 0; entry < length; entry += 1)
    kept = added(memory, kept, history.attempt, history.steps[entry]!, history.losses[entry]!)
  return kept
}
