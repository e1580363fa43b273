import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import type { TrialState } from '@sweep/spec/trial'
import type { Database } from '@sweep/store/database'
import { type LeaderboardRow, leaderboard } from '@sweep/store/leaderboard'
import { trialStandings } from '@sweep/store/standings'
import { getSweep, type SweepDefinition } from '@sweep/store/sweeps'
import { trialsByNumber } from '@sweep/store/trials'
import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { comparePlaces, isOnFront, orderByObjectives, type Place } from './objective-order.ts'

export interface TrialLeaderboardRequest {
  readonly states?: readonly TrialState[]
  readonly limit: number
  readonly after?: string
}

export interface RankedTrials {
  /** `isOnFront` where there are several objectives. */
  readonly rows: readonly (LeaderboardRow & { readonly isOnFront?: boolean })[]
  readonly next: string | null
}

/** The place of the last row of a page, and its rank. */
const Position = z.strictObject({
  standing: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]),
  front: z.int().min(0),
  loss: z.number().nullable(),
  number: z.int().positive(),
  rank: z.int().min(0),
})

/**
 * Trials from best to worst; those that break a constraint after the others, those without a finite value last. With one
 * objective that is the order of an index; with several it is by non-dominated rank and then by the first objective.
 */
export async function trialLeaderboard(
  database: Database,
  sweep: SweepDefinition,
  request: TrialLeaderboardRequest,
): Promise<RankedTrials> {
  if (sweep.document.objectives === undefined) return leaderboard(database, { ...request, sweepId: sweep.id })
  const after = request.after === undefined ? undefined : decodeCursor(request.after, Position)
  const { states, limit } = request
  const places = (await orderOf(database, sweep)).filter((place) => states?.includes(place.state) ?? true)
  const rest = after === undefined ? places : places.filter((place) => comparePlaces(place, after) > 0)
  const page = rest.slice(0, limit)
  const records = await trialsByNumber(
    database,
    sweep.id,
    page.map(({ number }) => number),
  )
  const byNumber = new Map(records.map((record) => [record.number, record]))
  let rank = after?.rank ?? 0
  const rows = page.flatMap((place) => {
    const record = byNumber.get(place.number)
    if (place.loss !== null) rank += 1
    if (record === undefined) return []
    return [{ ...record, rank: place.loss === null ? null : rank, isOnFront: isOnFront(place) }]
  })
  const last = page.at(-1)
  if (last === undefined || rest.length <= limit) return { rows, next: null }
  const { standing, front, loss, number } = last
  return { rows, next: encodeCursor({ standing, front, loss, number, rank }) }
}

interface KnownOrder {
  /** Facts that the sweep had when its trials were read. */
  readonly factSeq: number
  readonly places: readonly Place[]
}

const orders = new WeakMap<Database, Map<SweepId, KnownOrder>>()
/** Enough for the sweeps that people look at; the one that was worked out first goes first. */
const ORDERS_KEPT = 16

/** Kept until the sweep has a new fact: what a trial is worth changes with nothing else. */
async function orderOf(database: Database, { id, document }: SweepDefinition): Promise<readonly Place[]> {
  const sweep = await getSweep(database, id)
  if (sweep === undefined) throw new SweepError('not-found', `There is no sweep ${id}.`)
  const kept = orders.get(database) ?? new Map<SweepId, KnownOrder>()
  orders.set(database, kept)
  const known = kept.get(id)
  if (known?.factSeq === sweep.factSeq) return known.places
  const places = orderByObjectives(await trialStandings(database, id), document)
  kept.delete(id)
  kept.set(id, { factSeq: sweep.factSeq, places })
  const oldest = kept.keys().next().value
  if (kept.size > ORDERS_KEPT && oldest !== undefined) kept.delete(oldest)
  return places
}
