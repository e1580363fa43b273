import { assertNever } from '@sweep/spec/assert-never'
import { type CmaesState, cmaesSampler } from '../cmaes/cmaes-sampler.ts'
import { type EvolutionState, evolutionSampler } from '../evolution/evolution-sampler.ts'
import { type GpState, gpSampler } from '../gp/gp-sampler.ts'
import { withIssued } from '../issued-configs.ts'
import { type Nsga2State, nsga2Sampler } from '../nsga2/nsga2-sampler.ts'
import { RankedTrials } from '../observations/ranked-trials.ts'
import type { Asked, RngAt, Sampler, Suggestion } from '../sampler.ts'
import { type TpeState, tpeSampler } from '../tpe/tpe-sampler.ts'
import { chooseMethod, conditionalCount, type Picked, type Situation } from './choose-method.ts'

export interface AutoState {
  readonly situation: Omit<Situation, 'ended'>
  readonly gp: GpState
  /** Its `issued` and `observations` are those of `gp`, put in when it is asked. */
  readonly tpe: TpeState
  /** There when it may be picked at some time, and then told of everything from the first trial on; `issued` as above. */
  readonly cmaes: CmaesState | undefined
  readonly evolution: EvolutionState | undefined
  /** Its `issued` and `observations` are those of `gp` too. */
  readonly nsga2: Nsga2State
}

/**
 * Picks the method that suits the space and the number of trials so far, anew for every suggestion: each one learns from
 * all trials, whoever proposed them, so changing over loses nothing.
 */
export const autoSampler: Sampler<AutoState> = {
  name: 'auto',

  init(space, settings) {
    const tpe = tpeSampler.init(space, settings)
    const situation = {
      objectives: settings.objectives?.length ?? 1,
      numbers: tpe.axes.filter(({ kind }) => kind === 'numeric').length,
      choices: tpe.axes.filter(({ kind }) => kind === 'choice').length,
      conditional: conditionalCount(space),
      stopsEarly: settings.levels !== undefined,
      hasBeliefs: tpe.beliefs.kernels.length > 0,
    }
    // With more trials only these follow the others: gp, tpe and nsga2, which share what is observed.
    const late = chooseMethod({ ...situation, ended: Number.POSITIVE_INFINITY }).methods
    return {
      situation,
      gp: gpSampler.init(space, settings),
      tpe,
      cmaes: late.includes('cmaes') ? cmaesSampler.init(space, settings) : undefined,
      evolution: late.includes('evolution') ? evolutionSampler.init(space, settings) : undefined,
      nsga2: nsga2Sampler.init(space, settings),
    }
  },

  tell(state, fact) {
    const gp = gpSampler.tell(state.gp, fact)
    const cmaes = state.cmaes && cmaesSampler.tell(state.cmaes, fact)
    const evolution = state.evolution && evolutionSampler.tell(state.evolution, fact)
    const isSame = gp === state.gp && cmaes === state.cmaes && evolution === state.evolution
    return isSame ? state : { ...state, gp, cmaes, evolution }
  },

  ask(state, count, rngAt) {
    const { methods, why } = chooseMethod({
      ...state.situation,
      ended: new RankedTrials(state.gp.observations).length,
    })
    const suggestions: Suggestion[] = []
    for (let turn = state; suggestions.length < count; turn = withProposed(turn, suggestions.at(-1)!)) {
      const method = methods[turn.gp.design.issued.nextDraw % methods.length]!
      const asked = askPicked(turn, method, methods.length === 1 ? count : 1, rngAt)
      suggestions.push(...asked.suggestions.map((one) => ({ ...one, reason: `${method}: ${one.reason} (${why})` })))
      if (asked.exhausted) break
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

/** The state in which a suggestion is issued, so that whose turn is next proposes another config. */
function withProposed(state: AutoState, { config, draw, reason }: Suggestion): AutoState {
  const { design } = state.gp
  const fact = { kind: 'trial-created', trial: draw + 1, config, source: 'sampler', basis: 0, draw, reason } as const
  return { ...state, gp: { ...state.gp, design: { ...design, issued: withIssued(design.issued, fact) } } }
}

function askPicked(state: AutoState, method: Picked, count: number, rngAt: RngAt): Asked {
  const { gp, tpe, cmaes, evolution, nsga2 } = state
  const { issued } = gp.design
  const shared = { issued, observations: gp.observations }
  switch (method) {
    case 'gp':
      return gpSampler.ask(gp, count, rngAt)
    case 'tpe':
      return tpeSampler.ask({ ...tpe, ...shared }, count, rngAt)
    case 'cmaes':
      return cmaesSampler.ask({ ...cmaes!, issued }, count, rngAt)
    case 'evolution':
      return evolutionSampler.ask({ ...evolution!, issued }, count, rngAt)
    case 'nsga2':
      return nsga2Sampler.ask({ ...nsga2, ...shared }, count, rngAt)
    default:
      return assertNever(method)
  }
}
