import type { Json } from '@sweep/spec/number'
import type { Config, Parameter, SearchSpace } from '@sweep/spec/search-space'
import { isActive, parentsFirst } from './conditions.ts'
import type { Domain } from './domain.ts'
import { latticeSize } from './lattice-size.ts'

/** One index a parameter, in the order of the names; the index of an inactive parameter is 0. */
export type Point = readonly number[]

/**
 * All the configs of a space with finitely many, as an odometer: parameters by name, the last one turning fastest. Only
 * the current point is ever in memory. Combinations that differ in inactive parameters alone are one point.
 */
export interface Lattice {
  /** How many points there are; past 2^53 as near as a double comes. */
  readonly size: number
  readonly first: Point
  /** The point that follows, or undefined after the last. */
  next(point: Point): Point | undefined
  config(point: Point): Config
  /** Undefined when the config is not in the space. */
  pointOf(config: Config): Point | undefined
  /** A point from arbitrary indices: those of inactive parameters become 0. */
  settle(indices: readonly number[]): Point
  readonly sizes: readonly number[]
}

/** A condition: the indices at which the parent at `position` lets its child take part. */
export interface Gate {
  readonly position: number
  readonly allowed: ReadonlySet<number>
  readonly ascending: readonly number[]
}

export function createLattice(space: SearchSpace, domainOf: (parameter: Parameter) => Domain): Lattice {
  const parameters = [...space.parameters].sort((a, b) => (a.name < b.name ? -1 : 1))
  const domains = parameters.map(domainOf)
  const sizes = domains.map((domain) => domain.size)
  const positionOf = new Map(parameters.map((parameter, position) => [parameter.name, position]))
  const order = parentsFirst(space).map((parameter) => positionOf.get(parameter.name)!)
  const gates = parameters.map((parameter) =>
    Object.entries(parameter.when ?? {}).map(([parent, values]) => gateOf(positionOf.get(parent)!, domains, values)),
  )
  const conditional = order.filter((position) => gates[position]!.length > 0)

  function activity(point: Point): boolean[] {
    const active = new Array<boolean>(point.length).fill(true)
    for (const position of conditional) {
      active[position] = gates[position]!.every(
        (gate) => active[gate.position] && gate.allowed.has(point[gate.position]!),
      )
    }
    return active
  }

  /** The nearest gate that keeps the parameter at `position` out, following parents that are inactive themselves. */
  function closedGate(position: number, point: Point, active: readonly boolean[]): Gate | undefined {
    let nearest: Gate | undefined
    for (const gate of gates[position]!) {
      const open = gate.allowed.has(point[gate.position]!)
      if (open && active[gate.position]) continue
      const closed = open ? closedGate(gate.position, point, active) : gate
      if (closed !== undefined && (nearest === undefined || closed.position < nearest.position)) nearest = closed
    }
    return nearest
  }

  /**
   * Where to go on from indices that are no point, because an inactive parameter is not at 0: past everything that has
   * the same fault, so that a long run of such combinations is one step.
   */
  function skipFault(indices: Point): Point | undefined | 'sound' {
    const active = activity(indices)
    let best: { at: number; gate: Gate } | undefined
    for (const position of conditional) {
      if (active[position] || indices[position] === 0) continue
      const gate = closedGate(position, indices, active)!
      const at = Math.max(position, gate.position)
      if (best === undefined || at < best.at) best = { at, gate }
    }
    if (best === undefined) return 'sound'
    const { at, gate } = best
    if (at > gate.position) return turn(indices, at - 1)
    const opening = gate.ascending.find((index) => index > indices[at]!)
    return opening === undefined
      ? turn(indices, at - 1)
      : [...indices.slice(0, at), opening, ...zeros(indices.length - at - 1)]
  }

  /** One more at `position`, carrying to the left, with everything to the right back at 0. */
  function turn(indices: Point, position: number): Point | undefined {
    for (let p = position; p >= 0; p -= 1) {
      if (indices[p]! + 1 < sizes[p]!)
        return [...indices.slice(0, p), indices[p]! + 1, ...zeros(indices.length - p - 1)]
    }
    return undefined
  }

  function next(point: Point): Point | undefined {
    let indices = turn(point, point.length - 1)
    while (conditional.length > 0 && indices !== undefined) {
      const after = skipFault(indices)
      if (after === 'sound') return indices
      indices = after
    }
    return indices
  }

  function config(point: Point): Config {
    const active = activity(point)
    const entries = parameters.flatMap(({ name }, position) =>
      active[position] ? [[name, domains[position]!.at(point[position]!)] as const] : [],
    )
    return Object.fromEntries(entries)
  }

  function pointOf(config: Config): Point | undefined {
    const point = zeros(parameters.length)
    let known = 0
    for (const [position, parameter] of parameters.entries()) {
      const present = Object.hasOwn(config, parameter.name)
      if (present !== isActive(parameter, config)) return undefined
      if (!present) continue
      known += 1
      point[position] = domains[position]!.indexOf(config[parameter.name]!)
      if (point[position] < 0) return undefined
    }
    return known === Object.keys(config).length ? point : undefined
  }

  function settle(indices: readonly number[]): Point {
    const point = [...indices]
    for (const position of conditional) if (!activity(point)[position]) point[position] = 0
    return point
  }

  return { size: latticeSize(sizes, gates, order), first: zeros(sizes.length), next, config, pointOf, settle, sizes }
}

function gateOf(position: number, domains: readonly Domain[], values: readonly Json[]): Gate {
  const indices = values.map((value) => domains[position]!.indexOf(value)).filter((index) => index >= 0)
  const allowed = new Set(indices)
  return { position, allowed, ascending: [...allowed].sort((a, b) => a - b) }
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0)
}
