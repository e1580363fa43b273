import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { copyFile, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { RandomBytes } from '@sweep/spec/clock'
import { newId } from '@sweep/spec/ids'
import { z } from 'zod'
import { lives, Owner, thisProcess } from './process-owner.ts'

/**
 * What a run has logged and the server has not taken yet, as a folder that outlives the process. The Python SDK writes the
 * same, and describes its files: packages/python/sweep_tracking/spool.py.
 */

const Header = z.looseObject({
  format: z.literal(1),
  run: z.string(),
  writer: z.string(),
  url: z.string().nullable(),
  owner: Owner.nullish(),
  create: z.record(z.string(), z.unknown()).nullish(),
})
type Header = z.infer<typeof Header>

const Sent = z.object({
  offset: z.int(),
  seq: z.int(),
  pending: z.object({ seq: z.int(), end: z.int() }).nullable(),
})
type Sent = z.infer<typeof Sent>

/** Lines that wait in memory while the disk is full. */
const KEPT_LINES = 10_000
const CHUNK = 1_048_576

export interface JournalLine {
  /** Where it ends, in bytes from the beginning. */
  readonly end: number
  /** Undefined for a line that is no JSON, as a crash of the machine leaves it. */
  readonly operation: unknown
}

export class Spool {
  readonly folder: string
  readonly runId: string
  readonly writer: string
  readonly url: string | undefined
  /** What makes the run, should the server have lost it. */
  readonly creation: Readonly<Record<string, unknown>> | undefined
  sent: Sent = { offset: 0, seq: 0, pending: null }
  readonly #header: Header
  readonly #journal: string
  readonly #waiting: Buffer[] = []
  #fd: number | undefined
  #files = 0

  private constructor(folder: string, header: Header) {
    this.folder = folder
    this.runId = header.run
    this.writer = header.writer
    this.url = header.url ?? undefined
    this.creation = header.create ?? undefined
    this.#header = header
    this.#journal = join(folder, 'journal.jsonl')
  }

  /** Throws what the file system throws. */
  static create(
    root: string,
    run: { readonly id: string; readonly url: string | undefined; readonly create?: Record<string, unknown> },
    randomBytes: RandomBytes,
  ): Spool {
    const writer = newId(randomBytes)
    const folder = join(root, `${run.id}~${writer}`)
    // What programs log is nobody else's to read.
    mkdirSync(join(folder, 'files'), { recursive: true, mode: 0o700 })
    const { id, url = null, create = null } = run
    const header: Header = { format: 1, run: id, writer, url, owner: thisProcess(), create }
    replaceJson(join(folder, 'run.json'), header)
    return new Spool(folder, header)
  }

  /**
   * The spool of a process that is gone, which is this one's from now on; undefined when there is none to take.
   * @param options.elsewhere whether processes of other hosts, which can't be seen, count as living
   * @param options.url only when it is for this server
   */
  static open(folder: string, options: { elsewhere: boolean; url?: string }): Spool | undefined {
    try {
      const header = Header.parse(readJson(join(folder, 'run.json')))
      if (header.owner && lives(header.owner, options.elsewhere)) return undefined
      if (options.url !== undefined && header.url !== options.url) return undefined
      const spool = new Spool(folder, { ...header, owner: thisProcess() })
      replaceJson(join(folder, 'run.json'), spool.#header)
      spool.#recall()
      return spool
    } catch {
      return undefined
    }
  }

  #recall(): void {
    try {
      this.sent = Sent.parse(readJson(join(this.folder, 'sent.json')))
    } catch {
      return // nothing was sent
    }
    // What emptied the journal was cut off before it had said so.
    if (this.sent.offset > this.size) this.sent = { offset: 0, seq: this.sent.seq, pending: null }
  }

  /** Adds an operation; false when it had to be dropped, because the disk is full and so is the memory for that case. */
  append(operation: object): boolean {
    this.#waiting.push(Buffer.from(`${JSON.stringify(operation)}\n`))
    this.retry()
    if (this.#waiting.length <= KEPT_LINES) return true
    this.#waiting.pop()
    return false
  }

  /** Writes what a full disk has kept waiting. */
  retry(): void {
    try {
      for (let line = this.#waiting[0]; line !== undefined; line = this.#waiting[0]) {
        this.#fd ??= openSync(this.#journal, 'a', 0o600)
        const written = writeSync(this.#fd, line)
        if (written < line.length) {
          // Nobody else appends here, so what there is of the line can be taken back.
          ftruncateSync(this.#fd, fstatSync(this.#fd).size - written)
          return
        }
        this.#waiting.shift()
      }
    } catch {
      // It stays in memory.
    }
  }

  /** Copies a file, so that the program may go on to change it; the name of the copy. */
  async addFile(path: string): Promise<string> {
    this.#files += 1
    const name = `${process.pid}-${this.#files}`
    try {
      await copyFile(path, this.filePath(name))
    } catch (error) {
      this.dropFile(name)
      throw error
    }
    return name
  }

  filePath(name: string): string {
    return join(this.folder, 'files', basename(name))
  }

  dropFile(name: string): void {
    rmSync(this.filePath(name), { force: true })
  }

  /** Bytes of the journal. */
  get size(): number {
    return statSync(this.#journal, { throwIfNoEntry: false })?.size ?? 0
  }

  get isBehind(): boolean {
    return this.#waiting.length > 0
  }

  get isSent(): boolean {
    return this.sent.offset >= this.size && !this.isBehind
  }

  /** Whole lines that the server does not have yet, up to `end`. */
  async *lines(end = Number.POSITIVE_INFINITY): AsyncGenerator<JournalLine> {
    if (this.size <= this.sent.offset) return
    const file = await open(this.#journal, 'r')
    try {
      let position = this.sent.offset
      let rest = Buffer.alloc(0)
      for (let read = position; ; ) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, read)
        if (bytesRead === 0) return
        read += bytesRead
        rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
        for (let stop = rest.indexOf(10); stop !== -1; stop = rest.indexOf(10)) {
          position += stop + 1
          if (position > end) return
          yield { end: position, operation: parsed(rest.subarray(0, stop).toString()) }
          rest = rest.subarray(stop + 1)
        }
      }
    } finally {
      await file.close()
    }
  }

  /** Writes down that the bytes up to `end` go out as the next batch; its number. */
  beginBatch(end: number): number {
    const fd = openSync(this.#journal, 'r+')
    // The range must not be longer than what a crash of the machine leaves.
    fsyncSync(fd)
    closeSync(fd)
    const seq = this.sent.seq + 1
    this.#keep({ ...this.sent, pending: { seq, end } })
    return seq
  }

  /** The server has everything up to `offset`. */
  advance(offset: number, seq = this.sent.seq): void {
    this.#keep({ offset, seq, pending: null })
  }

  #keep(sent: Sent): void {
    try {
      replaceJson(join(this.folder, 'sent.json'), sent)
    } catch (error) {
      // With a full disk it goes on all the same: stopping would lose what waits in memory, only a crash now could
      // cost points.
      if (!(error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')))
        throw error
    }
    // Last: who waits for the offset may be about to end the process.
    this.sent = sent
  }

  /** Puts aside what the server will never take. */
  reject(operation: unknown, reason: string): void {
    try {
      writeFileSync(join(this.folder, 'rejected.jsonl'), `${JSON.stringify({ reason, operation })}\n`, { flag: 'a' })
    } catch {
      // Said already.
    }
  }

  /** Empties a journal of more than `longest` bytes that the server has all of. */
  shorten(longest: number): void {
    if (this.#fd === undefined || this.isBehind || this.size <= longest || this.size !== this.sent.offset) return
    // In this order: an offset beyond the end means that the journal was emptied.
    ftruncateSync(this.#fd, 0)
    this.advance(0)
  }

  /** Removes the folder when nothing is left in it, and else leaves it to whoever sends it next. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    try {
      if (!this.isSent) replaceJson(join(this.folder, 'run.json'), { ...this.#header, owner: null })
      else if (!existsSync(join(this.folder, 'rejected.jsonl'))) rmSync(this.folder, { recursive: true, force: true })
      // For people to look at; there is nothing to send, so it gets a name that nobody looks for.
      else renameSync(this.folder, join(dirname(this.folder), `rejected-${this.runId}-${this.writer}`))
    } catch {
      // The next one to come by does it.
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Whole or not at all, and onto the disk. */
function replaceJson(path: string, content: unknown): void {
  const fd = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeFileSync(fd, JSON.stringify(content))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${path}.new`, path)
}
