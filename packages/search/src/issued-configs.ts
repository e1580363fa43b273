import { configHash } from '@sweep/spec/config-hash'
import type { FactBody } from '@sweep/spec/facts'
import type { Config, Parameter, SearchSpace } from '@sweep/spec/search-space'
import { type KeySet, noKeys } from './persistent/key-set.ts'
import type { Rng } from './rng.ts'
import { sampleConfig } from './sample.ts'
import { parentsFirst } from './space/conditions.ts'
import { drawnDomain } from './space/domain.ts'
import { createLattice, type Lattice } from './space/lattice.ts'

/** What of a space has been issued, as a value: enough never to issue a config twice, and to know when none is left. */
export interface IssuedConfigs {
  readonly ordered: readonly Parameter[]
  /** Present when the space has finitely many configs. */
  readonly lattice: Lattice | undefined
  readonly nextDraw: number
  readonly keys: KeySet
  /** How many of the issued configs are points of the lattice; what people enqueue may lie outside. */
  readonly inside: number
}

/** Draws that may repeat a config before a finite space is walked instead. */
const TRIES = 64

/** Where values can't be counted but few of them are likely (a normal of small sigma in steps), after so many it is over. */
const TRIES_WITHOUT_LATTICE = 1000

export function nothingIssued(space: SearchSpace): IssuedConfigs {
  return { ordered: parentsFirst(space), lattice: latticeOf(space), nextDraw: 0, keys: noKeys, inside: 0 }
}

export function withIssued(issued: IssuedConfigs, fact: FactBody): IssuedConfigs {
  if (fact.kind !== 'trial-created') return issued
  const nextDraw = fact.source === 'sampler' ? Math.max(issued.nextDraw, (fact.draw ?? 0) + 1) : issued.nextDraw
  const keys = issued.keys.withKey(configHash(fact.config))
  const isNew = keys !== issued.keys && issued.lattice?.pointOf(fact.config) !== undefined
  return { ...issued, nextDraw, keys, inside: issued.inside + (isNew ? 1 : 0) }
}

/** One call of `ask`: what it proposes counts as issued for what it proposes next. */
export interface Proposals {
  isIssued(config: Config): boolean
  /** No config is left that was neither issued nor proposed. */
  readonly isUsedUp: boolean
  add(config: Config): void
}

export function proposalsAfter({ keys, lattice, inside }: IssuedConfigs): Proposals {
  const fresh = new Set<string>()
  return {
    isIssued: (config) => {
      const hash = configHash(config)
      return keys.has(hash) || fresh.has(hash)
    },
    get isUsedUp() {
      return lattice !== undefined && lattice.size - inside - fresh.size <= 0
    },
    add: (config) => {
      fresh.add(configHash(config))
    },
  }
}

/**
 * A config drawn at random that was not issued. Once repeats become likely in a finite space, the next one is taken from
 * a random place on, so that the last config is found as surely as the first. Undefined when there is none.
 */
export function drawUnissued(
  { ordered, lattice }: IssuedConfigs,
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
