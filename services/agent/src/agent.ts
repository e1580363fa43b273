import { hostname } from 'node:os'
import { join } from 'node:path'
import { inheritedEnvironment } from '@sweep/launchers/inherited-environment'
import type { Assignment, Room } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { AgentDeps, AgentHandle } from './agent-handle.ts'
import { ClaimLoop } from './claim-loop.ts'
import { cachedKeys } from './code/code-folder.ts'
import { FolderCache } from './code/folder-cache.ts'
import type { AgentHome } from './home/agent-home.ts'
import type { ReaperLink } from './home/reaper-link.ts'
import { RunJanitor } from './home/run-janitor.ts'
import { DiskWatch } from './host/disk-watch.ts'
import { findSdkFolder } from './host/host-files.ts'
import { RunEnvironments } from './host/run-environment.ts'
import { SAMPLE_EVERY_MS, Sampler } from './host/sampler.ts'
import type { AgentLaunchers } from './make-launchers.ts'
import { AgentMonitoring } from './monitoring.ts'
import { Reporter } from './report/reporter.ts'
import { AttemptRun } from './run/attempt-run.ts'
import { LeftoverWatch, type LeftoverWatchOptions } from './run/leftover-watch.ts'
import type { RunContext } from './run/run-context.ts'
import { RunTable } from './run/run-table.ts'
import { DRAIN_MS } from './run/stop-plan.ts'
import { ServerLink } from './server/server-link.ts'
import type { AgentSettings } from './settings.ts'
import { queryNvidiaSmi } from './slots/gpus.ts'
import type { SlotTable } from './slots/slot-table.ts'
import { Uploads } from './uploads/uploads.ts'
import { WorkSources, type WorkSourcesOptions } from './work/work-sources.ts'

/** Makes up for changes that no watch told of. */
const LOOK_ANYWAY_MS = 1000
/** Once everything has ended, its reports get this long to arrive; what does not stays on disk for the next start. */
const LAST_REPORTS_MS = 5000
const HURRIED_GRACE_MS = 1000

/** See `startAgent`. */
export class Agent implements AgentHandle {
  readonly name: string
  readonly home: string
  readonly ready: Promise<string>
  readonly done: Promise<void>
  readonly #log: Logger
  readonly #home: AgentHome
  readonly #slots: SlotTable
  readonly #link: ServerLink
  readonly #reporter: Reporter
  readonly #sources: WorkSources
  readonly #claims: ClaimLoop
  readonly #disk: DiskWatch
  readonly #reaper: ReaperLink | undefined
  readonly #sampler: Sampler
  readonly #uploads: Uploads
  readonly #janitor: RunJanitor
  readonly #leftovers: LeftoverWatch
  readonly #context: RunContext
  readonly #runs = new RunTable()
  readonly #settleReady: { resolve: (id: string) => void; reject: (error: unknown) => void }
  readonly #settleDone: () => void
  #isRegistered = false
  #uploadsUntil = Number.POSITIVE_INFINITY
  #isDraining = false
  #isClosed = false
  #stopping: Promise<void> | undefined
  #timers: NodeJS.Timeout[] = []

  constructor(
    settings: AgentSettings,
    deps: AgentDeps,
    home: AgentHome,
    slots: SlotTable,
    capacity: { cpus: number; memoryBytes: number },
    launchers: AgentLaunchers,
    reaper: ReaperLink | undefined,
  ) {
    const { random } = deps
    const steady = () => performance.now()
    const times = () => ({ wall: deps.clock.now(), steady: steady() })
    this.#home = home
    this.name = home.name
    this.home = home.path
    this.#log = deps.log.child({ agent: home.name })
    this.#slots = slots
    this.#link = new ServerLink({
      settings,
      home,
      about: {
        name: this.name,
        host: hostname(),
        slots: [...slots.slots],
        ...capacity,
        queues: [...settings.queues],
        launchers: [...launchers.offered],
        labels: { ...settings.labels },
        version: settings.version,
      },
      heartbeat: () => ({
        room: this.#room,
        draining: this.#isDraining,
        attempts: this.#runs.all.map(({ assignment: { attemptId, epoch } }) => ({ attemptId, epoch })),
      }),
      mayGiveUp: () => this.#runs.isEmpty,
      onRefused: (error) => {
        this.#settleReady.reject(error)
        this.#close()
      },
      onLease: (leaseMs) => {
        this.#reaper?.leaseGranted(leaseMs)
        this.#leftovers.onContact(leaseMs)
      },
      onCutOff: (leftMs) => this.#onCutOff(leftMs),
      onStatus: (status) => this.#runs.get(status.attemptId)?.onStatus(status),
      onStop: ({ attemptId, epoch, reason, verdict }) => {
        const run = this.#runs.get(attemptId)
        if (run?.assignment.epoch === epoch) run.stop(reason, verdict)
      },
      onDrain: () => this.#startDraining(),
      onQueues: (queues) => this.#sources.onQueues(queues),
      random,
      log: this.#log,
    })
    const common = { api: this.#link.api, random, log: this.#log }
    this.#reporter = new Reporter({ ...common, times, ride: (released) => this.#claims.ride(released) })
    this.#disk = new DiskWatch({ folder: home.path, log: this.#log, steady, onChange: () => this.#onDiskChange() })
    const { claim } = settings
    const { condition } = this.#link
    const onCondition: WorkSourcesOptions['onCondition'] = (now) =>
      condition.change({ queueTrouble: undefined, ...now })
    this.#sources = new WorkSources({ ...common, claim, owner: home.id, slots: slots.slots, steady, onCondition })
    this.#claims = new ClaimLoop({
      ...common,
      source: this.#sources,
      slots,
      mayStart: () => this.#blocked === undefined,
      steady,
      onAssignment: (assignment) => this.#begin(assignment),
    })
    this.#reaper = reaper
    this.#sampler = new Sampler(deps.queryGpus ?? queryNvidiaSmi)
    this.#uploads = new Uploads(join(home.path, 'uploads'), { ...common, objects: this.#link.objects })
    this.#janitor = new RunJanitor({
      folder: join(home.path, 'runs'),
      keep: settings.keepRuns,
      clock: deps.clock,
      log: this.#log,
      inUse: () => new Set([...this.#runs.all.map(({ id }) => id), ...this.#uploads.pending]),
      restoring: () => this.#runs.all.flatMap(({ assignment: { restore } }) => restore ?? []),
      free: (attempts) => this.#link.api.freeRuns(attempts),
    })
    const agent = { id: home.id, home: home.path }
    const onLooked: LeftoverWatchOptions['onLooked'] = (lostNamespaces) => condition.change({ lostNamespaces })
    this.#leftovers = new LeftoverWatch({ ...common, agent, launchers: launchers.all, steady, onLooked })
    const inherited = inheritedEnvironment(settings.env, settings.passEnv)
    this.#context = {
      home,
      launchers: launchers.all,
      reporter: this.#reporter,
      slots,
      environments: new RunEnvironments(inherited.onHost),
      inherited,
      fetching: {
        cache: new FolderCache({
          folder: join(home.path, 'cache'),
          quotaBytes: settings.cacheBytes,
          clock: deps.clock,
          inUse: () => new Set(this.#runs.all.flatMap((run) => cachedKeys(run.assignment))),
        }),
        objects: this.#link.objects,
        env: inherited.onHost,
        random,
      },
      uploads: this.#uploads,
      uploadsUntil: () => this.#uploadsUntil,
      sdkFolder: findSdkFolder(),
      url: settings.url,
      times,
      log: this.#log,
      onFree: () => this.#claims.onFree(),
      onGone: (run) => this.#runs.delete(run),
      onNodeFault: () => this.#claims.pauseForFault(),
      monitoring: new AgentMonitoring(slots, () => this.#runs.all.filter((run) => run.isRunning).length, deps.metrics),
    }
    const ready = deferred<string>()
    this.ready = ready.promise
    // Whoever does not look at it learns of a failure by `done`.
    this.ready.catch(() => undefined)
    this.#settleReady = ready
    const done = deferred<void>()
    this.done = done.promise
    this.#settleDone = () => done.resolve()
  }

  /** Takes over what an earlier agent of this home left, then starts to work. */
  async begin(): Promise<void> {
    const records = this.#home.live()
    await this.#endStrays(new Set(records.map((record) => record.assignment.attemptId)))
    for (const record of records) this.#runs.add(await AttemptRun.adopt(this.#context, record))
    if (records.length > 0) this.#log.info({ attempts: records.length }, 'attempts taken over')
    void this.#reporter.run()
    void this.#work()
  }

  async #endStrays(known: ReadonlySet<string>): Promise<void> {
    const agent = { id: this.#home.id, home: this.home }
    const ends = [...this.#context.launchers.values()].map(async (launcher) => {
      try {
        const ended = await launcher.endStrays(agent, known)
        if (ended.length > 0) this.#log.warn({ launcher: launcher.name, attempts: ended }, 'stray attempts ended')
      } catch (error) {
        this.#log.warn({ err: error, launcher: launcher.name }, 'no look for stray attempts')
      }
    })
    await Promise.all(ends)
  }

  whyUnhealthy(): string | undefined {
    return this.#isRegistered ? this.#blocked : 'the server has not taken it yet'
  }

  drain(): Promise<void> {
    this.#startDraining()
    return this.done
  }

  stop(): Promise<void> {
    if (this.#isClosed) return this.done
    if (this.#stopping !== undefined) {
      for (const run of this.#runs.all) run.hurry(HURRIED_GRACE_MS)
      return this.#stopping
    }
    this.#log.info({ attempts: this.#runs.all.length }, 'agent stopping')
    this.#isDraining = true
    this.#claims.stop()
    for (const run of this.#runs.all) run.stop('preempted', { reason: 'the agent was told to stop' })
    this.#stopping = this.#finish()
    return this.#stopping
  }

  async leave(): Promise<void> {
    this.#claims.stop()
    for (const run of this.#runs.all) run.leave()
    this.#runs.clear()
    this.#close()
  }

  async #finish(): Promise<void> {
    this.#link.beatNow()
    // A host that goes away has no time for more.
    this.#uploadsUntil = this.#context.times().steady + DRAIN_MS
    const isEmpty = this.#runs.untilEmpty()
    const everyEndMs = DRAIN_MS + HURRIED_GRACE_MS
    const deadline = this.#runs.all.some((run) => run.isRunning) ? everyEndMs : 0
    await Promise.race([isEmpty, after(deadline + LAST_REPORTS_MS)])
    for (const run of this.#runs.all) run.leave()
    this.#close()
  }

  #startDraining(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    this.#log.info({ attempts: this.#runs.all.length }, 'agent draining')
    this.#claims.stop()
    this.#link.beatNow()
    void this.#runs.untilEmpty().then(async () => {
      await this.#uploads.idle()
      if (this.#stopping === undefined) this.#close()
    })
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#claims.stop()
    this.#sources.close()
    this.#reporter.close()
    this.#uploads.close()
    this.#janitor.close()
    for (const timer of this.#timers) clearInterval(timer)
    this.#reaper?.close()
    this.#link.close()
    this.#home.close()
    this.#log.info('agent ended')
    this.#settleDone()
  }

  async #work(): Promise<void> {
    const agentId = await this.#link.register(this.#runs.all.map((run) => run.assignment.attemptId))
    if (agentId === null) return
    this.#settleReady.resolve(agentId)
    this.#isRegistered = true
    this.#uploads.resume()
    this.#janitor.start()
    this.#timers = [
      setInterval(() => this.#lookAround(), LOOK_ANYWAY_MS),
      setInterval(() => void this.#sample(), SAMPLE_EVERY_MS),
    ]
    for (const timer of this.#timers) timer.unref()
    // The first beat tells what the server has of the attempts that were taken over, or that they are lost.
    this.#link.run()
    await this.#sources.open()
    if (!this.#isDraining) this.#claims.start()
  }

  #begin(assignment: Assignment): Promise<void> {
    return this.#runs.starting(async () => {
      const { attemptId } = assignment
      if (this.#runs.get(attemptId) !== undefined) return
      const declined = this.#isDraining ? 'the agent was told to end before it could start' : this.#blockedNow()
      if (declined !== undefined) {
        this.#runs.add(AttemptRun.decline(this.#context, assignment, declined))
        return
      }
      const held = this.#slots.take(assignment.shape)
      if (held === null) {
        // Offers made at the same time may have crossed. It goes back, and somebody with room gets it.
        this.#log.warn({ attemptId, shape: assignment.shape, room: this.#slots.room }, 'assignment does not fit')
        this.#runs.add(AttemptRun.decline(this.#context, assignment, 'the agent had no room for it just now'))
        return
      }
      const run = AttemptRun.of(this.#context, assignment, held)
      // Its lease is renewed, and a stop finds it, also while it takes long to start.
      this.#runs.add(run)
      await run.launch()
      if (run.isRunning && !run.hasFault) this.#claims.faultIsOver()
    })
  }

  /** Why nothing can be started here now, for people. */
  get #blocked(): string | undefined {
    return this.#disk.full ?? this.#link.unkept
  }

  #blockedNow(): string | undefined {
    this.#disk.look()
    return this.#blocked
  }

  get #room(): Room {
    const blocked = this.#blocked
    return blocked === undefined ? this.#slots.room : { ...this.#slots.room, blocked }
  }

  #lookAround(): void {
    this.#reporter.wakeAll()
    // Nothing tells that somebody has freed some space: to ask is to learn of it.
    if (this.#disk.full === undefined && this.#link.unkept !== undefined) {
      this.#link.keep()
      this.#claims.onFree()
    }
  }

  #onCutOff(leftMs: number): void {
    const runs = this.#runs.all.filter((run) => run.isRunning)
    if (runs.length === 0) return
    this.#log.warn({ attempts: runs.length, leftMs }, 'cut off from the server; what runs here is stopped')
    for (const run of runs) {
      run.stop('preempted', { reason: 'its host was cut off from the server' }, leftMs)
      // One that was being stopped has no more time than the others.
      run.hurry(leftMs)
    }
  }

  #onDiskChange(): void {
    this.#link.beatNow()
    this.#claims.onFree()
  }

  async #sample(): Promise<void> {
    const running = this.#runs.all.filter((run) => run.isRunning)
    if (running.length === 0) return
    const samples = await this.#sampler.sample(running, this.#context.times())
    for (const run of running) {
      const sample = samples.get(run.id)
      if (sample === undefined) continue
      run.reports.sample(sample)
      this.#reporter.wake(run)
    }
  }
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
