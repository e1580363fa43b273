import type { HealthSeries, Rule } from './rule.ts'

/**
 * The newest value of a loss or of the objective is NaN or infinite. One that was, and is finite again, is none: a skipped
 * batch of mixed precision looks like that.
 */
export const nanRule: Rule = {
  name: 'nan',
  judge({ series }) {
    return series
      .filter(({ role, values }) => isJudged(role) && values.length > 0 && !Number.isFinite(values.at(-1)))
      .map(({ name, steps, values }) => {
        const lastFinite = values.findLastIndex(Number.isFinite)
        const value = values.at(-1) ?? Number.NaN
        const step = steps.at(-1) ?? 0
        const since = steps[lastFinite + 1] ?? step
        const before = values[lastFinite]
        return {
          metric: name,
          severity: 'error',
          message: `${name} is ${value} since step ${since}`,
          advice:
            'Lower the learning rate or warm it up, clip gradients, and look for a log, square root or division of 0; under ' +
            'mixed precision check the loss scale. Then look at the inputs of that step.',
          step,
          since,
          evidence: { value, ...(before === undefined ? {} : { lastFinite: before }) },
        }
      })
  },
}

function isJudged(role: HealthSeries['role']): boolean {
  return role.isObjective || role.kind === 'loss'
}
