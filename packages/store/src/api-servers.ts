import type { Queryable } from './database.ts'

/** How often an api server says that it is up. */
export const API_SERVER_BEAT_MS = 2000
/** One that has been silent for so long is down: three beats and a little. */
const SILENT_MS = 7000

/** The api server is up now. Rows of servers that died without a word are swept out in passing. */
export async function noteApiServer(database: Queryable, id: string): Promise<void> {
  await database.query(
    `with stale as (delete from api_servers where last_seen_at < clock_timestamp() - interval '1 hour')
     insert into api_servers (id) values ($1) on conflict (id) do update set last_seen_at = clock_timestamp()`,
    [id],
  )
}

export async function forgetApiServer(database: Queryable, id: string): Promise<void> {
  await database.query('delete from api_servers where id = $1', [id])
}

/** Whether agents have somebody to talk to. */
export async function isAnyApiServerUp(database: Queryable): Promise<boolean> {
  const { rows } = await database.query<{ up: boolean }>(
    `select exists (select from api_servers where last_seen_at > clock_timestamp() - $1 * interval '1 ms') as up`,
    [SILENT_MS],
  )
  return rows[0]?.up === true
}
