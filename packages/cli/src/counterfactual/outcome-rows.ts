import type { Counterfactual, Outcome } from '@sweep/search/counterfactual/counterfactual'
import { formatDuration } from '@sweep/spec/units'
import type { Column } from '../output.ts'
import { shortNumber } from '../present.ts'

/** What one pruner would have come to, or did. */
export interface OutcomeRow extends Outcome {
  readonly name: string
  readonly isRecorded: boolean
}

export interface KilledRow {
  readonly name: string
  readonly trial: number
  readonly rank: number
  readonly value: number
  readonly step: number | null
  readonly valueAtStep: number | null
  readonly reason: string
}

const AS_IT_WAS = 'as it was'

/** The recorded one first, then by regret, then by what they cost. */
export function outcomeRows(found: Counterfactual, names: readonly string[]): OutcomeRow[] {
  const others = found.outcomes
    .map((outcome, index): OutcomeRow => ({ name: names[index] ?? '', isRecorded: false, ...outcome }))
    .sort((a, b) => regretOrder(a) - regretOrder(b) || costOrder(a) - costOrder(b))
  return [{ name: AS_IT_WAS, isRecorded: true, ...found.recorded }, ...others]
}

function regretOrder({ regret }: OutcomeRow): number {
  // Infinite ones would differ by NaN.
  return regret ?? Number.MAX_VALUE
}

function costOrder({ cost, costAtMost }: OutcomeRow): number {
  return cost.gpuSeconds + costAtMost.gpuSeconds || cost.seconds + costAtMost.seconds
}

/** GPU time where the sweep used GPUs; else the time that trials ran. */
export function usesGpus({ recorded }: Counterfactual): boolean {
  return recorded.cost.gpuSeconds > 0
}

/** Share of the recorded cost that is saved, at most and at least; negative when it would have cost more. */
export function savedOf({ recorded }: Counterfactual, row: OutcomeRow, isGpu: boolean): readonly [number, number] {
  const of = ({ gpuSeconds, seconds }: Outcome['cost']) => (isGpu ? gpuSeconds : seconds)
  const whole = of(recorded.cost)
  const saved = (cost: Outcome['cost']) => (whole > 0 ? 1 - of(cost) / whole : 0)
  return [saved(row.cost), saved(row.costAtMost)]
}

export function outcomeColumns(found: Counterfactual): Column<OutcomeRow>[] {
  const isGpu = usesGpus(found)
  const unit = isGpu ? 'gpu_seconds' : 'trial_seconds'
  const of = ({ gpuSeconds, seconds }: Outcome['cost']) => (isGpu ? gpuSeconds : seconds)
  return [
    { name: 'early_terminate', value: (row) => row.name, flexible: true, minWidth: 10 },
    { name: 'pruned', value: (row) => row.pruned, align: 'right' },
    { name: 'unknown', value: (row) => row.unknown.length, align: 'right' },
    {
      name: isGpu ? 'gpu_time' : 'run_time',
      value: (row) => of(row.cost),
      show: (row) => range(formatDuration(1000 * of(row.cost)), formatDuration(1000 * of(row.costAtMost))),
      align: 'right',
    },
    { name: `${unit}_at_most`, value: (row) => of(row.costAtMost), wide: true, align: 'right' },
    {
      name: 'saved',
      value: (row) => savedOf(found, row, isGpu)[0],
      show: (row) => {
        const [most, least] = savedOf(found, row, isGpu).map((share) => String(Math.round(100 * share) + 0))
        return row.isRecorded ? '-' : `${range(most!, least!)} %`
      },
      align: 'right',
    },
    {
      name: 'best',
      value: (row) => row.best?.value,
      show: (row) => shortNumber(row.best?.value ?? null),
      align: 'right',
    },
    { name: 'best_trial', value: (row) => row.best?.trial, wide: true, align: 'right' },
    {
      name: 'regret',
      value: (row) => row.regret,
      show: (row) => `${row.unknown.length > 0 && row.regret !== null ? '<= ' : ''}${shortNumber(row.regret)}`,
      align: 'right',
    },
    {
      name: 'killed',
      value: (row) => row.killed.length,
      show: (row) => `${row.killed.length} of ${found.top.length}`,
      align: 'right',
    },
  ]
}

export function killedRows(rows: readonly OutcomeRow[]): KilledRow[] {
  return rows.flatMap(({ name, killed }) => killed.map((trial) => ({ name, ...trial })))
}

export const KILLED_COLUMNS: readonly Column<KilledRow>[] = [
  { name: 'early_terminate', value: (row) => row.name, flexible: true, minWidth: 10 },
  { name: 'would_kill', value: (row) => row.trial, align: 'right' },
  { name: 'place', value: (row) => row.rank, align: 'right' },
  { name: 'value', value: (row) => row.value, show: (row) => shortNumber(row.value), align: 'right' },
  { name: 'after_step', value: (row) => row.step, align: 'right' },
  { name: 'at', value: (row) => row.valueAtStep, show: (row) => shortNumber(row.valueAtStep), align: 'right' },
  { name: 'reason', value: (row) => row.reason, wide: true },
]

function range(low: string, high: string): string {
  return low === high ? low : `${low}..${high}`
}

/** What the figures can't tell, in sentences. */
export function limitsOf(found: Counterfactual, rows: readonly OutcomeRow[], learns: boolean): string[] {
  const unknown = rows.some((row) => row.unknown.length > 0)
  const full = found.isFullKnown
    ? `${found.fullReports} reports, the median of the completed trials`
    : `${found.fullReports} reports, the most of any trial, as none was completed`
  return [
    ...(unknown
      ? [
          'Unknown trials were stopped by the sweep where the other pruner would have let them go on: nothing is known of ' +
            `them past that. The lower cost ends them there, the higher trains all of them to ${full}. They may have become ` +
            'the best, and what they would have reported may have stopped others.',
        ]
      : []),
    'Trials are those of the record, at its times: what is saved would have been free for others.',
    ...(learns
      ? ['The configs were chosen by a sampler that had seen the results of the record; it would have chosen others.']
      : []),
    ...(found.running > 0
      ? [`${found.running} trials were still running: the record is looked at as far as it goes.`]
      : []),
  ]
}
