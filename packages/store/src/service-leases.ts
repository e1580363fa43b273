import type { Queryable } from './database.ts'

const TAKE = {
  name: 'service-lease-take',
  text: `insert into service_leases as l (name, owner, until)
         values ($1, $2, clock_timestamp() + $3 * interval '1 ms')
         on conflict (name) do update set owner = excluded.owner, until = excluded.until
          where l.owner = excluded.owner or l.until < clock_timestamp()`,
}

/**
 * Whether `owner` does the work of this name for the next `ms`: nobody else does, or it already did. Somebody whose time
 * ran out in the middle of it may overlap with the next one, so the work must be safe to repeat.
 */
export async function takeServiceLease(database: Queryable, name: string, owner: string, ms: number): Promise<boolean> {
  const { rowCount } = await database.query(TAKE, [name, owner, ms])
  return rowCount === 1
}

const HOLD = {
  name: 'service-lease-hold',
  text: `update service_leases set until = clock_timestamp() + $3 * interval '1 ms'
          where name = $1 and owner = $2 and until > clock_timestamp()`,
}

/**
 * Whether the work is still `owner`'s, who has it for the next `ms` then. Nobody else can take it before the transaction
 * ends, so what is done in it is done by one alone.
 */
export async function holdServiceLease(tx: Queryable, name: string, owner: string, ms: number): Promise<boolean> {
  const { rowCount } = await tx.query(HOLD, [name, owner, ms])
  return rowCount === 1
}

/** Lets others take over at once. */
export async function giveServiceLease(database: Queryable, name: string, owner: string): Promise<void> {
  await database.query('delete from service_leases where name = $1 and owner = $2', [name, owner])
}
