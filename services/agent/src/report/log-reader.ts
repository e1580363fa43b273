import { readSync } from 'node:fs'
import type { LogChunk } from '@sweep/spec/wire/agent-protocol'
import type { GrowingFile } from './point-reader.ts'

const CHUNK_BYTES = 64 * 1024
/** This much of every run's output is always shipped. */
const ALWAYS_BYTES = 256 * 1024
/** Beyond it, per attempt and second on average. */
const BYTES_PER_SECOND = 64 * 1024
const BURST_BYTES = 128 * 1024
/** When more waits than the server keeps, what is older is left out. */
const MOST_WAITING_BYTES = 1024 * 1024
/** Of output that came too fast, this much of the end is shipped when the run is over. */
const LAST_BYTES = 256 * 1024

const NEWLINE = 10

export interface LogPiece {
  readonly chunk: LogChunk
  /** Of the file; the text may have more or fewer. */
  readonly bytes: number
}

/** Ships the output of a run in pieces, as fast as it is allowed to; what is left out stays in the run folder. */
export class LogReader {
  readonly #file: GrowingFile
  #sent = 0
  #allowance = BURST_BYTES
  #filledAt: number | undefined

  constructor(file: GrowingFile) {
    this.#file = file
  }

  get sent(): number {
    return this.#sent
  }

  get waiting(): number {
    return Math.max(0, this.#file.size - this.#sent)
  }

  /**
   * The next piece, or undefined when there is none or none is allowed now.
   * @param nowMs by a clock that does not jump
   * @param final the run is over: the last of it goes without delay
   */
  next(nowMs: number, final: boolean): LogPiece | undefined {
    const file = this.#file.handle
    if (file === undefined) return undefined
    const { size } = this.#file
    if (size <= this.#sent) return undefined
    this.#fill(nowMs)
    if (this.#sent >= ALWAYS_BYTES) {
      const most = final ? LAST_BYTES : MOST_WAITING_BYTES
      if (size - this.#sent > most) this.#sent = lineStart(file, size - LAST_BYTES)
      if (!final && this.#allowance <= 0) return undefined
    }
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - this.#sent))
    const read = readSync(file, buffer, 0, buffer.length, this.#sent)
    const data = buffer.subarray(0, read)
    const whole = final ? data : wholeCharacters(data)
    if (whole.length === 0) return undefined
    // Shown as what it is: a database does not take the character itself.
    const text = whole.toString('utf8').replaceAll('\0', '\u2400')
    return { chunk: { offset: this.#sent, to: this.#sent + whole.length, text }, bytes: whole.length }
  }

  /** A piece of this many bytes has arrived. */
  advance(from: number, bytes: number): void {
    this.#allowance -= bytes
    this.#sent = Math.max(this.#sent, from + bytes)
  }

  /** What the server has, after a restart of the agent. */
  resume(offset: number): void {
    this.#sent = Math.max(this.#sent, Math.min(offset, this.#file.size))
  }

  #fill(nowMs: number): void {
    const elapsedMs = nowMs - (this.#filledAt ?? nowMs)
    this.#filledAt = nowMs
    this.#allowance = Math.min(BURST_BYTES, this.#allowance + (elapsedMs * BYTES_PER_SECOND) / 1000)
  }
}

/** The first beginning of a line from `from` on, or `from` when none is near. */
function lineStart(file: number, from: number): number {
  const buffer = Buffer.allocUnsafe(4096)
  const read = readSync(file, buffer, 0, buffer.length, from)
  const newline = buffer.subarray(0, read).indexOf(NEWLINE)
  return newline === -1 ? from : from + newline + 1
}

/** Without a last character whose bytes are not all there yet. */
function wholeCharacters(data: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, data.length); back += 1) {
    const byte = data[data.length - back] ?? 0
    if (byte < 0x80) return data
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return length > back ? data.subarray(0, data.length - back) : data
    }
  }
  return data
}
