import { metricRole } from '@sweep/analysis/health/metric-role'
import type { RunAims } from '@sweep/analysis/health/run-watch'
import { SweepError } from '@sweep/spec/errors'
import type { HealthFinding } from '@sweep/spec/health'
import { findingsOfRun, storeFindings } from '@sweep/store/health/findings'
import { metricNamesOf, type NewBatch, newBatches, packedPoints } from '@sweep/store/health/watched-points'
import { healthDone, type WatchedRun, watchedRuns } from '@sweep/store/health/watched-runs'
import { notify } from '@sweep/store/listen'
import { giveServiceLease, takeServiceLease } from '@sweep/store/service-leases'
import { askStop } from '@sweep/store/stops'
import { getSweep, sweepDefinition } from '@sweep/store/sweeps'
import type { ControllerContext } from '../context.ts'
import { isTorn, KnownRun } from './watched-run.ts'

/** Who asks for stops, in the facts. */
export const BY_HEALTH = 'health'
const LEASE = 'health'
/** Three rounds and a little: after that long another controller takes over. */
const LEASE_MS = 20_000
/** Runs of one round; the others are looked at in the next. */
const MOST_RUNS = 5000
/** Runs whose points are read at once. */
const AT_ONCE = 20

/**
 * Looks at the metrics of all runs that run, and once more at those that have ended, and keeps what is wrong with them.
 * It reads what reports have stored, so no report waits for it. One controller does so for all.
 */
export class HealthWatch {
  readonly #context: ControllerContext
  #known = new Map<number, KnownRun>()

  constructor(context: ControllerContext) {
    this.#context = context
  }

  async round(): Promise<void> {
    const { controllerId, database } = this.#context
    if (!(await takeServiceLease(database, LEASE, controllerId, LEASE_MS))) {
      this.#known.clear()
      return
    }
    const runs = await watchedRuns(database, MOST_RUNS)
    const known = new Map<number, KnownRun>()
    for (const run of runs) {
      const one = this.#known.get(run.runKey) ?? (await this.#meet(run))
      if (one !== undefined) known.set(run.runKey, one)
    }
    this.#known = known
    const withNews = runs.filter((run) => known.get(run.runKey)?.hasNews(run) === true)
    for (let at = 0; at < withNews.length; at += AT_ONCE) {
      await this.#look(withNews.slice(at, at + AT_ONCE))
      // A round over very many runs is slow; nobody should take over in the middle of it.
      if (!(await takeServiceLease(database, LEASE, controllerId, LEASE_MS))) return
    }
    const ended = runs.filter((run) => run.isDone).map(({ runKey }) => runKey)
    await healthDone(database, ended)
  }

  async release(): Promise<void> {
    await giveServiceLease(this.#context.database, LEASE, this.#context.controllerId)
  }

  async #meet(run: WatchedRun): Promise<KnownRun | undefined> {
    if (run.trial === null) return new KnownRun({ objective: run.metric ?? undefined })
    const { document } = await sweepDefinition(this.#context.database, run.trial.sweepId)
    const aims: RunAims = {
      objective: document.metric,
      policy: document.health,
      memoryLimitBytes: document.resources.memoryBytes,
    }
    return new KnownRun(aims)
  }

  async #look(runs: readonly WatchedRun[]): Promise<void> {
    const { database } = this.#context
    const names = await metricNamesOf(database, runs)
    const batches = await newBatches(
      database,
      runs.flatMap((run) => this.#known.get(run.runKey)?.from(run) ?? []),
    )
    for (const run of runs) await this.#lookAt(run, batches, names)
  }

  async #lookAt(run: WatchedRun, batches: readonly NewBatch[], names: ReadonlyMap<number, string>): Promise<void> {
    let known = this.#known.get(run.runKey)
    if (known === undefined) return
    try {
      if (isTorn(run, known, batches)) {
        const { stopAsked, aims } = known
        known = new KnownRun(aims)
        known.stopAsked = stopAsked
        this.#known.set(run.runKey, known)
        await this.#readAnew(run, known, names)
      } else known.take(run, [], batches, names)
      await this.#judge(run, known)
    } catch (error) {
      if (error instanceof SweepError && error.retryable) throw error
      // One run that can't be judged must not keep the others from it. It is read anew in the next round.
      this.#known.delete(run.runKey)
      this.#context.log.error({ err: error, runId: run.runId }, 'health of a run not judged')
    }
  }

  /** Packed points first: what is packed in between is then missing at most until the next batch. */
  async #readAnew(run: WatchedRun, known: KnownRun, names: ReadonlyMap<number, string>): Promise<void> {
    const { database } = this.#context
    const told = [...names].filter(([, name]) => metricRole(name, known.aims.objective) !== undefined)
    const keys = run.sources.map(({ attemptKey }) => attemptKey)
    const packed = await packedPoints(
      database,
      keys,
      told.map(([id]) => id),
    )
    known.take(run, packed, await newBatches(database, known.from(run)), names)
  }

  async #judge(run: WatchedRun, known: KnownRun): Promise<void> {
    const { clock, database, log } = this.#context
    const findings = known.findings()
    if (known.mustWrite(findings, clock.now())) {
      const before = await findingsOfRun(database, run.runId)
      if (findings.length > 0 || before.some(({ clearedAt }) => clearedAt === null)) {
        await storeFindings(database, run.runKey, findings)
        for (const { rule, metric } of findings) {
          const isNew = !before.some((one) => one.rule === rule && one.metric === metric && one.clearedAt === null)
          if (isNew) log.info({ runId: run.runId, rule, metric }, 'run is unhealthy')
        }
        if (run.trial !== null) await notify(database, 'sweep_changed', [run.trial.sweepId])
      }
    }
    await this.#stop(run, known, findings)
  }

  /** Ends the attempt that runs, where the sweep says so. The reason names the rule and what it saw. */
  async #stop(run: WatchedRun, known: KnownRun, findings: readonly HealthFinding[]): Promise<void> {
    const { trial, runningAttempt: attempt } = run
    const fatal = findings.find(({ rule }) => known.aims.policy?.[rule] === 'stop')
    if (fatal === undefined || trial === null || attempt === null || known.stopAsked === attempt) return
    const { database, log } = this.#context
    const { sweepId, number } = trial
    const sweep = await getSweep(database, sweepId)
    if (sweep === undefined) return
    const verdict = { reason: `${fatal.rule}: ${fatal.message}` }
    const stops = [{ trial: number, attempt, reason: 'unhealthy' as const, verdict }]
    const results = await askStop(database, { sweepId, basis: sweep.factSeq, by: BY_HEALTH, stops })
    known.stopAsked = attempt
    const agents = results.flatMap((result) => (result.result === 'asked' ? [result.agentId] : []))
    if (agents.length === 0) return
    await notify(database, 'attempt_stop', agents)
    await notify(database, 'sweep_changed', [sweepId])
    log.info({ sweepId, trial: number, rule: fatal.rule }, 'unhealthy trial asked to stop')
  }
}
