import { configHash } from '@sweep/spec/config-hash'
import type { Config, Parameter, SearchSpace } from '@sweep/spec/search-space'
import { type KeySet, noKeys } from '../persistent/key-set.ts'
import type { Rng } from '../rng.ts'
import { sampleConfig } from '../sample.ts'
import type { Sampler, Suggestion } from '../sampler.ts'
import { parentsFirst } from '../space/conditions.ts'
import { drawnDomain } from '../space/domain.ts'
import { createLattice, type Lattice } from '../space/lattice.ts'

export interface RandomState {
  readonly ordered: readonly Parameter[]
  /** Present when the space has finitely many configs. */
  readonly lattice: Lattice | undefined
  readonly nextDraw: number
  readonly issued: KeySet
  /** How many of the issued configs are points of the lattice; what people enqueue may lie outside. */
  readonly inside: number
}

/** Draws that may repeat a config before a finite space is walked instead. */
const TRIES = 64

/** Where values can't be counted but few of them are likely (a normal of small sigma in steps), after so many it is over. */
const TRIES_WITHOUT_LATTICE = 1000

/**
 * Independent draws without repeats (Bergstra and Bengio 2012). Once repeats become likely in a finite space, the next
 * config that was not issued is taken from a random place on, so that the last one is found as surely as the first.
 */
export const randomSampler: Sampler<RandomState> = {
  name: 'random',

  init: (space) => ({
    ordered: parentsFirst(space),
    lattice: latticeOf(space),
    nextDraw: 0,
    issued: noKeys,
    inside: 0,
  }),

  tell(state, fact) {
    if (fact.kind !== 'trial-created') return state
    const nextDraw = fact.source === 'sampler' ? Math.max(state.nextDraw, (fact.draw ?? 0) + 1) : state.nextDraw
    const issued = state.issued.withKey(configHash(fact.config))
    const isNew = issued !== state.issued && state.lattice?.pointOf(fact.config) !== undefined
    return { ...state, nextDraw, issued, inside: state.inside + (isNew ? 1 : 0) }
  },

  ask(state, count, rngAt) {
    const suggestions: Suggestion[] = []
    const fresh = new Set<string>()
    while (suggestions.length < count) {
      const draw = state.nextDraw + suggestions.length
      const left =
        state.lattice === undefined ? Number.POSITIVE_INFINITY : state.lattice.size - state.inside - fresh.size
      if (left <= 0) break
      const isIssued = (config: Config) => {
        const hash = configHash(config)
        return state.issued.has(hash) || fresh.has(hash)
      }
      const config = newConfig(state, rngAt(draw), isIssued)
      if (config === undefined) break
      fresh.add(configHash(config))
      suggestions.push({ config, reason: 'drawn at random', draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

function newConfig(
  { ordered, lattice }: RandomState,
  rng: Rng,
  isIssued: (config: Config) => boolean,
): Config | undefined {
  const tries = lattice === undefined ? TRIES_WITHOUT_LATTICE : TRIES
  for (let i = 0; i < tries; i += 1) {
    const config = sampleConfig(ordered, rng)
    if (!isIssued(config)) return config
  }
  return lattice && nextUnissued(lattice, rng, isIssued)
}

/** Goes around the lattice once from a random point. */
function nextUnissued(lattice: Lattice, rng: Rng, isIssued: (config: Config) => boolean): Config | undefined {
  const start = lattice.settle(lattice.sizes.map((size) => rng.int(0, size - 1)))
  let point = start
  do {
    const config = lattice.config(point)
    if (!isIssued(config)) return config
    point = lattice.next(point) ?? lattice.first
  } while (point.some((index, position) => index !== start[position]))
  return undefined
}

function latticeOf(space: SearchSpace): Lattice | undefined {
  const domains = new Map(space.parameters.map((parameter) => [parameter, drawnDomain(parameter)]))
  for (const domain of domains.values()) if (domain === undefined) return undefined
  return createLattice(space, (parameter) => domains.get(parameter)!)
}
