import type { Database, Queryable } from '../database.ts'
import { holdServiceLease } from '../service-leases.ts'
import { PROJECT_COLUMNS, type ProjectRecord, type ProjectRow, projectRecord } from '../tracking/projects.ts'

/** How much the policy of a project has done, from one look at all its runs to the next. */
export interface RoundRecord extends RetentionDone {
  readonly startedAt: Date
  /** Null while it is under way. */
  readonly endedAt: Date | null
}

export interface RetentionDone {
  readonly archivedRuns: number
  readonly thinnedRuns: number
  readonly pointsBefore: number
  readonly pointsAfter: number
  readonly purgedRuns: number
  readonly purgedFiles: number
  readonly purgedBytes: number
}

/** Who does it for all, and until when the others leave it to them. */
export interface RetentionLease {
  readonly owner: string
  readonly ms: number
}

export const RETENTION_LEASE = 'retention'

const COUNT = {
  name: 'retention-count',
  text: `insert into retention_rounds as r (project_id, archived_runs, thinned_runs, points_before, points_after,
           purged_runs, purged_files, purged_bytes) values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (project_id) where ended_at is null do update set
           archived_runs = r.archived_runs + excluded.archived_runs,
           thinned_runs = r.thinned_runs + excluded.thinned_runs,
           points_before = r.points_before + excluded.points_before,
           points_after = r.points_after + excluded.points_after,
           purged_runs = r.purged_runs + excluded.purged_runs,
           purged_files = r.purged_files + excluded.purged_files,
           purged_bytes = r.purged_bytes + excluded.purged_bytes`,
}

/**
 * Does a part of the work in one transaction with the count of it, so that what is counted was done, once, also when the
 * process is killed in between. Nobody else does any of it meanwhile.
 * @returns whether the work was still `lease.owner`'s; nothing was done otherwise
 */
export async function retentionStep(
  database: Database,
  projectId: number,
  lease: RetentionLease,
  work: (tx: Queryable) => Promise<Partial<RetentionDone>>,
): Promise<boolean> {
  return database.tx(async (tx) => {
    if (!(await holdServiceLease(tx, RETENTION_LEASE, lease.owner, lease.ms))) return false
    const done = await work(tx)
    if (Object.values(done).some((count) => count > 0)) {
      await tx.query(COUNT, [
        projectId,
        done.archivedRuns ?? 0,
        done.thinnedRuns ?? 0,
        done.pointsBefore ?? 0,
        done.pointsAfter ?? 0,
        done.purgedRuns ?? 0,
        done.purgedFiles ?? 0,
        done.purgedBytes ?? 0,
      ])
    }
    return true
  })
}

/** A project whose policy is to be followed, and when somebody has asked for that, as Postgres writes it. */
export interface ProjectToRetain {
  readonly project: ProjectRecord
  readonly askedAt: string | null
}

/** Projects that somebody has asked to be looked after now, or all that may have a policy. */
export async function projectsToRetain(database: Queryable, onlyAsked: boolean): Promise<ProjectToRetain[]> {
  const { rows } = await database.query<ProjectRow & { asked_at: string | null }>(
    {
      name: 'retention-projects',
      text: `select ${PROJECT_COLUMNS}, p.retention_asked_at::text as asked_at from projects p
              where p.retention_asked_at is not null
                 or (not $1 and (p.settings ?| array['archive', 'points', 'deleted'])) order by p.id`,
    },
    [onlyAsked],
  )
  return rows.map(({ asked_at: askedAt, ...row }) => ({ project: projectRecord(row), askedAt }))
}

/** Asks for the policy of a project to be followed now. */
export async function askRetention(database: Queryable, projectId: number): Promise<void> {
  await database.query(
    { name: 'retention-ask', text: 'update projects set retention_asked_at = clock_timestamp() where id = $1' },
    [projectId],
  )
}

/**
 * Notes that all that was due is done. Where somebody has asked for it since, it is looked at once more.
 * @param askedAt as `projectsToRetain` gave it
 * @returns what the round has come to; undefined when there was nothing to do
 */
export async function endRound(
  database: Database,
  projectId: number,
  askedAt: string | null,
): Promise<RoundRecord | undefined> {
  return database.tx(async (tx) => {
    await tx.query(
      'update projects set retention_asked_at = null where id = $1 and retention_asked_at = $2::timestamptz',
      [projectId, askedAt],
    )
    const { rows } = await tx.query<RoundRow>(
      `update retention_rounds r set ended_at = clock_timestamp() where project_id = $1 and ended_at is null
       returning ${ROUND_COLUMNS}`,
      [projectId],
    )
    return rows[0] && roundRecord(rows[0])
  })
}

const MOST_ROUNDS = 20

/** The newest rounds of a project, and whether one was asked for that is not done. */
export async function retentionRounds(
  database: Queryable,
  projectId: number,
): Promise<{ readonly rounds: readonly RoundRecord[]; readonly isAsked: boolean }> {
  const [found, asked] = await Promise.all([
    database.query<RoundRow>(
      {
        name: 'retention-rounds',
        text: `select ${ROUND_COLUMNS} from retention_rounds r where project_id = $1
                order by project_id desc, id desc limit ${MOST_ROUNDS}`,
      },
      [projectId],
    ),
    database.query<{ is_asked: boolean }>(
      'select retention_asked_at is not null as is_asked from projects where id = $1',
      [projectId],
    ),
  ])
  return { rounds: found.rows.map(roundRecord), isAsked: asked.rows[0]?.is_asked ?? false }
}

const ROUND_COLUMNS = `r.started_at, r.ended_at, r.archived_runs, r.thinned_runs, r.points_before, r.points_after,
  r.purged_runs, r.purged_files, r.purged_bytes`

interface RoundRow {
  readonly started_at: Date
  readonly ended_at: Date | null
  readonly archived_runs: number
  readonly thinned_runs: number
  readonly points_before: number
  readonly points_after: number
  readonly purged_runs: number
  readonly purged_files: number
  readonly purged_bytes: number
}

function roundRecord(row: RoundRow): RoundRecord {
  return {
    startedAt: row.started_at,
    endedAt: row.ended_at,
    archivedRuns: row.archived_runs,
    thinnedRuns: row.thinned_runs,
    pointsBefore: row.points_before,
    pointsAfter: row.points_after,
    purgedRuns: row.purged_runs,
    purgedFiles: row.purged_files,
    purgedBytes: row.purged_bytes,
  }
}
