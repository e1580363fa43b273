import { setTimeout as delay } from 'node:timers/promises'
import { thinPoints } from '@sweep/analysis/thin-points'
import type { Clock } from '@sweep/spec/clock'
import type { Database, Queryable } from '@sweep/store/database'
import { pruneEvents } from '@sweep/store/retention/prune-events'
import { purgeRuns } from '@sweep/store/retention/purge-runs'
import { archiveRuns, type RetainedRun } from '@sweep/store/retention/retained-runs'
import {
  endRound,
  type ProjectToRetain,
  projectsToRetain,
  RETENTION_LEASE,
  type RetentionDone,
  retentionStep,
} from '@sweep/store/retention/rounds'
import { type ChoosePoints, thinRun } from '@sweep/store/retention/thin-run'
import { giveServiceLease, takeServiceLease } from '@sweep/store/service-leases'
import type { ProjectRecord } from '@sweep/store/tracking/projects'
import type { Logger } from 'pino'
import { daysBefore, hasPolicy, type RetentionPlan } from './plan-retention.ts'
import { projectPlan } from './project-plan.ts'

export interface RetentionOptions {
  readonly database: Database
  readonly clock: Clock
  readonly log: Logger
  /** Names this server as the one that does it. */
  readonly id: string
  /** Between two looks at whether somebody has asked for it. */
  readonly everyMs?: number
  /** Between two looks at all projects, the first of which comes that long after the start at most. */
  readonly roundMs?: number
  /** How long the others wait for a server that was killed. */
  readonly leaseMs?: number
}

const EVERY_MS = 5000
const ROUND_MS = 3_600_000
const FIRST_ROUND_MS = 60_000
const LEASE_MS = 30_000
/** Runs in one transaction. */
const ARCHIVED_AT_ONCE = 200
const PURGED_AT_ONCE = 20
/** What webhooks were told of a run is forgotten so long after its end. */
const EVENTS_DAYS = 1

class LostLease extends Error {}

/**
 * Follows the policies of projects: archives runs, drops points, removes deleted runs for good. In small transactions, each
 * of which leaves everything whole and finds out by itself what is still to be done, so a server that is killed in the
 * middle is followed by any other. One does it at a time.
 */
export class RetentionKeeper {
  readonly #options: RetentionOptions
  readonly #closed = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #nextRoundAt: number

  constructor(options: RetentionOptions) {
    this.#options = options
    const { clock, roundMs = ROUND_MS } = options
    this.#nextRoundAt = clock.now() + Math.min(FIRST_ROUND_MS, roundMs)
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, everyMs = EVERY_MS, log, roundMs = ROUND_MS } = this.#options
    while (!this.#closed.signal.aborted) {
      const isDue = clock.now() >= this.#nextRoundAt
      try {
        await this.round({ onlyAsked: !isDue })
        if (isDue) this.#nextRoundAt = clock.now() + roundMs
      } catch (error) {
        log.warn({ err: error }, 'policies of projects not followed')
      }
      // A timer that keeps nobody alive.
      await delay(everyMs, undefined, { signal: this.#closed.signal, ref: false }).catch(() => undefined)
    }
  }

  /** Does all that is due, of the projects that somebody has asked for or of all, unless another server is at it. */
  async round({ onlyAsked }: { readonly onlyAsked: boolean }): Promise<void> {
    const { clock, database, id, leaseMs = LEASE_MS, log } = this.#options
    const projects = await projectsToRetain(database, onlyAsked)
    if (onlyAsked && projects.length === 0) return
    if (!(await takeServiceLease(database, RETENTION_LEASE, id, leaseMs))) return
    try {
      for (const project of projects) await this.#follow(project)
      if (onlyAsked) return
      const now = new Date(clock.now())
      const pruned = await pruneEvents(database, daysBefore(now, EVENTS_DAYS) ?? now)
      if (pruned > 0) log.info({ rows: pruned }, 'events of ended runs forgotten')
    } catch (error) {
      if (!(error instanceof LostLease)) throw error
    } finally {
      await giveServiceLease(database, RETENTION_LEASE, id)
    }
  }

  async #follow({ project, askedAt }: ProjectToRetain): Promise<void> {
    const { clock, database, log } = this.#options
    const now = new Date(clock.now())
    if (hasPolicy(project.settings)) {
      for await (const { plan } of projectPlan(database, project, now)) await this.#act(project, plan, now)
    }
    const round = await endRound(database, project.id, askedAt)
    if (round !== undefined) log.info({ project: project.id, ...round }, 'policy of a project followed')
  }

  async #act(project: ProjectRecord, plan: RetentionPlan, now: Date): Promise<void> {
    const { points, deleted } = project.settings
    for (const keys of slices(plan.archive, ARCHIVED_AT_ONCE)) {
      await this.#step(project, async (tx) => ({ archivedRuns: await archiveRuns(tx, keys) }))
    }
    const deletedBefore = daysBefore(now, deleted.purgeAfterDays)
    for (const keys of slices(plan.purge, PURGED_AT_ONCE)) {
      if (deletedBefore === undefined) break
      await this.#step(project, async (tx) => {
        const { runs, files, bytes } = await purgeRuns(tx, keys, deletedBefore)
        return { purgedRuns: runs, purgedFiles: files, purgedBytes: bytes }
      })
    }
    const choose: ChoosePoints = (attempts, own, least) => thinPoints(attempts, own, points.buckets, least)
    for (const { key } of plan.thin) {
      await this.#step(project, async (tx) => {
        const done = await thinRun(tx, key, points.buckets, choose)
        if (done.result !== 'thinned') return {}
        return { thinnedRuns: 1, pointsBefore: done.pointsBefore, pointsAfter: done.pointsAfter }
      })
    }
  }

  async #step(project: ProjectRecord, work: (tx: Queryable) => Promise<Partial<RetentionDone>>): Promise<void> {
    const { database, id, leaseMs: ms = LEASE_MS } = this.#options
    if (this.#closed.signal.aborted) throw new LostLease()
    if (!(await retentionStep(database, project.id, { owner: id, ms }, work))) throw new LostLease()
  }
}

function* slices(runs: readonly RetainedRun[], size: number): Iterable<readonly number[]> {
  for (let at = 0; at < runs.length; at += size) yield runs.slice(at, at + size).map(({ key }) => key)
}
