import { SweepId } from '@sweep/spec/ids'
import type { Queryable } from './database.ts'

/** The sweeps that run the best configs of this one again, the newest first. */
export async function confirmationsOf(database: Queryable, sweepId: SweepId): Promise<SweepId[]> {
  const { rows } = await database.query<{ id: string }>(
    {
      name: 'sweep-confirmations',
      text: `select s.id from sweep_definitions d join sweeps s on s.id = d.sweep_id
              where d.document #>> '{confirms,sweep}' = $1 order by s.created_at desc, s.id desc`,
    },
    [sweepId],
  )
  return rows.map(({ id }) => SweepId.parse(id))
}
