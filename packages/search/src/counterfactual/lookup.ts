import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact } from '@sweep/spec/facts'
import { createSweepFold, foldFact } from '../fold.ts'
import { fromLoss, toLoss } from '../loss.ts'
import { createSearch } from '../search.ts'
import { type Axis, encodeConfig } from '../space/axis.ts'
import { coordinatesOf } from '../space/coordinates.ts'
import { recordedSampler } from './recorded-sampler.ts'

/** Shares of the trials after which the best so far is told. */
export const LOOKUP_SHARES = [0.25, 0.5, 0.75] as const

/** How soon an order of the recorded trials comes to the good ones. */
export interface LookupOrder {
  /** Best value after each of `LOOKUP_SHARES` of the trials, at the mean; null where none was finite by then. */
  readonly bestAfter: readonly (number | null)[]
  /** Trials until the best one, that included, at the mean over the seeds, and the fewest and the most. */
  readonly trialsToBest: { readonly mean: number; readonly least: number; readonly most: number }
}

export interface LookupOutcome extends LookupOrder {
  /**
   * How far the config that was asked for lies from the one that was taken instead, at the mean: 0 is the same, 1 is
   * opposite in every parameter, on the scales that they are searched on.
   */
  readonly distance: number
}

export interface Lookup {
  /** Trials of the record that have a value; the others are left out. */
  readonly trials: number
  readonly leftOut: number
  readonly recorded: LookupOrder
  /** What to expect of an order drawn by lot; exact, not simulated. */
  readonly anyOrder: LookupOrder
  /** By method, in the order that they were asked for. */
  readonly outcomes: readonly LookupOutcome[]
}

interface Candidate {
  readonly coordinates: Float64Array
  readonly facts: readonly Fact[]
  readonly loss: number
}

/** More would take minutes with the methods that model all they know. */
const MOST_TRIALS = 300

/**
 * How soon other samplers would have come to the good trials of a record, if all they could choose among were the configs
 * of that record: each suggestion is answered with the nearest recorded config that was not taken yet, and with what that
 * one's trial reported. One trial at a time. Since all of them end with the same trials, only how soon tells them apart.
 *
 * @param seeds how often each method is run, from the sweep's own seed on; integer >= 1
 */
export function lookup(
  document: SweepDocument,
  facts: readonly Fact[],
  methods: readonly SweepDocument['method'][],
  seeds = 10,
): Lookup {
  const { axes } = coordinatesOf(document.space)
  const { candidates, leftOut } = candidatesOf(document, facts, axes)
  const losses = candidates.map(({ loss }) => loss)
  return {
    trials: candidates.length,
    leftOut,
    recorded: summary([losses], document),
    anyOrder: anyOrder(losses, document),
    outcomes: methods.map((method) => {
      const runs = Array.from({ length: seeds }, (_, index) =>
        runLookup({ ...document, method, seed: document.seed + index }, candidates, axes),
      )
      const distances = runs.flatMap((run) => run.distances)
      const distance = distances.reduce((sum, one) => sum + one, 0) / Math.max(1, distances.length)
      return {
        ...summary(
          runs.map((run) => run.losses),
          document,
        ),
        distance,
      }
    }),
  }
}

function candidatesOf(document: SweepDocument, facts: readonly Fact[], axes: readonly Axis[]) {
  const fold = createSweepFold(document)
  fold.sampler = recordedSampler
  const byTrial = new Map<number, Fact[]>()
  for (const fact of facts) {
    foldFact(fold, fact)
    if (!('trial' in fact)) continue
    const own = byTrial.get(fact.trial) ?? []
    if (own.length === 0) byTrial.set(fact.trial, own)
    if (fact.kind !== 'trial-created') own.push(fact)
  }
  const withValue = [...fold.trials.values()].flatMap(({ number, value, config }) => {
    const own = byTrial.get(number) ?? []
    return value === undefined || document.metric === undefined
      ? []
      : [{ coordinates: encodeConfig(axes, config), config, facts: own, loss: toLoss(value, document.metric) }]
  })
  const candidates = withValue.slice(0, MOST_TRIALS)
  return { candidates, leftOut: fold.trials.size - candidates.length }
}

/** Losses in the order in which a sampler comes to them, and how far each lies from what it had asked for. */
function runLookup(
  document: SweepDocument,
  candidates: readonly (Candidate & { readonly config: Parameters<typeof encodeConfig>[1] })[],
  axes: readonly Axis[],
): { losses: number[]; distances: number[] } {
  let { sampler } = createSearch(document)
  const left = new Set(candidates)
  const losses: number[] = []
  const distances: number[] = []
  for (let trial = 1; left.size > 0; trial += 1) {
    const [suggestion] = sampler.ask(1).suggestions
    if (suggestion === undefined) break
    const wanted = encodeConfig(axes, suggestion.config)
    let nearest: (typeof candidates)[number] | undefined
    let least = Number.POSITIVE_INFINITY
    for (const candidate of left) {
      const distance = distanceOf(axes, wanted, candidate.coordinates)
      if (distance < least) [nearest, least] = [candidate, distance]
    }
    if (nearest === undefined) break
    left.delete(nearest)
    losses.push(nearest.loss)
    distances.push(least)
    const { draw, reason } = suggestion
    sampler = sampler.tell({
      ...{ kind: 'trial-created', trial, config: nearest.config, source: 'sampler', basis: 0, draw, reason },
    })
    for (const fact of nearest.facts) if ('trial' in fact) sampler = sampler.tell({ ...fact, trial })
  }
  // One that has no more to suggest leaves the rest untried.
  return { losses, distances }
}

/** Mean over the axes; of a choice 0 or 1, and 1 where a parameter is active in one of the two only. */
function distanceOf(axes: readonly Axis[], a: Float64Array, b: Float64Array): number {
  if (axes.length === 0) return 0
  let sum = 0
  for (const [index, axis] of axes.entries()) {
    const [x, y] = [a[index]!, b[index]!]
    if (Number.isNaN(x) && Number.isNaN(y)) continue
    if (Number.isNaN(x) || Number.isNaN(y)) sum += 1
    else sum += axis.kind === 'choice' ? Number(x !== y) : Math.abs(x - y)
  }
  return sum / axes.length
}

function summary(orders: readonly (readonly number[])[], { metric }: SweepDocument): LookupOrder {
  const counts = orders.map(
    (losses) => 1 + losses.indexOf(losses.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)),
  )
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length)
  return {
    bestAfter: LOOKUP_SHARES.map((share) => {
      const bests = orders.map((losses) =>
        losses.slice(0, trialsAt(share, losses.length)).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
      )
      const best = mean(bests)
      return Number.isFinite(best) && metric !== undefined ? fromLoss(best, metric) : null
    }),
    trialsToBest: {
      mean: mean(counts),
      least: counts.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
      most: counts.reduce((a, b) => Math.max(a, b), 0),
    },
  }
}

function trialsAt(share: number, trials: number): number {
  return Math.max(1, Math.round(share * trials))
}

/**
 * The best of k that are drawn without putting back from n is the i-th best with probability C(n-i, k-1) / C(n, k); the
 * best of all comes at the mean after (n + 1) / 2.
 */
function anyOrder(losses: readonly number[], { metric }: SweepDocument): LookupOrder {
  const sorted = [...losses].sort((a, b) => a - b)
  const n = sorted.length
  const bestAfter = LOOKUP_SHARES.map((share) => {
    const k = trialsAt(share, n)
    let probability = k / n
    let expected = 0
    for (let i = 1; i <= n - k + 1; i += 1) {
      expected += probability * sorted[i - 1]!
      // From C(n-i, k-1) to C(n-i-1, k-1).
      probability *= (n - i - k + 1) / (n - i)
    }
    return n > 0 && Number.isFinite(expected) && metric !== undefined ? fromLoss(expected, metric) : null
  })
  // As many equals as there are, the first of them counts.
  const bests = sorted.filter((loss) => loss === sorted[0]).length
  return { bestAfter, trialsToBest: { mean: (n + 1) / (bests + 1), least: Math.min(1, n), most: n - bests + 1 } }
}
