import type { ParameterImportance } from './importance.ts'

/** Below it the ranks of the important parameters are often wrong, see docs/analysis/importance.md. */
const LEAST_R2 = 0.5
const LEAST_TRIALS = 30

interface Evidence {
  readonly trials: number
  /** Whether all losses are the same. */
  readonly isFlat: boolean
  readonly parameters: readonly ParameterImportance[]
  readonly r2: number | null
}

/** Why the figures should not be trusted. */
export function doubtsAbout({ trials, isFlat, parameters, r2 }: Evidence): string[] {
  if (trials === 0) return ['No trial has a value that can be compared.']
  if (isFlat) return [`All ${trials} trials have the same value, so no parameter can be told to matter.`]
  const doubts: string[] = []
  if (trials < LEAST_TRIALS)
    doubts.push(`Only ${trials} trials can be compared; ${LEAST_TRIALS} are the least to go by.`)
  if (r2 !== null && r2 < LEAST_R2) {
    doubts.push(
      `The model explains ${inPercent(r2)} of the variance of trials it has not seen; below ${inPercent(LEAST_R2)} the ranks are often wrong.`,
    )
  }
  for (const one of parameters) {
    if (one.trials === trials) continue
    if (one.trials < LEAST_TRIALS) doubts.push(`${one.name} was active in only ${one.trials} of the ${trials} trials.`)
    else if (one.r2 !== null && one.r2 < LEAST_R2)
      doubts.push(`${one.name}: where it is active, the model explains ${inPercent(one.r2)} of the variance.`)
  }
  return doubts
}

function inPercent(share: number): string {
  return `${Math.max(0, Math.round(100 * share))} %`
}
