import type { AgentId, SweepId } from '@sweep/spec/ids'
import type { KeepArtifact, Kept } from '@sweep/spec/wire/agent-protocol'
import { ownedAttempt } from './checkpoints.ts'
import type { Database, Queryable } from './database.ts'
import { holdObject, objectName } from './objects.ts'

export interface ArtifactRecord {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
  /** Number of the attempt that wrote it. */
  readonly attempt: number | null
  readonly createdAt: Date
}

/** A later attempt replaces what an earlier one wrote, also when its upload is done first. */
const KEEP = {
  name: 'artifact-keep',
  text: `insert into artifacts as f (run_key, attempt_id, path, size_bytes, sha256, location)
         select $1, $2, $3, o.size_bytes, o.sha256, 'sha256:' || encode(o.sha256, 'hex') from objects o where o.sha256 = $4
         on conflict (run_key, path) do update set attempt_id = excluded.attempt_id, size_bytes = excluded.size_bytes,
           sha256 = excluded.sha256, location = excluded.location, created_at = now(),
           version = case when f.sha256 = excluded.sha256 then f.version else f.version + 1 end
          where coalesce((select a.number from attempts a where a.id = f.attempt_id), 0) <= $5`,
}

/** Notes that the object store has a file of the run of an attempt. */
export async function keepArtifact(
  database: Database,
  agentId: AgentId,
  artifact: KeepArtifact,
): Promise<Kept['result']> {
  const { attemptId, path, sha256 } = artifact
  return database.tx(async (tx) => {
    const attempt = await ownedAttempt(tx, agentId, artifact)
    if (attempt === undefined) return 'fenced'
    const name = objectName(sha256)
    if (!(await holdObject(tx, name))) return 'missing'
    await tx.query(KEEP, [attempt.run_key, attemptId, path, name, attempt.number])
    return 'kept'
  })
}

const SELECT = `
  select f.path, f.size_bytes as "sizeBytes", encode(f.sha256, 'hex') as sha256, a.number as attempt,
         f.created_at as "createdAt"
    from artifacts f join runs r on r.key = f.run_key left join attempts a on a.id = f.attempt_id
   where r.id = $1 || '-' || $2::int`

/** By path, at most `limit` of those after `after`. */
export async function listArtifacts(
  database: Queryable,
  sweepId: SweepId,
  trial: number,
  page: { readonly after?: string | undefined; readonly limit: number },
): Promise<ArtifactRecord[]> {
  const { rows } = await database.query<ArtifactRecord>(
    `${SELECT} and ($3::text is null or f.path collate "C" > $3) order by f.path collate "C" limit $4`,
    [sweepId, trial, page.after, page.limit],
  )
  return rows
}

export async function getArtifact(
  database: Queryable,
  sweepId: SweepId,
  trial: number,
  path: string,
): Promise<ArtifactRecord | undefined> {
  const { rows } = await database.query<ArtifactRecord>(`${SELECT} and f.path = $3`, [sweepId, trial, path])
  return rows[0]
}
