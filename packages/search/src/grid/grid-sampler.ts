import { configHash } from '@sweep/spec/config-hash'
import { type KeySet, noKeys } from '../persistent/key-set.ts'
import type { Sampler, Suggestion } from '../sampler.ts'
import { gridDomain } from '../space/domain.ts'
import { createLattice, type Lattice, type Point } from '../space/lattice.ts'

export interface GridState {
  readonly lattice: Lattice
  readonly nextDraw: number
  /** The last point that was issued, undefined before the first. */
  readonly last: Point | undefined
  /** Configs that people enqueued: they are not issued again. */
  readonly enqueued: KeySet
}

/**
 * Every combination once, in W&B's order: parameters by name, the last name fastest (wandb/sweeps, grid_search.py).
 * It keeps the last point issued and what people enqueued, and nothing else, whatever the size of the grid.
 */
export const gridSampler: Sampler<GridState> = {
  name: 'grid',

  init: (space) => ({ lattice: createLattice(space, gridDomain), nextDraw: 0, last: undefined, enqueued: noKeys }),

  tell(state, fact) {
    if (fact.kind !== 'trial-created') return state
    if (fact.source === 'user') return { ...state, enqueued: state.enqueued.withKey(configHash(fact.config)) }
    const point = state.lattice.pointOf(fact.config)
    const last = point !== undefined && isAfter(point, state.last) ? point : state.last
    return { ...state, last, nextDraw: Math.max(state.nextDraw, (fact.draw ?? 0) + 1) }
  },

  ask({ lattice, nextDraw, last, enqueued }, count) {
    const suggestions: Suggestion[] = []
    let point = last === undefined ? lattice.first : lattice.next(last)
    for (; point !== undefined && suggestions.length < count; point = lattice.next(point)) {
      const config = lattice.config(point)
      if (enqueued.size > 0 && enqueued.has(configHash(config))) continue
      const draw = nextDraw + suggestions.length
      suggestions.push({ config, reason: `config ${draw + 1} of a grid of ${lattice.size}`, draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

function isAfter(point: Point, other: Point | undefined): boolean {
  if (other === undefined) return true
  const differs = point.findIndex((index, position) => index !== other[position])
  return differs >= 0 && point[differs]! > other[differs]!
}
