import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { totalBytes } from '@sweep/snapshot/entry'
import { walkFolder } from '@sweep/snapshot/walk'
import type { Clock } from '@sweep/spec/clock'

export interface FolderCacheOptions {
  readonly folder: string
  /** Beyond it the folders that were not used for longest go. Those in use stay, and the newest does too. */
  readonly quotaBytes: number
  readonly clock: Clock
  /** Keys of folders that something runs in. */
  readonly inUse: () => ReadonlySet<string>
}

const UNFINISHED = '.unfinished-'
const KEY = /^[0-9a-f]{64}$/

/**
 * Folders that were made at some cost, by a hash of what they were made of. A folder is made aside and put in its place
 * in one step, so that a half of one is never found. Of one agent only, which has locked its home.
 */
export class FolderCache {
  readonly #options: FolderCacheOptions
  readonly #making = new Map<string, Promise<string>>()

  #isOpen = false

  constructor(options: FolderCacheOptions) {
    this.#options = options
  }

  /** The folder of this key, made by `fill` where there is none. Whoever asks for it meanwhile waits for the same. */
  get(key: string, fill: (folder: string) => Promise<void>): Promise<string> {
    const known = this.#making.get(key)
    if (known !== undefined) return known
    const making = this.#find(key, fill).finally(() => this.#making.delete(key))
    this.#making.set(key, making)
    return making
  }

  /** Not before something is asked for: an agent starts on a full disk too. */
  #open(): void {
    if (this.#isOpen) return
    const { folder } = this.#options
    mkdirSync(folder, { recursive: true })
    // After a power cut files may be empty that had been written before a folder was put in its place.
    const boot = bootId()
    const isOfThisBoot = text(join(folder, 'boot')) === boot
    for (const name of readdirSync(folder)) {
      if (name !== 'boot' && (!isOfThisBoot || name.startsWith(UNFINISHED))) rmSync(join(folder, name), FORCE)
    }
    if (!isOfThisBoot) {
      writeFileSync(join(folder, 'boot.new'), boot)
      renameSync(join(folder, 'boot.new'), join(folder, 'boot'))
    }
    this.#isOpen = true
  }

  async #find(key: string, fill: (folder: string) => Promise<void>): Promise<string> {
    if (!KEY.test(key)) throw new RangeError(`${key} is no key of a folder`)
    this.#open()
    const { clock, folder } = this.#options
    const place = join(folder, key)
    if (statSync(place, { throwIfNoEntry: false }) === undefined) {
      const made = await mkdtemp(join(folder, UNFINISHED))
      try {
        mkdirSync(join(made, 'files'))
        await fill(join(made, 'files'))
        const { entries } = await walkFolder(join(made, 'files'))
        writeFileSync(join(made, 'bytes'), String(totalBytes(entries)))
        await rename(made, place)
      } catch (error) {
        await rm(made, FORCE)
        throw error
      }
    }
    const seconds = clock.now() / 1000
    utimesSync(join(place, 'bytes'), seconds, seconds)
    await this.#evict(key)
    return join(place, 'files')
  }

  async #evict(newest: string): Promise<void> {
    const { folder, inUse, quotaBytes } = this.#options
    const kept = readdirSync(folder)
      .filter((name) => KEY.test(name))
      .map((name) => ({ name, bytes: Number(text(join(folder, name, 'bytes'))), usedAt: usedAt(join(folder, name)) }))
      .sort((a, b) => a.usedAt - b.usedAt)
    let bytes = kept.reduce((sum, one) => sum + one.bytes, 0)
    for (const one of kept) {
      if (bytes <= quotaBytes) return
      if (one.name === newest || this.#making.has(one.name) || inUse().has(one.name)) continue
      bytes -= one.bytes
      // Out of its place first: what is half deleted must not be found either.
      const doomed = join(folder, `${UNFINISHED}${one.name}`)
      renameSync(join(folder, one.name), doomed)
      await rm(doomed, FORCE)
    }
  }
}

const FORCE = { recursive: true, force: true } as const

function usedAt(place: string): number {
  return statSync(join(place, 'bytes'), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Another after every start of the system; where none is told, the folders count as of one. */
function bootId(): string {
  return text('/proc/sys/kernel/random/boot_id').trim() || 'unknown'
}
