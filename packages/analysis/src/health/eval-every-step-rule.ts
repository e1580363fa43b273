import type { HealthSeries, Rule } from './rule.ts'

const LEAST_SHARED = 30
/** Share of the training's steps that the evaluation has a value at. */
const SAME_STEPS = 0.95
/** Share of neighbours that are the same number. */
const REPEATED = 0.6
const CHANGING = 0.1
const STEPS_AN_EPOCH = 10

/**
 * An evaluation is logged as often as the training's steps are: either its last value is repeated with every step, or the
 * whole evaluation runs in every step. What counts values (patience, rungs by `reports`) then counts steps. Once an epoch
 * for both is fine.
 */
export const evalEveryStepRule: Rule = {
  name: 'eval_every_step',
  judge({ series }) {
    const training = series.find(({ role }) => role.kind === 'loss' && role.split !== 'eval')
    if (training === undefined) return []
    const epochs = series.find(({ role }) => role.kind === 'epoch')
    return series.flatMap((one) => {
      if (one.role.kind !== 'loss' || one.role.split !== 'eval') return []
      const trained = new Set(training.steps)
      const shared = one.steps.filter((step) => trained.has(step)).length
      if (shared < LEAST_SHARED || shared < SAME_STEPS * training.steps.length) return []
      const repeated = sameAsBefore(one.values)
      const isStale = repeated >= REPEATED && sameAsBefore(training.values) <= CHANGING
      const anEpoch = epochs === undefined ? 0 : stepsAnEpoch(epochs)
      if (!isStale && anEpoch < STEPS_AN_EPOCH) return []
      return [
        {
          metric: one.name,
          severity: 'warning',
          message: isStale
            ? `${one.name} is logged at every step of the training, ${Math.round(100 * repeated)} % of the time with the value of the step before`
            : `${one.name} is evaluated at every step of the training, ${Math.round(anEpoch)} times an epoch`,
          advice: isStale
            ? 'Log the evaluation only when it was made; what counts reports, such as patience, counts every repeat.'
            : 'Evaluate once an epoch or every few hundred steps: most of the time goes into evaluations.',
          step: one.steps.at(-1) ?? null,
          since: one.steps[0] ?? null,
          evidence: { shared, repeated, ...(anEpoch === 0 ? {} : { stepsAnEpoch: anEpoch }) },
        },
      ]
    })
  },
}

function sameAsBefore(values: readonly number[]): number {
  const same = values.filter((value, index) => index > 0 && value === values[index - 1]).length
  return values.length < 2 ? 0 : same / (values.length - 1)
}

function stepsAnEpoch({ values, steps }: HealthSeries): number {
  const epochs = (values.at(-1) ?? 0) - (values[0] ?? 0)
  const passed = (steps.at(-1) ?? 0) - (steps[0] ?? 0)
  return epochs > 0 && Number.isFinite(epochs) ? passed / epochs : 0
}
