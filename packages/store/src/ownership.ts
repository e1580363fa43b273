import type { SweepId } from '@sweep/spec/ids'
import type { Database } from './database.ts'

export interface OwnedSweep {
  readonly id: SweepId
  readonly ownerEpoch: number
}

const ACQUIRE = {
  name: 'ownership-acquire',
  // Rows that another transaction has locked are left for the next round rather than waited for.
  text: `update sweeps set owner = $1, owner_epoch = owner_epoch + 1, owner_until = now() + $2 * interval '1 ms'
          where id in (
            select id from sweeps where ended_at is null and (owner is null or owner_until < clock_timestamp())
             order by id limit $3 for no key update skip locked)
          returning id, owner_epoch as "ownerEpoch"`,
}

/** Takes every sweep that is not over and that nobody owns or whose owner's lease has run out; each gets a new epoch. */
export async function acquireSweeps(
  database: Database,
  controllerId: string,
  leaseMs: number,
  limit = 1000,
): Promise<OwnedSweep[]> {
  const { rows } = await database.query<OwnedSweep>(ACQUIRE, [controllerId, leaseMs, limit])
  return sorted(rows)
}

const RENEW = {
  name: 'ownership-renew',
  text: `with mine as (
           select id from sweeps where owner = $1 and ended_at is null and owner_until >= clock_timestamp()
            order by id for no key update)
         update sweeps s set owner_until = now() + $2 * interval '1 ms' from mine where s.id = mine.id
         returning s.id, s.owner_epoch as "ownerEpoch"`,
}

/** Prolongs the leases that this controller still has and returns them; a sweep that is missing was lost or is over. */
export async function renewSweeps(database: Database, controllerId: string, leaseMs: number): Promise<OwnedSweep[]> {
  const { rows } = await database.query<OwnedSweep>(RENEW, [controllerId, leaseMs])
  return sorted(rows)
}

const RELEASE = {
  name: 'ownership-release',
  text: `with mine as (
           select id from sweeps where owner = $1 and ($2::text[] is null or id = any($2))
            order by id for no key update)
         update sweeps s set owner = null, owner_until = null from mine where s.id = mine.id`,
}

/** Gives back all (or the named) sweeps, so that another controller takes over at once. */
export async function releaseSweeps(database: Database, controllerId: string, ids?: readonly SweepId[]): Promise<void> {
  await database.query(RELEASE, [controllerId, ids])
}

function sorted(rows: readonly OwnedSweep[]): OwnedSweep[] {
  return [...rows].sort((a, b) => (a.id < b.id ? -1 : 1))
}
