import type { RunId } from '@sweep/spec/ids'
import type { Database, Queryable } from '../database.ts'
import { requireArtifact } from './run-artifacts.ts'
import { getRun, lockRun } from './runs.ts'

export interface Link {
  readonly runId: RunId
  readonly path: string
  readonly version: number
  readonly at: Date
}

/** Notes that a run has read a file of another. Safe to repeat. Throws `not-found`; `conflict` when it is deleted. */
export async function useArtifact(
  database: Database,
  runId: RunId,
  used: { readonly runId: RunId; readonly path: string; readonly version: number | 'latest' },
): Promise<void> {
  const source = await getRun(database, used.runId)
  await database.tx(async (tx) => {
    const run = await lockRun(tx, runId)
    const { version } = await requireArtifact(tx, used.runId, source.key, used.path, used.version)
    await tx.query(
      {
        name: 'artifact-use',
        text: `insert into artifact_uses (run_key, source_key, path, version) values ($1, $2, $3, $4)
               on conflict do nothing`,
      },
      [run.key, source.key, used.path, version],
    )
  })
}

const LINKS = 'r.id as "runId", u.path, u.version, u.created_at as at'
const MOST_LINKS = 10_000

/** What a run has read of others, and which runs have read what of it; newest first. */
export async function lineageOf(
  database: Queryable,
  runKey: number,
): Promise<{ readonly uses: readonly Link[]; readonly usedBy: readonly Link[] }> {
  const [uses, usedBy] = await Promise.all([
    database.query<Link>(
      {
        name: 'lineage-uses',
        text: `select ${LINKS} from artifact_uses u join runs r on r.key = u.source_key where u.run_key = $1
                order by u.created_at desc, r.key, u.path limit ${MOST_LINKS}`,
      },
      [runKey],
    ),
    database.query<Link>(
      {
        name: 'lineage-used-by',
        text: `select ${LINKS} from artifact_uses u join runs r on r.key = u.run_key where u.source_key = $1
                order by u.created_at desc, r.key, u.path limit ${MOST_LINKS}`,
      },
      [runKey],
    ),
  ])
  return { uses: uses.rows, usedBy: usedBy.rows }
}
