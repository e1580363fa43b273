import { closeSync, fstatSync, openSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CapturedPoint } from '@sweep/capture/captured-point'
import { type Line, readLines } from '@sweep/capture/tail'
import { encodeMetric } from '@sweep/spec/number'
import type { Point, PointBatch } from '@sweep/spec/wire/agent-protocol'
import type { z } from 'zod'

export type WirePoint = z.input<typeof Point>
export type WireBatch = z.input<typeof PointBatch>

const MOST_POINTS = 1000
/** Estimated JSON of a batch; a request is refused at 1 MB. */
const MOST_BYTES = 200_000
/** Windows of lines without points that are read in one go before others get their turn. */
const MOST_WINDOWS = 8

/** A file that may not exist yet, opened when it does and kept open. */
export class GrowingFile {
  readonly path: string
  #file: number | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Undefined while there is none. */
  get handle(): number | undefined {
    if (this.#file === undefined) {
      try {
        this.#file = openSync(this.path, 'r')
      } catch {
        return undefined
      }
    }
    return this.#file
  }

  get size(): number {
    const file = this.handle
    return file === undefined ? 0 : fstatSync(file).size
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

export interface Collected {
  readonly batch: WireBatch | undefined
  /** Everything that is in the file now has been looked at. */
  readonly atEnd: boolean
}

/**
 * Turns the lines of one file of a run into numbered batches. The file is the spool: what the server has not taken is
 * read again, from the offset that the server names.
 */
export class PointReader {
  readonly #source: 'metrics' | 'output'
  readonly #file: GrowingFile
  readonly #parse: (lines: readonly Line[]) => readonly (CapturedPoint | null)[]
  /** Bytes that the server has. */
  #acknowledged = 0
  /** Bytes that were looked at; those from `#acknowledged` to here hold no points that wait. */
  #scanned = 0
  /** The server refuses the points up to here: they are passed over, so that the rest can follow. */
  #refusedTo = 0

  constructor(
    source: 'metrics' | 'output',
    file: GrowingFile,
    parse: (lines: readonly Line[]) => readonly (CapturedPoint | null)[],
  ) {
    this.#source = source
    this.#file = file
    this.#parse = parse
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  /** How far the file has been read. */
  get scanned(): number {
    return this.#scanned
  }

  /**
   * The next batch, which stays the next until the server's answer is `accept`ed.
   * @param at time of the points, ms since 1970
   * @param final nothing is appended any more
   */
  async collect(at: number, final: boolean): Promise<Collected> {
    const file = this.#file.handle
    if (file === undefined) return { batch: undefined, atEnd: true }
    if (this.#refusedTo > this.#acknowledged) {
      const batch = { source: this.#source, from: this.#acknowledged, to: this.#refusedTo, points: [] }
      return { batch, atEnd: false }
    }
    const points: WirePoint[] = []
    let bytes = 0
    let to = this.#scanned
    let atEnd = false
    for (
      let windows = 0;
      windows < MOST_WINDOWS && !atEnd && points.length < MOST_POINTS && bytes < MOST_BYTES;
      windows += 1
    ) {
      if (windows > 0) await nextTurn()
      const window = readLines(file, to, { final })
      const parsed = this.#parse(window.lines)
      let isCut = false
      for (const [index, line] of window.lines.entries()) {
        const point = parsed[index]
        if (point === null || point === undefined) continue
        points.push(toWire(point, at))
        bytes += 40 + Object.keys(point.values).reduce((sum, name) => sum + name.length + 24, 0)
        if (points.length < MOST_POINTS && bytes < MOST_BYTES) continue
        to = line.end
        isCut = line.end < window.to
        break
      }
      if (isCut) break
      to = window.to
      atEnd = window.atEnd
    }
    if (points.length === 0) {
      this.#scanned = to
      return { batch: undefined, atEnd }
    }
    const batch = { source: this.#source, from: this.#acknowledged, to, points }
    return { batch, atEnd }
  }

  /** What the server has now. */
  accept(offset: number): void {
    if (offset === this.#acknowledged) return
    this.#acknowledged = offset
    // Not before what was looked at when nothing was waiting there, unless the server lost something.
    this.#scanned = offset
  }

  /** The server refuses the points of a batch up to `to`: the next one goes as far without them. */
  passOver(to: number): void {
    this.#refusedTo = to
  }
}

function toWire(point: CapturedPoint, at: number): WirePoint {
  const values: Record<string, number | 'NaN' | 'Infinity' | '-Infinity'> = {}
  for (const [name, value] of Object.entries(point.values)) {
    values[name] = Number.isFinite(value) ? value : (encodeMetric(value) as 'NaN')
  }
  return point.step === undefined ? { at, values } : { step: point.step, at, values }
}
