import type { SweepId } from '@sweep/spec/ids'
import type { TrialState } from '@sweep/spec/trial'
import type { Queryable } from './database.ts'
import { parseSideValues, type SideValues } from './side-values.ts'

/** As much of a trial as it takes to compare it with the others of its sweep. */
export interface TrialStanding {
  readonly number: number
  readonly state: TrialState
  readonly value: number | null
  /** Null for a trial that takes no place on the leaderboard. */
  readonly loss: number | null
  readonly sideValues: SideValues
  readonly isInfeasible: boolean
}

interface StandingRow {
  readonly number: number
  readonly state: TrialState
  readonly value: number | null
  readonly loss: number | null
  readonly side_values: unknown
  readonly infeasible: boolean
}

const STANDINGS = {
  name: 'trials-standings',
  text: `select number, state, value, loss, side_values, infeasible from trials where sweep_id = $1 order by number`,
}

/** Every trial of a sweep, by number: with several objectives what one of them is worth hangs on all the others. */
export async function trialStandings(database: Queryable, sweepId: SweepId): Promise<TrialStanding[]> {
  const { rows } = await database.query<StandingRow>(STANDINGS, [sweepId])
  return rows.map(({ side_values, infeasible, ...row }) => ({
    ...row,
    sideValues: parseSideValues(side_values),
    isInfeasible: infeasible,
  }))
}
