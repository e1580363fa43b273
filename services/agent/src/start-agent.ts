import { cpus, hostname, totalmem } from 'node:os'
import type { Launcher } from '@sweep/launchers/launcher'
import { ProcessLauncher } from '@sweep/launchers/process/process-launcher'
import { ATTEMPT_TAG, TaggedProcesses } from '@sweep/launchers/process/tagged-processes'
import { assertNever } from '@sweep/spec/assert-never'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'
import { newId } from '@sweep/spec/ids'
import type { AgentEvent, AgentRegistered, Assignment, AttemptStatus } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import { ClaimLoop } from './claim-loop.ts'
import { AgentHome, HOME_TAG } from './home/agent-home.ts'
import { ReaperLink } from './home/reaper-link.ts'
import { findReaper, findSdkFolder } from './host/host-files.ts'
import { RunEnvironments } from './host/run-environment.ts'
import { SAMPLE_EVERY_MS, Sampler } from './host/sampler.ts'
import { Reporter } from './report/reporter.ts'
import { AttemptRun, type RunContext } from './run/attempt-run.ts'
import { inheritedEnvironment } from './run/program-environment.ts'
import { DRAIN_MS } from './run/stop-plan.ts'
import { Backoff } from './server/backoff.ts'
import { HttpClient } from './server/http-client.ts'
import { ServerApi } from './server/server-api.ts'
import type { AgentSettings } from './settings.ts'
import { findGpus, type QueryGpus, queryNvidiaSmi } from './slots/gpus.ts'
import { makeSlots, SlotTable } from './slots/slot-table.ts'

/** Makes up for changes that no watch told of. */
const LOOK_ANYWAY_MS = 1000
/** The server sends something at least every 15 s. */
const STREAM_SILENCE_MS = 45_000
/** Once everything has ended, its reports get this long to arrive; what does not stays on disk for the next start. */
const LAST_REPORTS_MS = 5000
const HURRIED_GRACE_MS = 1000

export interface AgentDeps {
  readonly clock: Clock
  /** From 0 to 1, for jitter. */
  readonly random: () => number
  readonly randomBytes: RandomBytes
  readonly log: Logger
  readonly launcher?: Launcher
  readonly queryGpus?: QueryGpus
  /** The bundled reaper; looked for when undefined, none when null. */
  readonly reaperPath?: string | null
}

export interface AgentHandle {
  /** `settings.name`, or with a number behind it when another agent has that. */
  readonly name: string
  readonly home: string
  /** Resolves with the agent's id once the server knows it; rejects when the server does not want it. */
  readonly ready: Promise<string>
  /** Resolves when the agent has ended, for whatever reason. */
  readonly done: Promise<void>
  /** Claims no more; what runs may finish; then ends. */
  drain(): Promise<void>
  /** Ends what runs as `preempted`, reports that, and ends. Called again, it hurries. */
  stop(): Promise<void>
  /** Ends now and lets programs run on; the next agent with this home takes them over. */
  leave(): Promise<void>
}

/**
 * One agent. Returns as soon as its home is its own; it registers in the background, and tries on while the server is
 * away.
 * @throws SweepError when its home can't be used
 */
export async function startAgent(settings: AgentSettings, deps: AgentDeps): Promise<AgentHandle> {
  const home = AgentHome.open(settings.home, settings.name, newId(deps.randomBytes))
  try {
    const gpus = await findGpus(deps.queryGpus ?? queryNvidiaSmi)
    const capacity = { cpus: cpus().length, memoryBytes: totalmem() }
    const slots = new SlotTable(makeSlots(gpus, settings.gpus, settings.slots, capacity.cpus), capacity)
    const agent = new Agent(settings, deps, home, slots, capacity)
    await agent.begin()
    return agent
  } catch (error) {
    home.close()
    throw error
  }
}

class Agent implements AgentHandle {
  readonly name: string
  readonly home: string
  readonly ready: Promise<string>
  readonly done: Promise<void>
  readonly #settings: AgentSettings
  readonly #deps: AgentDeps
  readonly #log: Logger
  readonly #home: AgentHome
  readonly #slots: SlotTable
  readonly #capacity: { readonly cpus: number; readonly memoryBytes: number }
  readonly #http: HttpClient
  readonly #api: ServerApi
  readonly #reporter: Reporter
  readonly #claims: ClaimLoop
  readonly #reaper: ReaperLink
  readonly #sampler: Sampler
  readonly #context: RunContext
  readonly #runs = new Map<string, AttemptRun>()
  /** Attempts whose program is being started. */
  #starting = 0
  readonly #closed = new AbortController()
  readonly #backoff: Backoff
  readonly #settleReady: { resolve: (id: string) => void; reject: (error: unknown) => void }
  readonly #settleDone: () => void
  #leaseMs = 30_000
  #heartbeatMs = 5000
  #beatNow: (() => void) | undefined
  #isDraining = false
  #stopping: Promise<void> | undefined
  #onEmpty: (() => void) | undefined
  #timers: NodeJS.Timeout[] = []

  constructor(
    settings: AgentSettings,
    deps: AgentDeps,
    home: AgentHome,
    slots: SlotTable,
    capacity: { cpus: number; memoryBytes: number },
  ) {
    this.#settings = settings
    this.#deps = deps
    this.#home = home
    this.name = home.name
    this.home = home.path
    this.#log = deps.log.child({ agent: home.name })
    this.#slots = slots
    this.#capacity = capacity
    this.#http = new HttpClient(settings.url, settings.token)
    this.#api = new ServerApi(this.#http)
    const { random } = deps
    const times = () => ({ wall: deps.clock.now(), steady: performance.now() })
    this.#reporter = new Reporter({
      api: this.#api,
      times,
      random,
      log: this.#log,
      ride: (released) => this.#claims.ride(released),
    })
    this.#claims = new ClaimLoop({
      api: this.#api,
      slots,
      steady: () => performance.now(),
      random,
      log: this.#log,
      onAssignment: (assignment) => this.#begin(assignment),
    })
    const reaper = deps.reaperPath === undefined ? findReaper() : (deps.reaperPath ?? undefined)
    this.#reaper = new ReaperLink(reaper, home, this.#log)
    this.#sampler = new Sampler(deps.queryGpus ?? queryNvidiaSmi)
    this.#backoff = new Backoff(random)
    const inherited = inheritedEnvironment(settings.env, settings.passEnv)
    this.#context = {
      home,
      launcher: deps.launcher ?? new ProcessLauncher(),
      reporter: this.#reporter,
      slots,
      environments: new RunEnvironments(inherited),
      inherited,
      sdkFolder: findSdkFolder(),
      url: settings.url,
      times,
      log: this.#log,
      onFree: () => this.#claims.onFree(),
      onGone: (run) => this.#onGone(run),
      onNodeFault: () => this.#claims.pauseForFault(),
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
    this.#endStrays(new Set(records.map((record) => record.assignment.attemptId)))
    for (const record of records) {
      this.#runs.set(record.assignment.attemptId, await AttemptRun.adopt(this.#context, record))
    }
    if (records.length > 0) this.#log.info({ attempts: records.length }, 'attempts taken over')
    void this.#reporter.run()
    void this.#work()
  }

  drain(): Promise<void> {
    this.#startDraining()
    return this.done
  }

  stop(): Promise<void> {
    if (this.#closed.signal.aborted) return this.done
    if (this.#stopping !== undefined) {
      for (const run of this.#runs.values()) run.hurry(HURRIED_GRACE_MS)
      return this.#stopping
    }
    this.#log.info({ attempts: this.#runs.size }, 'agent stopping')
    this.#isDraining = true
    this.#claims.stop()
    for (const run of this.#runs.values()) run.stop('preempted', { reason: 'the agent was told to stop' })
    this.#stopping = this.#finish()
    return this.#stopping
  }

  async leave(): Promise<void> {
    this.#claims.stop()
    for (const run of this.#runs.values()) run.leave()
    this.#runs.clear()
    this.#close()
  }

  async #finish(): Promise<void> {
    this.#beatNow?.()
    const isEmpty = this.#untilEmpty()
    const everyEndMs = DRAIN_MS + HURRIED_GRACE_MS
    const deadline = [...this.#runs.values()].some((run) => run.isRunning) ? everyEndMs : 0
    await Promise.race([isEmpty, after(deadline + LAST_REPORTS_MS)])
    for (const run of this.#runs.values()) run.leave()
    this.#close()
  }

  #startDraining(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    this.#log.info({ attempts: this.#runs.size }, 'agent draining')
    this.#claims.stop()
    this.#beatNow?.()
    void this.#untilEmpty().then(() => {
      if (this.#stopping === undefined) this.#close()
    })
  }

  get #isEmpty(): boolean {
    return this.#runs.size === 0 && this.#starting === 0
  }

  #untilEmpty(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve()
    return new Promise((resolve) => {
      const before = this.#onEmpty
      this.#onEmpty = () => {
        before?.()
        resolve()
      }
    })
  }

  #close(): void {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#claims.stop()
    this.#reporter.close()
    for (const timer of this.#timers) clearInterval(timer)
    this.#reaper.close()
    this.#beatNow?.()
    this.#http.close()
    this.#home.close()
    this.#log.info('agent ended')
    this.#settleDone()
  }

  async #work(): Promise<void> {
    const registered = await this.#register()
    if (registered === null) return
    this.#settleReady.resolve(registered.agentId)
    this.#timers = [
      setInterval(() => this.#reporter.wakeAll(), LOOK_ANYWAY_MS),
      setInterval(() => void this.#sample(), SAMPLE_EVERY_MS),
    ]
    for (const timer of this.#timers) timer.unref()
    void this.#follow()
    // The first beat tells what the server has of the attempts that were taken over, or that they are lost.
    void this.#beat()
    if (!this.#isDraining) this.#claims.start()
  }

  /** Registers, for as long as it takes; null when the agent was closed or is not wanted. */
  async #register(): Promise<AgentRegistered | null> {
    const { signal } = this.#closed
    while (!signal.aborted) {
      const identity = this.#home.identity(this.#settings.url)
      try {
        const registered = await this.#registerAs(identity)
        this.#home.keepIdentity({ agentId: registered.agentId, token: registered.token, url: this.#settings.url })
        this.#leaseMs = registered.leaseMs
        this.#heartbeatMs = registered.heartbeatMs
        this.#reaper.leaseGranted(this.#leaseMs)
        this.#backoff.reset()
        this.#log.info(
          { agentId: registered.agentId, slots: this.#slots.slots.length, url: this.#settings.url },
          'agent registered',
        )
        return registered
      } catch (error) {
        if (signal.aborted) return null
        const isFinal = error instanceof SweepError && !error.retryable && error.code !== 'internal'
        // What already runs here is worth more than a clear end.
        if (isFinal && this.#runs.size === 0) {
          this.#settleReady.reject(error)
          this.#close()
          return null
        }
        this.#log.warn({ err: error, url: this.#settings.url }, 'not registered yet')
        await this.#backoff.wait(signal)
      }
    }
    return null
  }

  async #registerAs(identity: ReturnType<AgentHome['identity']>): Promise<AgentRegistered> {
    const { signal } = this.#closed
    const { labels, queues, token, version } = this.#settings
    const body = {
      name: this.name,
      host: hostname(),
      slots: [...this.#slots.slots],
      cpus: this.#capacity.cpus,
      memoryBytes: this.#capacity.memoryBytes,
      queues: [...queues],
      launchers: [this.#context.launcher.name],
      labels: { ...labels },
      version,
    }
    if (identity === null) return this.#api.register(body, token, signal)
    const own = { ...body, agentId: identity.agentId }
    try {
      return await this.#api.register(own, identity.token, signal)
    } catch (error) {
      const isUnknown =
        error instanceof SweepError && ['unauthenticated', 'forbidden', 'not-found'].includes(error.code)
      if (!isUnknown || token === undefined) throw error
      // The server has forgotten us. Join anew, under the old id if the token may.
      return await this.#api.register(own, token, signal)
    }
  }

  async #begin(assignment: Assignment): Promise<void> {
    const { attemptId } = assignment
    if (this.#runs.has(attemptId)) return
    if (this.#isDraining) {
      this.#runs.set(attemptId, AttemptRun.decline(this.#context, assignment))
      return
    }
    const held = this.#slots.take(assignment.shape)
    if (held === null) {
      // Ours by mistake: there is no room. The lease runs out, and somebody else gets it.
      this.#log.error({ attemptId, shape: assignment.shape, room: this.#slots.room }, 'assignment does not fit')
      return
    }
    this.#starting += 1
    const run = await AttemptRun.start(this.#context, assignment, held)
    this.#starting -= 1
    if (this.#closed.signal.aborted) {
      run.stop('preempted', { reason: 'the agent was told to stop' }, 0)
      return
    }
    if (!run.isGone) this.#runs.set(attemptId, run)
    if (run.isRunning) this.#claims.faultIsOver()
    if (this.#stopping !== undefined) run.stop('preempted', { reason: 'the agent was told to stop' })
    if (this.#isEmpty) this.#onEmpty?.()
  }

  #onGone(run: AttemptRun): void {
    this.#runs.delete(run.id)
    if (this.#isEmpty) this.#onEmpty?.()
  }

  /** Renews the leases, again and again until closed. */
  async #beat(): Promise<void> {
    const { signal } = this.#closed
    const backoff = new Backoff(this.#deps.random)
    while (!signal.aborted) {
      const attempts = [...this.#runs.values()].map(({ assignment }) => ({
        attemptId: assignment.attemptId,
        epoch: assignment.epoch,
      }))
      try {
        const reply = await this.#api.heartbeat({ room: this.#slots.room, draining: this.#isDraining, attempts })
        this.#reaper.leaseGranted(this.#leaseMs)
        backoff.reset()
        for (const status of reply.attempts) this.#onStatus(status)
        if (reply.drain) this.#startDraining()
        await this.#untilNextBeat(this.#heartbeatMs)
      } catch (error) {
        if (signal.aborted) return
        this.#log.warn({ err: error }, 'heartbeat not answered')
        if (error instanceof SweepError && (error.code === 'unauthenticated' || error.code === 'not-found'))
          await this.#register()
        await this.#untilNextBeat(Math.min(this.#heartbeatMs, backoff.next()))
      }
    }
  }

  #onStatus(status: AttemptStatus): void {
    this.#runs.get(status.attemptId)?.onStatus(status)
  }

  async #untilNextBeat(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#beatNow = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#beatNow = undefined
  }

  /** Listens for decisions, which so arrive sooner than with an answer to a report or heartbeat. */
  async #follow(): Promise<void> {
    const { signal } = this.#closed
    const backoff = new Backoff(this.#deps.random)
    const options = { silenceMs: STREAM_SILENCE_MS, signal, onOpen: () => backoff.reset() }
    while (!signal.aborted) {
      try {
        await this.#api.follow((event) => this.#onEvent(event), options)
      } catch (error) {
        if (signal.aborted) return
        this.#log.debug({ err: error }, 'stream of decisions broke')
      }
      await backoff.wait(signal)
    }
  }

  #onEvent(event: AgentEvent): void {
    switch (event.type) {
      case 'stop': {
        const run = this.#runs.get(event.attemptId)
        if (run?.assignment.epoch === event.epoch) run.stop(event.reason, event.verdict)
        return
      }
      case 'drain':
        this.#startDraining()
        return
      default:
        assertNever(event)
    }
  }

  async #sample(): Promise<void> {
    const running = [...this.#runs.values()].filter((run) => run.isRunning)
    if (running.length === 0) return
    const samples = await this.#sampler.sample(new Map(running.map((run) => [run.id, run.held])), this.#context.times())
    for (const run of running) {
      const sample = samples.get(run.id)
      if (sample === undefined) continue
      run.reports.sample(sample)
      this.#reporter.wake(run)
    }
  }

  /** Ends programs of this home that no record tells of: an agent was killed in the moment between start and record. */
  #endStrays(known: ReadonlySet<string>): void {
    const attempts = new TaggedProcesses(ATTEMPT_TAG).scan()
    const ours = new Set(new TaggedProcesses(HOME_TAG).withTag(this.#home.path))
    for (const [id, pids] of attempts) {
      if (known.has(id)) continue
      for (const pid of pids) {
        if (!ours.has(pid) || pid === process.pid) continue
        this.#log.warn({ attemptId: id, pid }, 'stray process killed')
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // Gone already.
        }
      }
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
