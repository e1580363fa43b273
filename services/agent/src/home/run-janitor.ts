import { readdirSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { totalBytes } from '@sweep/snapshot/entry'
import { walkFolder } from '@sweep/snapshot/walk'
import type { Clock } from '@sweep/spec/clock'
import { AttemptId } from '@sweep/spec/ids'
import type { Logger } from 'pino'
import type { KeepRuns } from './keep-runs.ts'

const LOOK_EVERY_MS = 3_600_000
/** After the start, when there is other work to do. */
const FIRST_LOOK_MS = 60_000
const ASKED_AT_ONCE = 200
/** Of a folder that is on its way out: its name is no attempt's any more. */
const LEAVING = '.leaving'

export interface RunJanitorOptions {
  /** Of the run folders, one for each attempt. */
  readonly folder: string
  readonly keep: KeepRuns
  readonly clock: Clock
  readonly log: Logger
  /** Attempts whose folder somebody here still uses: they run, or have something to upload. */
  readonly inUse: () => ReadonlySet<string>
  /** Paths that running attempts go on from. */
  readonly restoring: () => readonly string[]
  /** Of these attempts, those that the server needs nothing of any more. */
  readonly free: (attempts: readonly AttemptId[]) => Promise<readonly AttemptId[]>
}

interface OldRun {
  readonly id: AttemptId
  readonly path: string
  readonly writtenAt: number
}

/**
 * Removes run folders of attempts that have ended, the oldest first, by age and by size. Never one that is in use, and
 * none that the server does not know to be of no use: it may hold the only checkpoint of a trial that is paused, or one of
 * the best.
 */
export class RunJanitor {
  readonly #options: RunJanitorOptions
  /** Nothing is written into the folder of an ended attempt, so it is measured once. */
  readonly #sizes = new Map<string, number>()
  #timers: NodeJS.Timeout[] = []
  #isClosed = false

  constructor(options: RunJanitorOptions) {
    this.#options = options
  }

  start(): void {
    const { keep } = this.#options
    if (keep.ms === undefined && keep.bytes === undefined) return
    this.#timers = [
      setTimeout(() => void this.#look(), FIRST_LOOK_MS),
      setInterval(() => void this.#look(), LOOK_EVERY_MS),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
  }

  async #look(): Promise<void> {
    try {
      await this.clean()
    } catch (error) {
      this.#options.log.warn({ err: error }, 'old run folders not removed')
    }
  }

  /** @returns the attempts whose folders are gone */
  async clean(): Promise<AttemptId[]> {
    const { keep, clock, log } = this.#options
    await this.#finishLeaving()
    const runs = this.#runs()
    const expired = new Set(keep.ms === undefined ? [] : runs.filter((run) => clock.now() - run.writtenAt > keep.ms!))
    const removed = await this.#remove([...expired])
    if (keep.bytes !== undefined) {
      const left = runs.filter(({ id }) => !removed.includes(id))
      removed.push(...(await this.#shrink(left, keep.bytes)))
    }
    if (removed.length > 0) log.info({ count: removed.length }, 'old run folders removed')
    return removed
  }

  /** Until what is left fits, or all that may go has gone. */
  async #shrink(runs: readonly OldRun[], most: number): Promise<AttemptId[]> {
    let total = 0
    for (const run of runs) total += await this.#bytesOf(run)
    const removed: AttemptId[] = []
    for (let from = 0; total > most && from < runs.length; from += ASKED_AT_ONCE) {
      const asked = runs.slice(from, from + ASKED_AT_ONCE)
      const free = new Set(await this.#free(asked))
      for (const run of asked) {
        if (total <= most || !free.has(run.id)) continue
        total -= await this.#bytesOf(run)
        removed.push(...(await this.#drop(run)))
      }
    }
    return removed
  }

  async #remove(runs: readonly OldRun[]): Promise<AttemptId[]> {
    const removed: AttemptId[] = []
    for (let from = 0; from < runs.length; from += ASKED_AT_ONCE) {
      const asked = runs.slice(from, from + ASKED_AT_ONCE)
      const free = new Set(await this.#free(asked))
      for (const run of asked) if (free.has(run.id)) removed.push(...(await this.#drop(run)))
    }
    return removed
  }

  async #free(runs: readonly OldRun[]): Promise<readonly AttemptId[]> {
    const unused = runs.filter((run) => !this.#isUsed(run)).map(({ id }) => id)
    return unused.length === 0 ? [] : this.#options.free(unused)
  }

  #isUsed({ id, path }: OldRun): boolean {
    const { inUse, restoring } = this.#options
    return inUse().has(id) || restoring().some((from) => from.startsWith(path + sep))
  }

  /** In one step, so that nobody finds half of it; what is left after a crash goes with the next look. */
  async #drop(run: OldRun): Promise<AttemptId[]> {
    // While the server was asked an attempt may have begun to go on from it.
    if (this.#isClosed || this.#isUsed(run)) return []
    await rename(run.path, run.path + LEAVING)
    await this.#erase(run.path + LEAVING)
    this.#sizes.delete(run.id)
    return [run.id]
  }

  /** What a container has written as another user may not be ours to remove; the others need not stay for that. */
  async #erase(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true })
    } catch (error) {
      this.#options.log.warn({ err: error, path }, 'old run folder not removed; remove it by hand')
    }
  }

  async #finishLeaving(): Promise<void> {
    const { folder } = this.#options
    for (const name of readdirSync(folder)) {
      if (name.endsWith(LEAVING)) await this.#erase(join(folder, name))
    }
  }

  /** Oldest first; what is not an attempt's is somebody else's. */
  #runs(): OldRun[] {
    const { folder } = this.#options
    const runs = readdirSync(folder).flatMap((name): OldRun[] => {
      const id = AttemptId.safeParse(name)
      const path = join(folder, name)
      return id.success ? [{ id: id.data, path, writtenAt: lastWritten(path) }] : []
    })
    return runs.sort((a, b) => a.writtenAt - b.writtenAt)
  }

  async #bytesOf({ id, path }: OldRun): Promise<number> {
    const known = this.#sizes.get(id)
    if (known !== undefined) return known
    const bytes = totalBytes((await walkFolder(path)).entries)
    if (!this.#options.inUse().has(id)) this.#sizes.set(id, bytes)
    return bytes
  }
}

/** Milliseconds since 1970. */
function lastWritten(path: string): number {
  const names = ['', 'output.log', 'metrics.jsonl', 'checkpoints', 'artifacts', 'control.json']
  const times = names.map((name) => statSync(join(path, name), { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return Math.max(...times)
}
