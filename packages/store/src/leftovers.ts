import type { AttemptId } from '@sweep/spec/ids'
import type { Queryable } from './database.ts'

/** One claim of an attempt. */
export interface Claimed {
  readonly attemptId: AttemptId
  readonly epoch: number
}

const OVER = {
  name: 'attempts-over',
  text: `select n.id, n.epoch from unnest($1::text[], $2::int[]) as n (id, epoch) join attempts a on a.id = n.id
          where a.state = 'ended' or a.epoch > n.epoch`,
}

const LOST = {
  name: 'namespaces-of-lost',
  text: `select distinct d.document -> 'kubernetes' ->> 'namespace' as namespace
           from attempts a join sweeps s on s.id = a.sweep_id join sweep_definitions d on d.sweep_id = s.id
          where a.cause = 'lost' and a.ended_at > now() - interval '30 days' and s.launcher = 'kubernetes'
            and d.document -> 'kubernetes' ->> 'namespace' is not null
          order by 1 limit 1000`,
}

/** The namespaces, as far as sweeps name them, in which attempts of the last 30 days were lost together with their agents. */
export async function namespacesOfLost(database: Queryable): Promise<string[]> {
  const { rows } = await database.query<{ namespace: string }>(LOST)
  return rows.map(({ namespace }) => namespace)
}

/**
 * Those claims that are over for good, whoever had them: the attempt has ended, or was claimed anew. Of attempts that
 * are not known nothing is said: they may be another server's.
 */
export async function claimsThatAreOver(database: Queryable, claims: readonly Claimed[]): Promise<Claimed[]> {
  const { rows } = await database.query<{ id: AttemptId; epoch: number }>(OVER, [
    claims.map(({ attemptId }) => attemptId),
    claims.map(({ epoch }) => epoch),
  ])
  return rows.map(({ id, epoch }) => ({ attemptId: id, epoch }))
}
