import { EarlyTerminate, METHODS, SweepDocument } from '@sweep/spec/document/sweep-document'
import type { z } from 'zod'
import type { FidelityTask } from './fidelity-task.ts'
import { REDUCTION_FACTOR, rungsOf } from './protocol.ts'

/** A sampler and what stops its trials early. */
export interface Combination {
  /** As the baselines are called: `tpe+asha`, `random+none`. */
  readonly label: string
  readonly method: SweepDocument['method']
  readonly pruner: PrunerName
}

interface Rungs {
  readonly minResource: number
  readonly maxResource: number
  readonly reductionFactor: number
}

/** The ways to stop early that need to know nothing of the task, set as the baselines' pruners were. */
const PRUNERS = {
  none: () => undefined,
  asha: (rungs: Rungs) => ({ type: 'asha', ...rungs }),
  'promoting-asha': (rungs: Rungs) => ({ type: 'asha', mode: 'promote', ...rungs }),
  'sync-hyperband': (rungs: Rungs) => ({ type: 'sync-hyperband', ...rungs }),
  median: () => ({ type: 'median' }),
  extrapolate: ({ maxResource }: Rungs) => ({ type: 'extrapolate', maxResource }),
  percentile: () => ({ type: 'percentile' }),
  // Bands of W&B's hyperband count values, and there is one a rung.
  hyperband: ({ reductionFactor }: Rungs) => ({ type: 'hyperband', minIter: 1, eta: reductionFactor }),
} as const satisfies Record<string, (rungs: Rungs) => z.input<typeof EarlyTerminate> | undefined>
type PrunerName = keyof typeof PRUNERS
const PRUNER_NAMES = Object.keys(PRUNERS) as readonly PrunerName[]

/** All there are: a grid has no place for spaces like these. */
export const COMBINATIONS: readonly Combination[] = METHODS.filter((method) => method !== 'grid').flatMap((method) =>
  PRUNER_NAMES.map((pruner) => ({ label: `${method}+${pruner}`, method, pruner })),
)

export function combinationOf(label: string): Combination {
  const found = COMBINATIONS.find((combination) => combination.label === label)
  if (found === undefined) throw new Error(`${label} is no combination of a sampler and a pruner`)
  return found
}

/** The sweep document of a combination on a task. */
export function documentOf(
  { method, pruner }: Combination,
  task: FidelityTask,
  seed: number,
  budget: SweepDocument['budget'],
): SweepDocument {
  const { maxResource } = task
  const rungs = { minResource: rungsOf(maxResource)[0]!, maxResource, reductionFactor: REDUCTION_FACTOR }
  const earlyTerminate = PRUNERS[pruner](rungs)
  return SweepDocument.parse({
    method,
    seed,
    command: ['none'],
    metric: { name: 'value', goal: 'minimize' },
    space: task.space,
    budget,
    ...(earlyTerminate && { earlyTerminate: EarlyTerminate.parse(earlyTerminate) }),
  })
}
