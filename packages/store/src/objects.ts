import type { Database, Queryable } from './database.ts'

/**
 * What the object store holds. Its bytes and these rows are kept by two systems, so the order counts: a row is reserved
 * before bytes are put and removed after they are deleted, and nothing can refer to an object that is not whole.
 */

/**
 * How long an object stays that nothing refers to yet, in milliseconds: between its upload and what it is for. An upload
 * that takes longer reserves it again in time.
 */
const HELD_MS = 3_600_000

export function objectName(sha256: string): Buffer {
  return Buffer.from(sha256, 'hex')
}

const RESERVE = {
  name: 'object-reserve',
  text: `insert into objects (sha256, held_until) values ($1, now() + $2 * interval '1 ms')
         on conflict (sha256) do update set held_until = greatest(objects.held_until, excluded.held_until)`,
}

/** Before its bytes are put: from now on they are not deleted under the uploader's hands. */
export async function reserveObject(database: Queryable, sha256: string): Promise<void> {
  await database.query(RESERVE, [objectName(sha256), HELD_MS])
}

/** Its bytes are in the object store. */
export async function finishObject(database: Queryable, sha256: string, sizeBytes: number): Promise<void> {
  await database.query(
    { name: 'object-finish', text: 'update objects set is_whole = true, size_bytes = $2 where sha256 = $1' },
    [objectName(sha256), sizeBytes],
  )
}

const HOLD = {
  name: 'object-hold',
  text: `update objects set held_until = greatest(held_until, now() + $2 * interval '1 ms')
          where sha256 = $1 and is_whole returning size_bytes`,
}

/** Its size in bytes, undefined when it is not there; it stays for an hour, so that whoever asked may refer to it. */
export async function findObject(database: Queryable, sha256: string): Promise<number | undefined> {
  const { rows } = await database.query<{ size_bytes: number }>(HOLD, [objectName(sha256), HELD_MS])
  return rows[0]?.size_bytes
}

/**
 * To be called before a row that refers to it is stored, in the same transaction. An update, not a look: a deletion that
 * is under way waits for it, and then sees that the object is held. False when the object is not there.
 */
export async function holdObject(tx: Queryable, name: Buffer): Promise<boolean> {
  const { rowCount } = await tx.query(HOLD, [name, HELD_MS])
  return rowCount === 1
}

export async function storedBytes(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ bytes: number }>(
    'select coalesce(sum(size_bytes), 0)::int8 as bytes from objects',
  )
  return rows[0]?.bytes ?? 0
}

const UNUSED = `held_until < now()
  and not exists (select 1 from sweep_definitions d where d.snapshot = o.sha256)
  and not exists (select 1 from checkpoints c where c.sha256 = o.sha256)
  and not exists (select 1 from artifacts a where a.sha256 = o.sha256)
  and not exists (select 1 from artifact_versions v where v.sha256 = o.sha256)
  and not exists (select 1 from model_files m where m.sha256 = o.sha256)`

/** Names of objects that nothing refers to, at most `limit`. From now on nothing can. */
export async function retireUnused(database: Queryable, limit: number): Promise<string[]> {
  const { rows } = await database.query<{ sha256: string }>(
    `update objects set is_whole = false
      where sha256 in (select o.sha256 from objects o where ${UNUSED} limit $1) and held_until < now()
     returning encode(sha256, 'hex') as sha256`,
    [limit],
  )
  return rows.map((row) => row.sha256)
}

/** Deletes an object that was retired, unless somebody has begun to put it anew. Whether it did. */
export async function removeRetired(
  database: Database,
  sha256: string,
  deleteBytes: () => Promise<void>,
): Promise<boolean> {
  return database.tx(async (tx) => {
    // Whoever puts it anew has reserved it, and waits here for the lock until this is over.
    const { rows } = await tx.query<{ is_unused: boolean }>(
      `select (${UNUSED}) as is_unused from objects o where sha256 = $1 and not is_whole for update`,
      [objectName(sha256)],
    )
    if (rows[0]?.is_unused !== true) return false
    await deleteBytes()
    await tx.query('delete from objects where sha256 = $1', [objectName(sha256)])
    return true
  })
}
