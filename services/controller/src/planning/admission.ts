import type { SweepId } from '@sweep/spec/ids'
import { Occupancy } from './occupancy.ts'
import type { SweepView, View } from './view.ts'

/** Attempts that end within this time should find the next one already queued. */
const HORIZON_SECONDS = 1.5

/**
 * How far ahead a sweep may be whose configs are as good early as late: a batch of many trials costs little more than
 * one of a single trial. A change of priorities shows once what is queued has started, so no later than this.
 */
const BATCH_SECONDS = 0.5
const LARGEST_BATCH = 64

/** Rounding of sums of fractions of attempts. */
const EPSILON = 1e-9

interface Candidate {
  readonly sweep: SweepView
  outstanding: number
  pass: number
  left: number
}

/**
 * How many trials each owned sweep may issue now.
 *
 * Configs are chosen as late as possible: attempts outstanding are what the pool can run, plus a look-ahead of what
 * should end before this controller could react (at most `max(2, capacity)`, none for trials that run for long).
 *
 * Of the sweeps that want the same room the one with the fewest outstanding attempts for its priority goes first; ties
 * go to the lower stride pass (Waldspurger and Weihl, "Stride scheduling", MIT/LCS/TM-528, 1995), then to the lower id.
 * A sweep looks ahead only within its own share, so that long trials queued ahead never sit on the slots of another.
 *
 * A sweep that shares its agents with nobody, and whose sampler doesn't learn, is further ahead when its trials are
 * short: by `BATCH_SECONDS` of the rate at which they end, and it is filled up only once half of that is left.
 */
export function admissions(view: View, mayAdmit: (sweep: SweepView) => number): Map<SweepId, number> {
  const occupancy = new Occupancy(view.agents, view.sweeps)
  const candidates: Candidate[] = []
  const batches = batchSizes(view, occupancy)
  for (const sweep of view.sweeps) {
    const wanted = sweep.own ? mayAdmit(sweep) : sweep.claimsRoom ? Number.POSITIVE_INFINITY : 0
    const left = isHalfFull(sweep, batches, occupancy) ? 0 : wanted
    candidates.push({
      sweep,
      outstanding: sweep.outstanding,
      pass: sweep.sharePass,
      left: Math.min(left, underCap(sweep)),
    })
  }
  const rates = endRates(view, occupancy)

  const admitted = new Map<SweepId, number>()
  for (;;) {
    const wanting = candidates.filter((candidate) => candidate.left > 0 && occupancy.capacity(candidate.sweep) > 0)
    const eligible = wanting.filter((candidate) => hasRoom(candidate, wanting, occupancy, rates, batches))
    const next = eligible.reduce<Candidate | undefined>(first, undefined)
    if (!next) return admitted
    next.outstanding += 1
    next.pass += 1 / next.sweep.priority
    next.left -= 1
    occupancy.add(next.sweep, 1)
    // A sweep whose last trials are still on their way takes its place in the order, or its room would go to others.
    if (next.sweep.own?.settled) admitted.set(next.sweep.id, (admitted.get(next.sweep.id) ?? 0) + 1)
  }
}

function underCap(sweep: SweepView): number {
  return sweep.parallelism === undefined ? Number.POSITIVE_INFINITY : Math.max(0, sweep.parallelism - sweep.outstanding)
}

/** Ends per second of each sweep while it has all the slots it can use. */
function endRates(view: View, occupancy: Occupancy): ReadonlyMap<SweepView, number> {
  const rates = new Map<SweepView, number>()
  for (const sweep of view.sweeps) {
    const seconds = sweep.own?.attemptSeconds
    if (seconds === undefined) continue
    const running = Math.min(sweep.outstanding, occupancy.capacity(sweep))
    rates.set(sweep, running / Math.max(seconds, 0.001))
  }
  return rates
}

/** How far ahead each sweep may be beyond the usual look-ahead. */
function batchSizes(view: View, occupancy: Occupancy): ReadonlyMap<SweepView, number> {
  const sizes = new Map<SweepView, number>()
  for (const sweep of view.sweeps) {
    if (!sweep.own || sweep.own.learns || sweep.own.attemptSeconds === undefined) continue
    const size = Math.min(LARGEST_BATCH, Math.floor(sweep.own.endsPerSecond * BATCH_SECONDS))
    if (size > Math.max(2, occupancy.capacity(sweep)) && isAlone(sweep, view, occupancy)) sizes.set(sweep, size)
  }
  return sizes
}

/** Nobody else has attempts, or may want to have some, on the agents of this sweep: the order of starts is its own affair. */
function isAlone(sweep: SweepView, view: View, occupancy: Occupancy): boolean {
  const kind = occupancy.kindOf(sweep)
  return view.sweeps.every(
    (other) =>
      other === sweep ||
      (other.outstanding === 0 && other.state !== 'running') ||
      occupancy.weight(occupancy.kindOf(other), kind) === 0,
  )
}

function isHalfFull(sweep: SweepView, batches: ReadonlyMap<SweepView, number>, occupancy: Occupancy): boolean {
  const batch = batches.get(sweep)
  return batch !== undefined && sweep.outstanding > occupancy.capacity(sweep) + batch / 2
}

function hasRoom(
  { sweep, outstanding }: Candidate,
  wanting: readonly Candidate[],
  occupancy: Occupancy,
  rates: ReadonlyMap<SweepView, number>,
  batches: ReadonlyMap<SweepView, number>,
): boolean {
  const capacity = occupancy.capacity(sweep)
  const needed = occupancy.used(sweep) + 1 - EPSILON
  if (needed <= capacity + (batches.get(sweep) ?? 0)) return true

  const kind = occupancy.kindOf(sweep)
  let rate = 0
  for (const [other, ends] of rates) rate += ends * occupancy.weight(occupancy.kindOf(other), kind)
  if (needed > capacity + Math.min(Math.max(2, capacity), Math.floor(rate * HORIZON_SECONDS))) return false

  let priorities = 0
  for (const other of wanting) {
    if (occupancy.weight(occupancy.kindOf(other.sweep), kind) > 0) priorities += other.sweep.priority
  }
  const share = (capacity * sweep.priority) / priorities
  const ahead = Math.min(Math.max(2, share), Math.floor((rates.get(sweep) ?? 0) * HORIZON_SECONDS))
  return outstanding + 1 - EPSILON <= share + ahead
}

function first(best: Candidate | undefined, candidate: Candidate): Candidate {
  if (!best) return candidate
  const load = candidate.outstanding / candidate.sweep.priority - best.outstanding / best.sweep.priority
  if (Math.abs(load) > EPSILON) return load < 0 ? candidate : best
  const pass = candidate.pass - best.pass
  if (Math.abs(pass) > EPSILON) return pass < 0 ? candidate : best
  return candidate.sweep.id < best.sweep.id ? candidate : best
}
