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

/** A cell where even our best is slower than the best baseline. */
export interface Loss {
  readonly cell: Cell
  readonly ours: Measured
  readonly theirs: Measured
}

export function lossesOf(cells: readonly Cell[], ours: readonly Entrant[], baselines: readonly Entrant[]): Loss[] {
  return cells.flatMap((cell) => {
    const [own, theirs] = [bestAt(cell, ours), bestAt(cell, baselines)]
    return own && theirs && meanTime(own.hits) > meanTime(theirs.hits) ? [{ cell, ours: own, theirs }] : []
  })
}
