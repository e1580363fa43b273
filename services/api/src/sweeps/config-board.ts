import { meanInterval } from '@sweep/analysis/statistics/mean-interval'
import { configHash } from '@sweep/spec/config-hash'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { type Aims, isFeasible } from '@sweep/spec/objectives'
import { isFinal } from '@sweep/spec/trial'
import type { ConfigRow } from '@sweep/spec/wire/confirmation'
import { valuesOf } from '@sweep/store/side-values'
import type { TrialRecord } from '@sweep/store/trial-record'

/** The value of a run that came to its end; null for one that failed, was stopped early, or goes on. */
export function runValue({ state, value }: Pick<TrialRecord, 'state' | 'value'>): number | null {
  return state === 'completed' && value !== null && Number.isFinite(value) ? value : null
}

/** Trials by the hash of their config, in their order. */
export function trialsByConfig(trials: readonly TrialRecord[]): Map<string, TrialRecord[]> {
  const groups = new Map<string, TrialRecord[]>()
  for (const trial of trials) {
    const hash = configHash(trial.config)
    const group = groups.get(hash)
    if (group === undefined) groups.set(hash, [trial])
    else group.push(trial)
  }
  return groups
}

/**
 * The configs of a sweep by the mean of their runs. Those with all their seeds come before those with some: a single good
 * run of a config whose others failed or were stopped would be ahead by luck. Those with a run that breaks a constraint
 * come behind.
 */
export function configBoard(
  trials: readonly TrialRecord[],
  document: Pick<SweepDocument, 'metric' | 'objectives' | 'constraints' | 'replicates'>,
): ConfigRow[] {
  const { metric, replicates } = document
  const sign = metric?.goal === 'maximize' ? -1 : 1
  const wanted = replicates?.seeds ?? 1
  const breaking = new Set<number>()
  const rows = [...trialsByConfig(trials).values()].map((group) => {
    const values = group.map(runValue)
    if (group.some((trial, n) => values[n] !== null && breaksConstraints(trial, document)))
      breaking.add(group[0]!.number)
    return {
      config: group[0]!.config,
      ...meanInterval(values),
      trials: group.map(({ number }) => number),
      values,
      pending: group.filter(({ state }) => !isFinal(state)).length,
    }
  })
  const place = ({ runs, trials: [first] }: (typeof rows)[number]) =>
    runs === 0 ? 3 : breaking.has(first!) ? 2 : runs < wanted ? 1 : 0
  const ordered = rows.toSorted(
    (a, b) => place(a) - place(b) || sign * ((a.mean ?? 0) - (b.mean ?? 0)) || a.trials[0]! - b.trials[0]!,
  )
  return ordered.map((row, index) => ({ rank: row.mean === null ? null : index + 1, ...row }))
}

function breaksConstraints({ value, sideValues }: TrialRecord, aims: Aims): boolean {
  const { constraints } = aims
  return constraints !== undefined && !isFeasible(constraints, valuesOf(aims, value, sideValues) ?? {})
}
