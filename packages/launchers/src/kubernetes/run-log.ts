import { closeSync, fstatSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { type LinePart, TimedLines } from './timed-lines.ts'

/** What `sweep.py` puts before what it has to say (RFC 7464 begins a record of JSON so), and what it then says. */
const RECORD = Buffer.from('\u001esweep ')
const REPORT = 'report '
const CHECKPOINT = 'checkpoint '
/** Longer than any record: of a longer line, what can't be part of one is output at once. */
const LONGEST_RECORD = 128 * 1024
/** Lines of one second may come a little out of order. */
const OVERLAP_S = 2
/** Of a time, up to its whole seconds. */
const SECOND_LENGTH = '2026-01-01T00:00:00'.length
const NEWLINE = Buffer.from('\n')

const Position = z.object({
  /** Uid of the pod. */
  pod: z.string(),
  /** Seconds since 1970 from which the log is to be read again; null for its beginning. */
  since: z.number().nullable(),
  /** Lines from there on that have been read, to be passed over. */
  lines: z.int(),
  /** Time of the newest of them, to notice that the node has thrown some away. */
  newest: z.string(),
  /** Bytes of the files that all lines before came to. */
  output: z.int(),
  metrics: z.int(),
})
type Position = z.infer<typeof Position>

/**
 * The log of a pod as files of the run folder: what the SDK reports goes to `metrics.jsonl` and `checkpoint.json`, where
 * a program on this host writes it, and everything else to `output.log`.
 *
 * Whatever is cut off is read again from a little earlier. The same lines make the same bytes, so what a file holds
 * already is passed over: nothing is lost or doubled, wherever an agent was killed.
 */
export class RunLog {
  readonly #folder: string
  readonly #output: GrownFile
  readonly #metrics: GrownFile
  #position: Position
  #lines = new TimedLines()
  /** Lines read in each second from `#position.since` on. */
  #counts = new Map<number, number>()
  #toPass = 0
  #isPassing = false
  #second = 0
  #secondText = ''
  /** The line that is being read, while it may be a record. */
  #held: Buffer[] = []
  #heldBytes = 0

  /** @param pod uid; what was read of another pod is no part of it */
  constructor(outputPath: string, pod: string) {
    this.#folder = dirname(outputPath)
    this.#output = new GrownFile(outputPath)
    this.#metrics = new GrownFile(join(this.#folder, 'metrics.jsonl'))
    this.#position = { ...{ pod, since: null, lines: 0, newest: '' }, output: 0, metrics: 0 }
    const kept = readPosition(this.#folder)
    if (kept?.pod === pod) this.#position = kept
  }

  /** Begins to read, or does so again. @returns from when the log is wanted, ISO 8601 in whole seconds */
  restart(): string | undefined {
    const { since, lines, output, metrics } = this.#position
    this.#lines = new TimedLines()
    this.#counts = new Map()
    this.#toPass = lines
    this.#held = []
    this.#heldBytes = 0
    this.#output.rewind(output)
    this.#metrics.rewind(metrics)
    return since === null ? undefined : new Date(since * 1000).toISOString().replace('.000Z', 'Z')
  }

  /** @param final nothing follows: the last line counts without its newline */
  push(chunk: Buffer, final = false): void {
    for (const part of this.#lines.push(chunk, final)) this.#take(part)
    if (final) this.#release()
    this.#output.flush()
    this.#metrics.flush()
  }

  /** Written now and then; what came since is read again. */
  savePosition(): void {
    const file = positionFile(this.#folder)
    writeFileSync(`${file}.new`, JSON.stringify(this.#position))
    renameSync(`${file}.new`, file)
  }

  close(): void {
    this.#output.close()
    this.#metrics.close()
  }

  #take({ time, bytes, endsLine }: LinePart): void {
    if (time !== undefined) this.#beginLine(time)
    if (!this.#isPassing) this.#hold(bytes)
    if (!endsLine) return
    if (!this.#isPassing) this.#endLine()
    this.#advance()
  }

  #beginLine(time: string): void {
    const second = time.slice(0, SECOND_LENGTH)
    if (second !== this.#secondText) {
      this.#secondText = second
      this.#second = Math.floor(Date.parse(time) / 1000) || this.#second
    }
    this.#isPassing = this.#toPass > 0 && !(time > this.#position.newest)
    this.#toPass = this.#isPassing ? this.#toPass - 1 : 0
    if (time > this.#position.newest) this.#position.newest = time
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes <= LONGEST_RECORD) return
    const all = Buffer.concat(this.#held)
    const at = all.lastIndexOf(RECORD[0] ?? 0)
    const kept = at !== -1 && all.length - at <= LONGEST_RECORD ? all.subarray(at) : Buffer.alloc(0)
    this.#output.append(all.subarray(0, all.length - kept.length))
    this.#held = [kept]
    this.#heldBytes = kept.length
  }

  /** A line that has no end. */
  #release(): void {
    for (const bytes of this.#held) this.#output.append(bytes)
    this.#held = []
    this.#heldBytes = 0
  }

  #endLine(): void {
    const line = this.#held.length === 1 && this.#held[0] !== undefined ? this.#held[0] : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    const at = line.indexOf(RECORD)
    this.#output.append(at === -1 ? line : line.subarray(0, at))
    if (at === -1) this.#output.append(NEWLINE)
    else this.#record(line.toString('utf8', at + RECORD.length))
  }

  #record(text: string): void {
    if (text.startsWith(REPORT)) this.#metrics.append(Buffer.from(`${text.slice(REPORT.length)}\n`))
    if (!text.startsWith(CHECKPOINT)) return
    const file = join(this.#folder, 'checkpoint.json')
    writeFileSync(`${file}.new`, text.slice(CHECKPOINT.length))
    renameSync(`${file}.new`, file)
  }

  /** A whole line is behind us. */
  #advance(): void {
    const count = this.#counts.get(this.#second) ?? 0
    this.#counts.set(this.#second, count + 1)
    if (this.#isPassing) return
    const position = this.#position
    if (count === 0) {
      const since = Math.max(...this.#counts.keys()) - OVERLAP_S
      for (const second of this.#counts.keys()) if (second < since) this.#counts.delete(second)
      position.since = Math.max(since, position.since ?? since)
    }
    position.lines = [...this.#counts.values()].reduce((sum, lines) => sum + lines, 0)
    position.output = this.#output.offset
    position.metrics = this.#metrics.offset
  }
}

/** A file whose bytes are known to come the same again: those that it has are passed over. */
class GrownFile {
  readonly #path: string
  #file: number | undefined
  #pending: Buffer[] = []
  #offset = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Bytes that were made so far, written or not. */
  get offset(): number {
    return this.#offset
  }

  rewind(offset: number): void {
    this.#offset = offset
    this.#pending = []
  }

  append(bytes: Buffer): void {
    this.#offset += bytes.length
    this.#pending.push(bytes)
  }

  /** Writes what was appended, and is not there already. */
  flush(): void {
    if (this.#pending.length === 0) return
    const bytes = Buffer.concat(this.#pending)
    this.#pending = []
    this.#file ??= openSync(this.#path, 'a', 0o644)
    const missing = bytes.subarray(Math.max(0, fstatSync(this.#file).size - (this.#offset - bytes.length)))
    for (let done = 0; done < missing.length; ) done += writeSync(this.#file, missing, done)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

function positionFile(folder: string): string {
  return join(folder, 'log-position.json')
}

function readPosition(folder: string): Position | undefined {
  try {
    return Position.parse(JSON.parse(readFileSync(positionFile(folder), 'utf8')))
  } catch {
    return undefined
  }
}

/** Uid of the pod whose log an agent before this one has begun to read. */
export function podOfLog(outputPath: string): string | undefined {
  return readPosition(dirname(outputPath))?.pod
}
