import { LOOKUP_SHARES, type Lookup, type LookupOrder } from '@sweep/search/counterfactual/lookup'
import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { learns, METHODS, type SweepDocument, trainsPopulation } from '@sweep/spec/document/sweep-document'
import { usageError } from '../exit-codes.ts'
import type { Column } from '../output.ts'
import { shortNumber } from '../present.ts'

export type LookupMethod = SweepDocument['method']

export interface LookupRow extends LookupOrder {
  readonly name: string
  /** Absent where nothing was looked up. */
  readonly distance?: number
}

/** Those that depend on what trials reported; the order of the others is one by lot. */
export const LOOKUP_METHODS: readonly LookupMethod[] = METHODS.filter((method) => learns(method))

/** @throws SweepError `invalid-request` for what is no method, or one whose order says nothing */
export function lookupMethod(name: string): LookupMethod {
  const found = LOOKUP_METHODS.find((method) => method === name)
  if (found !== undefined) return found
  const others = METHODS.filter((method) => !learns(method))
  if (others.some((method) => method === name)) {
    throw usageError(
      `${name} does not learn from results, so its order of the recorded trials would be one by lot.`,
      'The row "any order" says what to expect of that.',
    )
  }
  if (trainsPopulation(name as LookupMethod)) {
    throw usageError(`${name} goes on from checkpoints of its own trials, which no record of another method has.`)
  }
  throw usageError(
    `There is no method "${name.slice(0, 200)}".`,
    didYouMeanHint(name, LOOKUP_METHODS) ?? `Use one of ${LOOKUP_METHODS.join(', ')}.`,
  )
}

/** The record and what to expect of any order first, then the soonest. */
export function lookupRows(found: Lookup, methods: readonly LookupMethod[]): LookupRow[] {
  const others = found.outcomes
    .map((outcome, index): LookupRow => ({ name: methods[index] ?? '', ...outcome }))
    .sort((a, b) => a.trialsToBest.mean - b.trialsToBest.mean)
  return [{ name: 'as it was', ...found.recorded }, { name: 'any order', ...found.anyOrder }, ...others]
}

export const LOOKUP_COLUMNS: readonly Column<LookupRow>[] = [
  { name: 'method', value: (row) => row.name },
  {
    name: 'to_best',
    value: (row) => row.trialsToBest.mean,
    show: (row) => shortNumber(row.trialsToBest.mean),
    align: 'right',
  },
  {
    name: 'range',
    value: ({ trialsToBest: { least, most } }) => (least === most ? least : `${least}..${most}`),
    align: 'right',
  },
  ...LOOKUP_SHARES.map(
    (share, index): Column<LookupRow> => ({
      name: `best_at_${100 * share}%`,
      value: (row) => row.bestAfter[index],
      show: (row) => shortNumber(row.bestAfter[index] ?? null),
      align: 'right',
    }),
  ),
  {
    name: 'distance',
    value: (row) => row.distance,
    show: (row) => (row.distance === undefined ? '-' : row.distance.toFixed(2)),
    align: 'right',
  },
]

export function lookupLimits({ trials, leftOut }: Lookup, seeds: number, method: string): string[] {
  return [
    `Each of ${seeds} runs of a method could only choose among the ${trials} recorded configs: it was given the nearest to ` +
      'what it asked for (DISTANCE is how far that lay, 0 to 1), one trial at a time.',
    `Where ${method} put no trials nothing can be said, and all orders end with the same best: a method may do better than this, or worse.`,
    ...(leftOut > 0 ? [`${leftOut} trials were left out: they have no value, or there are more than 300.`] : []),
  ]
}
