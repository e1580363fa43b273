import type { AttemptId } from '@sweep/spec/ids'
import type { Queryable } from './database.ts'

const FREE = {
  name: 'free-runs',
  text: `select a.id from attempts a
           join trials t on t.sweep_id = a.sweep_id and t.number = a.trial join sweeps s on s.id = a.sweep_id
          where a.id = any($1) and a.state = 'ended' and t.ended_at is not null
            and (s.ended_at is not null or not s.method = any($3))
            and not t.number = any(array(select b.number from trials b where b.sweep_id = a.sweep_id and b.standing < 2
                                          order by b.standing, b.loss, b.number limit $2))`,
}

/**
 * Which of the attempts have left nothing on their hosts that is still needed: those of trials that are over, unless the
 * trial is among the best of its sweep, or a member of a population that still trains. The same rule as for copies of
 * checkpoints (`dropCheckpoints`), of which a host may have the only one. Attempts that are not known are not among them.
 *
 * @param options.bestKept trials of each sweep
 */
export async function freeRuns(
  database: Queryable,
  attempts: readonly AttemptId[],
  options: { readonly bestKept: number; readonly populations: readonly string[] },
): Promise<AttemptId[]> {
  const { rows } = await database.query<{ id: AttemptId }>(FREE, [attempts, options.bestKept, options.populations])
  return rows.map(({ id }) => id)
}
