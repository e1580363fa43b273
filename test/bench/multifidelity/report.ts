import { inDigits, printTable } from '../table.ts'
import { bestAt, type Duel, duelsOf, isFaster, timeRatio } from './comparison.ts'
import { type Cell, type Entrant, type Hits, hitCount, meanTime, medianTime } from './outcomes.ts'

export interface Comparison {
  readonly cells: readonly Cell[]
  readonly ours: readonly Entrant[]
  /** Empty without the suite's files. */
  readonly baselines: readonly Entrant[]
}

/** Tables for people. */
export function printComparison({ cells, ours, baselines }: Comparison): void {
  const crowds = [...new Set(cells.map(({ workers }) => workers))]
  for (const workers of crowds) {
    const own = cells.filter((cell) => cell.workers === workers)
    printTimes(workers, own, ours, baselines)
    if (baselines.length > 0) printRatios(workers, own, ours, baselines)
  }
  if (baselines.length > 0) printDuels(duelsOf(cells, ours, baselines))
}

/** Target by target. */
function printDuels(duels: readonly Duel[]): void {
  printTable(
    [
      'mean time to the target in full trainings, what was not reached counts as the budget; + and -: p < 0.05 (Mann-Whitney U)',
      'the best of ours',
      'seeds',
      'the best baseline',
      'seeds',
      'ratio',
      '',
    ],
    duels.map(({ cell, ours, theirs, ratio, verdict }) => [
      `${cell.task} ${cell.target}, ${crowdOf(cell.workers)}`,
      ...[ours, theirs].flatMap(({ entrant, hits }) => [
        `${entrant.label} ${inDigits(meanTime(hits))}`,
        String(hits.times.length),
      ]),
      ratio.toFixed(2),
      `${ratio > 1 ? 'MISSED' : 'ok'}${MARKS[verdict]}`,
    ]),
  )
}

function printTimes(
  workers: number,
  cells: readonly Cell[],
  ours: readonly Entrant[],
  baselines: readonly Entrant[],
): void {
  printTable(
    [
      `${crowdOf(workers)}: median time to the target in full trainings, and how many seeds got there; + and -: faster and slower than the best baseline, p < 0.05 (Mann-Whitney U)`,
      ...ours.map(({ label }) => label),
      'best baseline',
    ],
    cells.map((cell) => {
      const best = bestAt(cell, baselines)
      return [
        `${cell.task} ${cell.target}`,
        ...ours.map((entrant) => inCell(entrant.hitsAt(cell), best?.hits)),
        best ? `${best.entrant.label} ${inCell(best.hits, undefined)}` : '-',
      ]
    }),
  )
}

const MARKS = { faster: ' +', slower: ' -', undecided: '  ' } as const

function inCell(hits: Hits | undefined, rival: Hits | undefined): string {
  if (hits === undefined) return '-'
  const time = medianTime(hits)
  const shown = Number.isFinite(time) ? inDigits(time) : `>${hits.budget}`
  return `${shown} ${hitCount(hits)}/${hits.times.length}${rival ? MARKS[isFaster(hits, rival)] : ''}`
}

function printRatios(
  workers: number,
  cells: readonly Cell[],
  ours: readonly Entrant[],
  baselines: readonly Entrant[],
): void {
  const columns = [
    ...baselines.map((baseline) => ({ label: baseline.label, rivals: [baseline] })),
    { label: 'the best of them', rivals: baselines },
  ]
  printTable(
    [
      `${crowdOf(workers)}: mean time over that of a baseline, geometric mean over tasks and targets; what was not reached counts as the budget`,
      ...columns.map(({ label }) => label),
    ],
    ours.map((entrant) => [
      entrant.label,
      ...columns.map(({ rivals }) => inDigits(timeRatio(cells, entrant, rivals)?.value)),
    ]),
  )
}

export function crowdOf(workers: number): string {
  return workers === 1 ? '1 worker' : `${workers} workers`
}
