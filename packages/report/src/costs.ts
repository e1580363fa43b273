import type { Cost as Price } from '@sweep/analysis/costs/cost-of'
import { CAUSE_POLICY, type Cause } from '@sweep/spec/attempt'
import type { TrialState } from '@sweep/spec/trial'
import { hoursText, percentText } from './numbers.ts'
import type { Spending } from './report-source.ts'

export interface Cost {
  readonly attempts: number
  readonly seconds: number
  readonly gpuSeconds: number
}

const NOTHING: Cost = { attempts: 0, seconds: 0, gpuSeconds: 0 }

function sum(parts: readonly Cost[]): Cost {
  return parts.reduce(
    (total, part) => ({
      attempts: total.attempts + part.attempts,
      seconds: total.seconds + part.seconds,
      gpuSeconds: total.gpuSeconds + part.gpuSeconds,
    }),
    NOTHING,
  )
}

export interface Costs {
  readonly total: Cost
  readonly byState: readonly (Cost & { readonly state: TrialState })[]
  /** Attempts whose work was lost: they failed, were lost or cancelled. */
  readonly wasted: Cost
  /** Attempts that the pruner ended: spent on learning that a config is not good. */
  readonly pruned: Cost
}

const STATES: readonly TrialState[] = ['completed', 'pruned', 'failed', 'cancelled', 'running', 'paused', 'queued']

/** What the attempts that have ended took, by what became of their trials. */
export function costsOf(spending: readonly Spending[]): Costs {
  return {
    total: sum(spending),
    byState: STATES.flatMap((state) => {
      const parts = spending.filter((one) => one.state === state)
      return parts.length === 0 ? [] : [{ state, ...sum(parts) }]
    }),
    wasted: sum(spending.filter(({ cause }) => isFailure(cause) || cause === 'cancelled')),
    pruned: sum(spending.filter(({ cause }) => cause === 'pruned')),
  }
}

export interface Failure extends Cost {
  readonly cause: Cause
  readonly says: string
  readonly trials: readonly number[]
  readonly message: string
}

/** The most frequent cause first. */
export function failuresOf(spending: readonly Spending[]): Failure[] {
  const causes = [...new Set(spending.map(({ cause }) => cause))].filter(isFailure)
  return causes
    .map((cause) => {
      const parts = spending.filter((one) => one.cause === cause)
      return {
        cause,
        ...sum(parts),
        says: CAUSE_POLICY[cause].says,
        trials: [...new Set(parts.flatMap(({ trials }) => trials))].sort((a, b) => a - b),
        message: parts[0]?.message ?? '',
      }
    })
    .sort((a, b) => b.attempts - a.attempts || (a.cause < b.cause ? -1 : 1))
}

function isFailure(cause: Cause): boolean {
  return CAUSE_POLICY[cause].fault !== 'none'
}

/** The total, and what of it led to no value, in sentences. */
export function costLines({ total, wasted, pruned }: Costs, price?: Price): string[] {
  const usesGpus = total.gpuSeconds > 0
  const text = (cost: Cost) =>
    usesGpus
      ? `${hoursText(cost.gpuSeconds)} of GPU time (${hoursText(cost.seconds)} of trial time)`
      : `${hoursText(cost.seconds)} of trial time`
  const share = (cost: Cost) =>
    percentText(usesGpus ? cost.gpuSeconds / total.gpuSeconds : cost.seconds / Math.max(total.seconds, 1e-9))
  return [
    `${total.attempts} attempts that have ended took ${text(total)}.`,
    ...priceLines(price),
    wasted.attempts === 0
      ? 'Nothing of it was lost to failures.'
      : `Lost to failures and cancellations: ${text(wasted)}, ${share(wasted)}, in ${wasted.attempts} attempts.`,
    ...(pruned.attempts === 0
      ? []
      : [`Spent on ${pruned.attempts} trials that the pruner stopped: ${text(pruned)}, ${share(pruned)}.`]),
  ]
}

/** What that costs by the server's prices. */
function priceLines(price: Price | undefined): string[] {
  if (price === undefined) return []
  const { amount, currency, unpricedSeconds } = price
  const rest = unpricedSeconds > 0 ? `, without ${hoursText(unpricedSeconds)} on hosts that have no price` : ''
  return [`By the prices of the server that is ${amount.toFixed(2)} ${currency}${rest}.`]
}
