import { MOST_PAST_RESULTS, type PastResult, type SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import { SweepId } from '@sweep/spec/ids'
import type { Database } from '@sweep/store/database'
import { leaderboard } from '@sweep/store/leaderboard'
import { getSweep } from '@sweep/store/sweeps'

/** The best of an earlier sweep; more would not be told apart. */
const MOST_OF_ONE = 1000

/**
 * The document with the trials of the sweeps that its `warm_start` names, so that the search needs nothing else.
 *
 * @throws SweepError `not-found` for a sweep that isn't here, `invalid-document` for one that optimises something else
 */
export async function withEarlierSweeps(database: Database, document: SweepDocument): Promise<SweepDocument> {
  const { warmStart, metric } = document
  if (warmStart === undefined || warmStart.sweeps.length === 0 || metric === undefined) return document
  const results: PastResult[] = [...warmStart.results]
  for (const id of warmStart.sweeps) {
    const sweepId = SweepId.safeParse(id)
    const sweep = sweepId.success ? await getSweep(database, sweepId.data) : undefined
    if (sweep === undefined) {
      throw new SweepError('not-found', `warm_start.sweeps names ${id}, but there is no such sweep.`, {
        hint: '`sweep ls` lists the sweeps of this server.',
      })
    }
    if (sweep.metric?.name !== metric.name || sweep.metric.goal !== metric.goal) {
      const theirs = sweep.metric === null ? 'has no metric' : `has goal ${sweep.metric.goal} ${sweep.metric.name}`
      throw new SweepError(
        'invalid-document',
        `warm_start: sweep ${id} ${theirs}, this one ${metric.goal} ${metric.name}.`,
        {
          hint: 'Only sweeps of the same metric can be learned from.',
        },
      )
    }
    const { rows } = await leaderboard(database, { sweepId: sweep.id, states: ['completed'], limit: MOST_OF_ONE })
    for (const { config, value } of rows) {
      if (typeof value === 'number' && Number.isFinite(value)) results.push({ config, value })
    }
  }
  return { ...document, warmStart: { ...warmStart, results: results.slice(0, MOST_PAST_RESULTS) } }
}
