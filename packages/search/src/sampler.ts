import type { Constraint, Metric, PastResult } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config, SearchSpace } from '@sweep/spec/search-space'
import type { Levels } from './observations/levels.ts'
import { type Rng, rngFor } from './rng.ts'

export interface SamplerSettings {
  /** What `metric.goal` says; samplers turn values into losses with it, so that lower is better inside. */
  readonly goal: 'minimize' | 'maximize'
  /** All objectives, that of `goal` first; undefined when there is one or none. */
  readonly objectives?: readonly Metric[] | undefined
  /** What a trial's values must satisfy; undefined when there is nothing. */
  readonly constraints?: readonly Constraint[] | undefined
  /** Where trials that are stopped early can be compared; undefined when none is. */
  readonly levels?: Levels | undefined
  /** What was tried before the sweep, in no order; samplers that don't learn ignore it. */
  readonly past?: readonly PastResult[]
}

/** One proposed config, with why it was proposed and its index among the sampler's own suggestions. */
export interface Suggestion {
  readonly config: Config
  readonly reason: string
  readonly draw: number
  /** The trial whose checkpoint the new one goes on from; absent for one that starts from nothing. */
  readonly parent?: number
  /** Where each config is run with several seeds: how many trials have it before this one. */
  readonly replicate?: number
}

export interface Asked {
  readonly suggestions: readonly Suggestion[]
  /** No further config exists after these: the space is used up. */
  readonly exhausted: boolean
}

/** The generator of the suggestion with this index. */
export type RngAt = (draw: number) => Rng

/**
 * Proposes configs. Pure: no I/O, no clock, no randomness but what is passed in.
 *
 * The next draw is one past the highest `draw` among the folded `trial-created` facts. A suggestion is a function of the
 * facts folded, the seed and its draw alone, so `ask(state, 3)` starts with what `ask(state, 2)` gives. Whoever asks must
 * fold what it created before it asks again, or the same draws come a second time.
 */
export interface Sampler<State> {
  readonly name: string
  init(space: SearchSpace, settings: SamplerSettings): State
  /** Folds one fact into the state and returns the new state; the old one still stands. */
  tell(state: State, fact: FactBody): State
  /** How many suggestions there can be before further facts; left out where that depends on the space alone. */
  places?(state: State): number
  /** Up to `count` suggestions, fewer when the space is used up or there are no more places. Never changes `state`. */
  ask(state: State, count: number, rngAt: RngAt): Asked
}

/** A sampler with its state, whatever type that has; `tell` returns the next one and this one still stands. */
export interface SamplerRun {
  readonly name: string
  tell(fact: FactBody): SamplerRun
  readonly places: number
  ask(count: number): Asked
}

export function startSampler<State>(
  sampler: Sampler<State>,
  space: SearchSpace,
  seed: number,
  settings: SamplerSettings,
): SamplerRun {
  const rngAt: RngAt = (draw) => rngFor(seed, draw, sampler.name)
  const at = (state: State): SamplerRun => {
    const run: SamplerRun = {
      name: sampler.name,
      tell: (fact) => {
        const next = sampler.tell(state, fact)
        return next === state ? run : at(next)
      },
      places: sampler.places?.(state) ?? Number.POSITIVE_INFINITY,
      ask: (count) => sampler.ask(state, count, rngAt),
    }
    return run
  }
  return at(sampler.init(space, settings))
}
