import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { AttemptId } from '@sweep/spec/ids'
import { z } from 'zod'
import { LiveRecord } from './live-record.ts'

/** Written anew once more than so much of it is of no use. */
const MOST_DEAD_BYTES = 1024 * 1024

const Entry = z.union([z.object({ live: LiveRecord }), z.object({ gone: z.string() })])
type Entry = z.infer<typeof Entry>

/**
 * What runs here, in one file that grows by a line with every change. With a file for each attempt that is deleted at its
 * end, a file system that does not give away the numbers of files just deleted (ext4, for five minutes) takes half a
 * millisecond to make the next.
 */
export class LiveJournal {
  readonly #path: string
  #file: number | undefined
  #bytes = 0
  /** The entries of what is live, by attempt. */
  readonly #live = new Map<string, string>()

  constructor(path: string) {
    this.#path = path
  }

  /** What was kept and not forgotten, each as it was kept last. An entry that is not whole counts for nothing. */
  read(): LiveRecord[] {
    const records = new Map<string, LiveRecord>()
    for (const entry of readEntries(this.#path)) {
      if ('gone' in entry) records.delete(entry.gone)
      else records.set(entry.live.assignment.attemptId, entry.live)
    }
    this.#live.clear()
    for (const [id, live] of records) this.#live.set(id, textOf({ live }))
    return [...records.values()]
  }

  /** @throws when it can't be written; what was kept before stays */
  keep(live: LiveRecord): void {
    const text = textOf({ live })
    this.#append(text)
    this.#live.set(live.assignment.attemptId, text)
  }

  /** @throws as `keep` */
  forget(id: AttemptId): void {
    if (!this.#live.has(id)) return
    this.#append(textOf({ gone: id }))
    this.#live.delete(id)
    const live = [...this.#live.values()].join('')
    if (this.#bytes - live.length > MOST_DEAD_BYTES) this.#replace(live)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #append(text: string): void {
    if (this.#file === undefined) {
      this.#file = openPrivately(this.#path, 'a')
      this.#bytes = fstatSync(this.#file).size
    }
    this.#bytes += writeWhole(this.#file, text)
  }

  /** In one step, so that on a full disk the old one stays. */
  #replace(text: string): void {
    const path = `${this.#path}.new`
    const file = openPrivately(path, 'w')
    try {
      const bytes = writeWhole(file, text)
      renameSync(path, this.#path)
      this.close()
      this.#file = file
      this.#bytes = bytes
    } catch (error) {
      closeSync(file)
      rmSync(path, { force: true })
      throw error
    }
  }
}

/** Begins with the line break: whatever part of the entry before it was written, this one is whole. */
function textOf(entry: Entry): string {
  return `\n${JSON.stringify(entry)}`
}

function readEntries(path: string): Entry[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [Entry.parse(JSON.parse(line))]
    } catch {
      return []
    }
  })
}

/** @returns its bytes */
function writeWhole(file: number, text: string): number {
  const bytes = Buffer.from(text)
  const written = writeSync(file, bytes)
  if (written < bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes could be written`)
  return written
}

/** Only for us to read: what we keep holds tokens. */
function openPrivately(path: string, flags: 'a' | 'w'): number {
  return openSync(path, flags, 0o600)
}
