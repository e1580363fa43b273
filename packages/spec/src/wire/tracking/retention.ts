import { z } from 'zod'
import { ExperimentId, RunId } from '../../ids.ts'
import { Time } from '../api.ts'
import { ProjectSettings } from './projects.ts'

/** Bodies of `/api/v1/projects/:id/retention`. */

/** What becomes of a run: it is put away, its points are thinned out, it goes for good. */
export const RETENTION_ACTIONS = ['archive', 'thin', 'purge'] as const
export type RetentionAction = (typeof RETENTION_ACTIONS)[number]

/** How much was done, or would be. */
export const RetentionCounts = z.strictObject({
  archivedRuns: z.int(),
  thinnedRuns: z.int(),
  purgedRuns: z.int(),
})
export type RetentionCounts = z.infer<typeof RetentionCounts>

export const RetentionStep = z.strictObject({
  action: z.enum(RETENTION_ACTIONS),
  runId: RunId,
  name: z.string().nullable(),
  experiment: z.string(),
  /** When it ended, or, of those that are purged, when it was deleted. */
  since: Time,
  /** That are stored of it, of all metrics. */
  points: z.int(),
})
export type RetentionStep = z.infer<typeof RetentionStep>

/** Once through all that is due; one that was interrupted goes on. */
export const RetentionRound = RetentionCounts.extend({
  startedAt: Time,
  /** Null while it is under way. */
  endedAt: Time.nullable(),
  /** Of the runs that were thinned. */
  pointsBefore: z.int(),
  pointsAfter: z.int(),
  purgedFiles: z.int(),
  purgedBytes: z.int(),
})
export type RetentionRound = z.infer<typeof RetentionRound>

/** `GET`: what the policy of a project would do now, and what it has done. */
export const RetentionView = z.strictObject({
  policy: ProjectSettings.pick({ archive: true, points: true, deleted: true }),
  due: RetentionCounts,
  /** The first so many of them, as `limit` says. */
  steps: z.array(RetentionStep),
  /** Experiments that are left alone, because nothing says which of their runs are the best. */
  unjudged: z.array(z.strictObject({ experimentId: ExperimentId, experiment: z.string() })),
  /** Somebody has asked for it to be done now, and it is not done yet. */
  isAsked: z.boolean(),
  /** Newest first. */
  rounds: z.array(RetentionRound),
})
export type RetentionView = z.infer<typeof RetentionView>
