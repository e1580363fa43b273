import { nonDominatedRanks } from '@sweep/search/pareto/non-dominated'
import type { Metric } from '@sweep/spec/document/sweep-document'
import { type Aims, objectivesOf, type Values } from '@sweep/spec/objectives'
import type { TrialState } from '@sweep/spec/trial'
import { lossOf } from '@sweep/store/loss'
import { valuesOf } from '@sweep/store/side-values'
import type { TrialStanding } from '@sweep/store/standings'

/** Where a trial stands among those of its sweep: compared part by part, the lower the better. */
export interface Place {
  readonly number: number
  readonly state: TrialState
  readonly standing: Standing
  /** Non-dominated rank among the trials of the same standing, 0 for its front; 0 where none is counted. */
  readonly front: number
  /** Of the first objective. */
  readonly loss: number | null
}

/**
 * 0: has ended with a value of every objective and keeps to the constraints. 1: keeps to them, but may still change, was
 * called off, or lacks a value. 2: breaks a constraint. 3: has no value of the first objective.
 */
type Standing = 0 | 1 | 2 | 3

/** The trials of a sweep with several objectives, from best to worst. */
export function orderByObjectives(trials: readonly TrialStanding[], aims: Aims): readonly Place[] {
  const objectives = objectivesOf(aims)
  const judged = trials.map((trial) => {
    const losses = lossesOf(objectives, valuesOf(aims, trial.value, trial.sideValues) ?? {})
    return { trial, losses, standing: standingOf(trial, losses) }
  })
  const places = ([0, 1, 2, 3] as const).flatMap((standing) => {
    const peers = judged.filter((one) => one.standing === standing)
    const isRanked = standing === 0 || standing === 2
    const ranks = isRanked ? nonDominatedRanks(peers.map(({ losses }) => losses)) : []
    return peers.map(({ trial }, i): Place => {
      const { number, state, loss } = trial
      return { number, state, standing, front: ranks[i] ?? 0, loss }
    })
  })
  return places.sort(comparePlaces)
}

/** Ties go to the lower trial number. */
export function comparePlaces(a: Omit<Place, 'state'>, b: Omit<Place, 'state'>): number {
  return a.standing - b.standing || a.front - b.front || compareLosses(a.loss, b.loss) || a.number - b.number
}

/** Whether a trial is on the Pareto front: none that has ended and keeps to the constraints dominates it. */
export function isOnFront({ standing, front }: Place): boolean {
  return standing === 0 && front === 0
}

/** NaN where there is no finite value. */
function lossesOf(objectives: readonly Metric[], values: Values): number[] {
  return objectives.map(({ name, goal }) => lossOf(goal, values[name] ?? null) ?? Number.NaN)
}

function standingOf({ state, loss, isInfeasible }: TrialStanding, losses: readonly number[]): Standing {
  if (loss === null) return 3
  if (isInfeasible) return 2
  return (state === 'completed' || state === 'pruned') && losses.every(Number.isFinite) ? 0 : 1
}

function compareLosses(a: number | null, b: number | null): number {
  return a === null || b === null ? 0 : a - b
}
