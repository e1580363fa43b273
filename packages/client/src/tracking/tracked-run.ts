import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import { keyInContext, METRIC_CONTEXTS } from '@sweep/spec/tracking/metric-context'
import { RUN_ENDS } from '@sweep/spec/tracking/run-status'
import { Channel } from './channel.ts'
import { Heartbeat } from './heartbeat.ts'
import { leftBehind } from './left-behind.ts'
import { logFiles } from './log-files.ts'
import { cleanMetrics, cleanParams, cleanTags, cleanText } from './log-values.ts'
import { type Say, StrictWarning } from './say.ts'
import type { SpoolTarget } from './send-spool.ts'
import { Spool } from './spool.ts'
import { syncSpool } from './sync-spools.ts'
import type {
  ArtifactOptions,
  EndRunOptions,
  MetricValues,
  ModelOptions,
  RunDecision,
  TrackedRun,
} from './tracker-types.ts'
import { GO_ON, TrialProgram } from './trial-program.ts'

export interface TrackedRunOptions {
  readonly id: string
  readonly isTrial: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly root: string
  readonly url: string | undefined
  /** Of the server at `url`. */
  readonly tracking: SpoolTarget | undefined
  /** What makes it; undefined for one that there is. */
  readonly create: Record<string, unknown> | undefined
  readonly flushMs: number
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly warn: Say
}

const DEFAULT_PATIENCE_MS = 5000

/** See `TrackedRun`. What must arrive in order and what takes long to upload go by two spools. */
export class SpooledRun implements TrackedRun {
  readonly id: string
  readonly isTrial: boolean
  readonly url: string | undefined
  isOver = false
  readonly #options: TrackedRunOptions
  readonly #trial: TrialProgram | undefined
  readonly #channels = new Map<string, Channel>()
  readonly #spools = new Map<string, Spool>()
  #capturing: Promise<void> | undefined

  constructor(options: TrackedRunOptions) {
    this.id = options.id
    this.isTrial = options.isTrial
    this.url = options.url
    this.#options = options
    this.#trial = options.isTrial ? new TrialProgram(options.env) : undefined
    if (options.create !== undefined) this.#guarded('start', undefined, () => void this.#spool('log'))
  }

  logParams(params: object, { overwrite = false }: { readonly overwrite?: boolean } = {}): void {
    this.#guarded('logParams', undefined, () => {
      const { kept, wrong } = cleanParams(params)
      if (Object.keys(kept).length > 0) this.#log('params', { params: kept, overwrite })
      this.#sayLeftOut('param', wrong)
    })
  }

  logMetrics(
    metrics: MetricValues,
    step?: number,
    { context }: { readonly context?: 'train' | 'eval' | 'test' } = {},
  ): RunDecision {
    return this.#guarded('logMetrics', GO_ON, () => {
      const { kept, wrong } = cleanMetrics(metrics)
      const whole = Number.isSafeInteger(step) ? step : undefined
      if (step !== undefined && whole === undefined) this.#warn('step', `step ${step} is not a whole number.`)
      if (context !== undefined && !METRIC_CONTEXTS.includes(context)) throw new Error(`there is no context ${context}`)
      if (Object.keys(kept).length > 0) {
        if (this.#trial === undefined) this.#logPoint(kept, whole, context)
        else {
          const named = Object.entries(kept).map(([name, value]) => [keyInContext(context, name), value])
          this.#trial.report(whole, Object.fromEntries(named))
        }
      }
      this.#sayLeftOut('metric', wrong)
      return this.#trial?.decision() ?? GO_ON
    })
  }

  #logPoint(values: object, step: number | undefined, context: string | undefined): void {
    const at = this.#options.clock.now()
    const point = { at, ...(step === undefined ? {} : { step }), ...(context === undefined ? {} : { context }), values }
    this.#append({ op: 'point', point })
  }

  setTags(tags: { readonly [name: string]: string | null }): void {
    this.#guarded('setTags', undefined, () => {
      const { kept, wrong } = cleanTags(tags)
      const entries = Object.entries(kept)
      const set = Object.fromEntries(entries.filter(([, value]) => value !== null))
      const remove = entries.filter(([, value]) => value === null).map(([name]) => name)
      if (entries.length > 0) this.#log('tags', { set, remove })
      this.#sayLeftOut('tag', wrong)
    })
  }

  setNotes(notes: string): void {
    this.change({ notes: cleanText(notes, 100_000) })
  }

  /** Fields of `ChangeRun`. */
  change(body: object): void {
    this.#guarded('change', undefined, () => this.#log('change', body))
  }

  /** Environment and code, which are looked at while the program goes on; the end of the run waits for it. */
  capture(look: () => Promise<object>): void {
    this.#capturing = look().then(
      (found) => {
        if (!this.isOver) this.change(found)
      },
      () => undefined,
    )
  }

  async logArtifact(path: string, options: ArtifactOptions = {}): Promise<void> {
    try {
      if (!this.#refuseWhenOver()) await this.#logFiles(path, options)
    } catch (error) {
      this.#explain('logArtifact', error)
    }
  }

  async logModel(path: string, name = 'model', options: ModelOptions = {}): Promise<void> {
    try {
      if (this.#refuseWhenOver()) return
      const { aliases, metadata, registeredModelName, ...about } = options
      const folder = `models/${name}`
      const isFolder = (await stat(path)).isDirectory()
      await this.#logFiles(path, {
        name: isFolder ? folder : `${folder}/${basename(path)}`,
        type: 'model',
        metadata: { ...about, ...metadata },
        ...(aliases === undefined ? {} : { aliases }),
      })
      // After its files in the same spool, so that the server has them by then.
      if (registeredModelName === undefined) return
      this.#spool('files').append({ op: 'model', body: { name: registeredModelName, path: folder } })
    } catch (error) {
      this.#explain('logModel', error)
    }
  }

  async #logFiles(path: string, options: ArtifactOptions): Promise<void> {
    const folder = this.#options.env['SWEEP_RUN_DIR']
    const seesAgent = this.isTrial && folder && this.#options.env['SWEEP_REPORT'] !== 'stdout'
    const agentFolder = seesAgent ? join(folder, 'artifacts') : undefined
    const spool = this.#spool('files')
    await logFiles({ spool, agentFolder, isSent: this.url !== undefined, say: this.#warn }, path, options)
  }

  async flush(patienceMs = this.#patienceMs): Promise<boolean> {
    const done = await Promise.all([...this.#channels.values()].map((channel) => channel.flush(patienceMs)))
    return this.url !== undefined && done.every((one) => one)
  }

  async end({ status = 'completed', message, patienceMs = this.#patienceMs }: EndRunOptions = {}): Promise<void> {
    if (this.isOver) return
    try {
      await this.#capturing
      this.endNow(status, message)
      await this.#adopt()
      const isSent = await this.flush(patienceMs)
      const failure = [...this.#channels.values()].find((channel) => channel.failure !== '')?.failure
      const left = [...this.#spools.values()].find((spool) => !spool.isSent)
      await this.#close()
      if (left !== undefined && this.url === undefined) {
        this.#warn('local', `run ${this.id} is kept in ${left.folder}: send it by sweep runs sync.`)
      } else if (left !== undefined && !isSent) {
        const why = failure === undefined ? '' : ` (${failure})`
        this.#warn('unsent', `not all of run ${this.id} is sent${why}; the next run here sends ${left.folder}`)
      }
    } catch (error) {
      this.#explain('end', error)
    }
  }

  /** What there is time for when the program is about to be gone. */
  endNow(status: string, message?: string): void {
    if (this.isOver) return
    const isKnown = (RUN_ENDS as readonly string[]).includes(status)
    if (!isKnown) this.#warn('status', `a run can't end as ${cleanText(status, 50)}: completed, failed or killed.`)
    if (!this.isTrial) {
      const endedAt = new Date(this.#options.clock.now()).toISOString()
      const why = message === undefined ? {} : { message: cleanText(message, 10_000) }
      this.#log('end', { status: isKnown ? status : 'failed', endedAt, ...why })
    }
    this.isOver = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  /** What processes that logged to this run, too, have left behind. */
  async #adopt(): Promise<void> {
    const { root, tracking } = this.#options
    if (tracking === undefined || this.url === undefined) return
    for (const spool of leftBehind(root, { run: this.id, url: this.url })) await syncSpool(spool, tracking, this.#warn)
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#channels.values()].map((channel) => channel.stop()))
    for (const [name, spool] of this.#spools) if (!this.#channels.has(name)) spool.close()
  }

  #log(op: string, body: object): void {
    if (!this.#refuseWhenOver()) this.#append({ op, body })
  }

  #refuseWhenOver(): boolean {
    if (this.isOver) this.#warn('over', `run ${this.id} is over; what is logged to it now is left out.`)
    return this.isOver
  }

  #append(operation: object): void {
    if (this.isOver || this.#spool('log').append(operation)) return
    this.#warn('full', `the disk is full, and what run ${this.id} logs is dropped until it is not.`)
  }

  #spool(name: 'log' | 'files'): Spool {
    const known = this.#spools.get(name)
    if (known !== undefined) return known
    const { root, randomBytes, tracking, flushMs } = this.#options
    const create = name === 'log' ? this.#options.create : undefined
    const spool = Spool.create(root, { id: this.id, url: this.url, ...(create && { create }) }, randomBytes)
    if (create !== undefined) spool.append({ op: 'create', body: create })
    this.#spools.set(name, spool)
    if (tracking !== undefined) {
      const random = () => (randomBytes(1)[0] ?? 0) / 256
      // The run of a trial lives as long as its trial, which the agent knows.
      const heartbeat = name === 'log' && !this.isTrial ? new Heartbeat(this.id, tracking) : undefined
      this.#channels.set(name, new Channel({ spool, tracking, say: this.#warn, heartbeat, flushMs, random }))
    }
    return spool
  }

  get #patienceMs(): number {
    const text = this.#options.env['SWEEP_EXIT_WAIT']
    const seconds = text ? Number(text) : Number.NaN
    return seconds >= 0 ? seconds * 1000 : DEFAULT_PATIENCE_MS
  }

  get #warn(): Say {
    return this.#options.warn
  }

  #sayLeftOut(what: string, wrong: readonly string[]): void {
    for (const text of wrong) this.#warn(`${what} ${text}`, `a ${what} was left out: ${text}.`)
  }

  #guarded<T>(what: string, otherwise: T, act: () => T): T {
    try {
      return act()
    } catch (error) {
      this.#explain(what, error)
      return otherwise
    }
  }

  #explain(what: string, error: unknown): void {
    if (error instanceof StrictWarning) throw error
    const text = error instanceof Error ? error.message : String(error)
    this.#warn(`${what} ${text.slice(0, 40)}`, `${what}: ${text}`)
  }
}
