import { statfsSync } from 'node:fs'
import { formatMemory } from '@sweep/spec/units'
import type { Logger } from 'pino'

/** A disk with less left counts as full, unless it is a small one: then a 64th of it does. */
const LEAST_BYTES = 64 * 1024 * 1024
const LEAST_SHARE = 1 / 64
/** Claims ask all the time. */
const KEPT_MS = 250

/**
 * Why nothing more should be written to the disk that holds a folder, in words that go on from "while"; undefined while
 * there is room, or where nobody can tell.
 */
export function whyDiskIsFull(folder: string): string | undefined {
  try {
    const { bavail, blocks, bsize, ffree, files } = statfsSync(folder)
    const free = bavail * bsize
    if (free < Math.min(LEAST_BYTES, blocks * bsize * LEAST_SHARE)) {
      return `the disk of ${folder} is full (${formatMemory(free)} left)`
    }
    // Some file systems have no fixed number of them and say 0 of 0.
    return files > 0 && ffree === 0 ? `the disk of ${folder} has no inode left for another file` : undefined
  } catch {
    return undefined
  }
}

export interface DiskWatchOptions {
  readonly folder: string
  readonly log: Logger
  /** Milliseconds by a clock that does not jump. */
  readonly steady: () => number
  /** The disk has become full, or has room again. */
  readonly onChange: () => void
}

/** Keeps an eye on the disk of the run folders: on a full one a trial would only fail. */
export class DiskWatch {
  readonly #options: DiskWatchOptions
  #full: string | undefined
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(options: DiskWatchOptions) {
    this.#options = options
  }

  /** See `whyDiskIsFull`; at most a quarter of a second old. */
  get full(): string | undefined {
    return this.#options.steady() - this.#lookedAt < KEPT_MS ? this.#full : this.look()
  }

  /** As `full`, of now. */
  look(): string | undefined {
    const { folder, log, onChange, steady } = this.#options
    this.#lookedAt = steady()
    const wasFull = this.#full !== undefined
    this.#full = whyDiskIsFull(folder)
    if (wasFull === (this.#full !== undefined)) return this.#full
    if (wasFull) log.info({ folder }, 'disk has room again')
    else log.warn({ folder, why: this.#full }, 'disk full: no trial is claimed until there is room')
    onChange()
    return this.#full
  }
}
