import { geometricMean, mannWhitney } from '../search/statistics.ts'
import { boundedTimes, type Cell, type Entrant, type Hits, meanTime } from './outcomes.ts'

/** An entrant that was measured at a cell. */
export interface Measured {
  readonly entrant: Entrant
  readonly hits: Hits
}

/** The entrant with the lowest mean time at a cell; undefined when none was measured there. */
export function bestAt(cell: Cell, entrants: readonly Entrant[]): Measured | undefined {
  let best: Measured | undefined
  for (const entrant of entrants) {
    const hits = entrant.hitsAt(cell)
    if (hits !== undefined && (best === undefined || meanTime(hits) < meanTime(best.hits))) best = { entrant, hits }
  }
  return best
}

export interface Ratio {
  /** Geometric mean over the cells of the mean time over that of the rival; below 1 is faster. */
  readonly value: number
  readonly cells: number
}

/** Against a rival, or against the best of several at each cell, over the cells where both were measured. */
export function timeRatio(cells: readonly Cell[], entrant: Entrant, rivals: readonly Entrant[]): Ratio | undefined {
  const ratios = cells.flatMap((cell) => {
    const [ours, theirs] = [entrant.hitsAt(cell), bestAt(cell, rivals)?.hits]
    return ours && theirs ? [meanTime(ours) / meanTime(theirs)] : []
  })
  return ratios.length === 0 ? undefined : { value: geometricMean(ratios), cells: ratios.length }
}

/** Whether one is significantly faster than the other over the seeds; what was not reached counts as the budget. */
export function isFaster(hits: Hits, other: Hits): 'faster' | 'slower' | 'undecided' {
  const verdict = mannWhitney(boundedTimes(hits), boundedTimes(other))
  return ({ lower: 'faster', higher: 'slower', undecided: 'undecided' } as const)[verdict]
}

/** The best of ours against the best baseline at a cell. */
export interface Duel {
  readonly cell: Cell
  readonly ours: Measured
  readonly theirs: Measured
  /** Mean time of ours over theirs; 1 where neither ever got there. */
  readonly ratio: number
  readonly verdict: 'faster' | 'slower' | 'undecided'
}

/** Cells where nothing of the others was measured are left out. */
export function duelsOf(cells: readonly Cell[], ours: readonly Entrant[], baselines: readonly Entrant[]): Duel[] {
  return cells.flatMap((cell) => {
    const [own, theirs] = [bestAt(cell, ours), bestAt(cell, baselines)]
    if (own === undefined || theirs === undefined) return []
    const ratio = meanTime(own.hits) / meanTime(theirs.hits)
    return [{ cell, ours: own, theirs, ratio, verdict: isFaster(own.hits, theirs.hits) }]
  })
}
