import type { SearchSpace } from '@sweep/spec/search-space'

/** The methods that `auto` picks from. */
export type Picked = 'tpe' | 'gp' | 'cmaes' | 'evolution' | 'nsga2'

/** What of a sweep decides which method suits it. */
export interface Situation {
  readonly objectives: number
  /** Parameters that have more than one value: those with numbers in order, and those with unordered choices. */
  readonly numbers: number
  readonly choices: number
  /** Parameters that exist only under a condition. */
  readonly conditional: number
  /** An `early_terminate` that compares trials at levels of their training. */
  readonly stopsEarly: boolean
  /** Priors or results of earlier sweeps are there to begin from. */
  readonly hasBeliefs: boolean
  /** Trials that have ended with something to learn from. */
  readonly ended: number
}

export interface Pick {
  /** One, or several that take turns. */
  readonly methods: readonly Picked[]
  readonly why: string
}

/** With trials that are stopped early beliefs are followed for so many; from then on the trials themselves tell more. */
const BELIEVED_TRIALS = 16
/** A Gaussian process gains little from further trials after so many, and its cost grows. */
const MODELLED_TRIALS = 300

/** With several objectives the front is known well enough after so many; from then on children of it are better still. */
const MODELLED_FOR_SEVERAL = 100

/** Which methods propose the next configs, and why, in words for the facts. */
export function chooseMethod(situation: Situation): Pick {
  const { objectives, numbers, choices, conditional, stopsEarly, hasBeliefs, ended } = situation
  if (objectives > 1) return pickForSeveral(objectives, ended)
  if (stopsEarly && hasBeliefs && ended < BELIEVED_TRIALS) {
    return { methods: ['tpe'], why: `it begins from priors and past results for ${BELIEVED_TRIALS} trials` }
  }
  if (stopsEarly) {
    const why = 'most trials are stopped early, so there are many, and only their order counts'
    // cmaes is far ahead where good configs lie in the middle and far behind where not; both learn from all trials.
    return numbers > 0
      ? { methods: ['evolution', 'cmaes'], why: `${why}; evolution and cmaes take turns` }
      : { methods: ['evolution'], why }
  }
  if (ended < MODELLED_TRIALS) {
    return { methods: ['gp'], why: `up to ${MODELLED_TRIALS} trials a Gaussian process learns most from each` }
  }
  const many = `over ${MODELLED_TRIALS} trials have ended`
  if (choices === 0 && conditional === 0) return { methods: ['cmaes'], why: `${many}, and all parameters are numbers` }
  return { methods: ['evolution'], why: `${many}, over ${numbers} numbers and ${choices} choices` }
}

/** Both learn from several objectives, and a model learns more from each of few trials. */
function pickForSeveral(objectives: number, ended: number): Pick {
  if (ended < MODELLED_FOR_SEVERAL) {
    return {
      methods: ['tpe'],
      why: `${objectives} objectives, and up to ${MODELLED_FOR_SEVERAL} trials a model learns most from each`,
    }
  }
  return { methods: ['nsga2'], why: `${objectives} objectives, and over ${MODELLED_FOR_SEVERAL} trials have ended` }
}

export function conditionalCount({ parameters }: SearchSpace): number {
  return parameters.filter(({ when, type }) => when !== undefined && type !== 'constant').length
}
