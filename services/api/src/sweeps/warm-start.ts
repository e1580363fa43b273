import { MOST_PAST_RESULTS, type PastResult, type SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import { SweepId } from '@sweep/spec/ids'
import { type Aims, objectivesOf, objectivesText, sideMetrics } from '@sweep/spec/objectives'
import type { Database } from '@sweep/store/database'
import { valuesOf } from '@sweep/store/side-values'
import { getSweep, sweepDefinition } from '@sweep/store/sweeps'
import type { TrialRecord } from '@sweep/store/trial-record'
import { trialLeaderboard } from '../trials/trial-leaderboard.ts'

/** The best of an earlier sweep; more would not be told apart. */
const MOST_OF_ONE = 1000

/**
 * The document with the trials of the sweeps that its `warm_start` names, so that the search needs nothing else.
 *
 * @throws SweepError `not-found` for a sweep that isn't here, `invalid-document` for one that optimises something else
 */
export async function withEarlierSweeps(database: Database, document: SweepDocument): Promise<SweepDocument> {
  const { warmStart } = document
  if (warmStart === undefined || warmStart.sweeps.length === 0 || document.metric === undefined) return document
  const results: PastResult[] = [...warmStart.results]
  for (const id of warmStart.sweeps) {
    const sweepId = SweepId.safeParse(id)
    if (!sweepId.success || (await getSweep(database, sweepId.data)) === undefined) {
      throw new SweepError('not-found', `warm_start.sweeps names ${id}, but there is no such sweep.`, {
        hint: '`sweep ls` lists the sweeps of this server.',
      })
    }
    const sweep = await sweepDefinition(database, sweepId.data)
    requireObjectives(id, sweep.document, document)
    const { rows } = await trialLeaderboard(database, sweep, { states: ['completed'], limit: MOST_OF_ONE })
    results.push(...rows.flatMap((trial) => pastResult(trial, sweep.document, document)))
  }
  return { ...document, warmStart: { ...warmStart, results: results.slice(0, MOST_PAST_RESULTS) } }
}

/** An earlier sweep may have had more objectives, but no fewer. */
function requireObjectives(id: string, earlier: Aims, aims: Aims): void {
  const theirs = objectivesOf(earlier)
  const ours = objectivesOf(aims)
  if (ours.every(({ name, goal }) => theirs.some((one) => one.name === name && one.goal === goal))) return
  const said = theirs.length === 0 ? 'has no metric' : `has goal ${objectivesText(theirs)}`
  throw new SweepError('invalid-document', `warm_start: sweep ${id} ${said}, this one ${objectivesText(ours)}.`, {
    hint: 'Only sweeps of the same metric can be learned from.',
  })
}

/** None of a trial that lacks a value of an objective; what it lacks of a constraint's metric stays unknown. */
function pastResult(trial: TrialRecord, earlier: Aims, aims: Aims): PastResult[] {
  const { config, value, sideValues } = trial
  const known = valuesOf(earlier, value, sideValues) ?? { [objectivesOf(earlier)[0]?.name ?? '']: value ?? Number.NaN }
  const ours = objectivesOf(aims).map(({ name }) => name)
  const [first = Number.NaN, ...others] = ours.map((name) => known[name] ?? Number.NaN)
  if (![first, ...others].every(Number.isFinite)) return []
  const beside = sideMetrics(aims).map(({ name }) => name)
  if (beside.length === 0 && aims.constraints === undefined) return [{ config, value: first }]
  const finite = [...ours.slice(0, 1), ...beside].flatMap((name) => {
    const one = known[name]
    return one !== undefined && Number.isFinite(one) ? [[name, one] as const] : []
  })
  return [{ config, value: first, values: Object.fromEntries(finite) }]
}
