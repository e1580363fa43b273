import type { ProjectSettings } from '@sweep/spec/wire/tracking/projects'
import type { RetainedRun } from '@sweep/store/retention/retained-runs'

export type RetentionPolicy = Pick<ProjectSettings, 'archive' | 'points' | 'deleted'>

/** The runs of one experiment, in the order they were made. */
export interface RunsToRetain {
  readonly runs: readonly RetainedRun[]
  /** Keys of those that have something to be judged by, the best first; undefined where nothing says what that is. */
  readonly ranking: readonly number[] | undefined
}

export interface RetentionPlan {
  readonly archive: readonly RetainedRun[]
  readonly thin: readonly RetainedRun[]
  readonly purge: readonly RetainedRun[]
  /** Something is left alone because the best runs are to be spared, and nothing says which they are. */
  readonly isUnjudged: boolean
}

const DAY_MS = 86_400_000

/** The time before which what happened was `days` ago; undefined where there is no such limit. */
export function daysBefore(now: Date, days: number | undefined): Date | undefined {
  return days === undefined ? undefined : new Date(now.getTime() - days * DAY_MS)
}

export function hasPolicy({ archive, points, deleted }: RetentionPolicy): boolean {
  return [archive.afterDays, points.wholeDays, deleted.purgeAfterDays].some((days) => days !== undefined)
}

/**
 * What becomes of the runs of an experiment at a time. Runs that are not over are left alone; the best and the newest
 * are counted among all that are not deleted, archived ones too.
 */
export function planRetention(
  { runs, ranking }: RunsToRetain,
  { archive, points, deleted }: RetentionPolicy,
  now: Date,
): RetentionPlan {
  const archiveBefore = daysBefore(now, archive.afterDays)
  const thinBefore = daysBefore(now, points.wholeDays)
  const purgeBefore = daysBefore(now, deleted.purgeAfterDays)
  const shown = runs.filter(({ deletedAt }) => deletedAt === null)
  const recent = new Set(archive.keepRecent === 0 ? [] : shown.slice(-archive.keepRecent).map(({ key }) => key))
  const places = new Map(placed(ranking ?? [], shown))
  // Where the best are to be spared and can't be told, none is touched: what is dropped can't be brought back.
  const isBest = ({ key }: RetainedRun, most: number) =>
    most > 0 && (ranking === undefined || (places.get(key) ?? Number.POSITIVE_INFINITY) < most)
  const mayArchive = shown.filter(
    (run) => run.archivedAt === null && !run.isKept && !recent.has(run.key) && isBefore(run.endedAt, archiveBefore),
  )
  const mayThin = shown.filter(
    (run) => run.mostPoints > points.buckets && isBefore(run.endedAt, thinBefore) && !isThin(run),
  )
  const archived = mayArchive.filter((run) => !isBest(run, archive.keepBest))
  const thinned = mayThin.filter((run) => !isBest(run, points.keepBest))
  const isSpared = archived.length < mayArchive.length || thinned.length < mayThin.length
  return {
    archive: archived,
    thin: thinned,
    // A trial is still needed while its sweep goes on; a run outside of sweeps that is deleted takes no writes.
    purge: runs.filter(
      ({ trial, endedAt, deletedAt }) => isBefore(deletedAt, purgeBefore) && (trial === null || endedAt !== null),
    ),
    isUnjudged: ranking === undefined && isSpared,
  }
}

function* placed(ranking: readonly number[], shown: readonly RetainedRun[]): Iterable<[number, number]> {
  const keys = new Set(shown.map(({ key }) => key))
  let place = 0
  for (const key of ranking) {
    if (!keys.has(key)) continue
    yield [key, place]
    place += 1
  }
}

function isBefore(at: Date | null, limit: Date | undefined): boolean {
  return at !== null && limit !== undefined && at <= limit
}

/** One that was taken up again afterwards has new points. */
function isThin({ thinnedAt, endedAt }: RetainedRun): boolean {
  return thinnedAt !== null && endedAt !== null && thinnedAt >= endedAt
}
