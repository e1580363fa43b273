import type { Queryable } from '../database.ts'

/** How long a request is remembered: longer than any client goes on trying (MLflow's gives up after some minutes). */
const REMEMBERED = '1 hour'

/** What a client that does not number its requests has logged. */
export interface LoggedRequest {
  readonly runKey: number
  /** 16 bytes of a hash of all that it says. */
  readonly fingerprint: Buffer
}

const NOTE = {
  name: 'logged-requests-note',
  // Each that comes takes some old ones away, so that nobody has to come by for them.
  text: `with old as (
           delete from logged_requests where ctid = any(array(
             select ctid from logged_requests where at < now() - interval '${REMEMBERED}'
              order by at limit 20 for update skip locked)))
         insert into logged_requests (run_key, fingerprint)
         select * from unnest($1::int8[], $2::bytea[]) as list (run_key, fingerprint) order by 1, 2
         on conflict do nothing returning run_key, fingerprint`,
}

/**
 * Notes requests in the transaction that stores what they say.
 * @returns those that are new, as `take` gives them: true once for each, false for what has been logged before
 */
export async function noteRequests(tx: Queryable, requests: readonly LoggedRequest[]): Promise<NewRequests> {
  if (requests.length === 0) return new NewRequests([])
  const { rows } = await tx.query<{ run_key: number; fingerprint: Buffer }>(NOTE, [
    requests.map(({ runKey }) => runKey),
    requests.map(({ fingerprint }) => fingerprint),
  ])
  return new NewRequests(rows.map((row) => ({ runKey: row.run_key, fingerprint: row.fingerprint })))
}

export class NewRequests {
  readonly #left: Set<string>

  constructor(requests: readonly LoggedRequest[]) {
    this.#left = new Set(requests.map(textOf))
  }

  /** Two that say the same may have come together: only the first of them is new. */
  take(request: LoggedRequest): boolean {
    return this.#left.delete(textOf(request))
  }
}

function textOf({ runKey, fingerprint }: LoggedRequest): string {
  return `${runKey}/${fingerprint.toString('hex')}`
}
