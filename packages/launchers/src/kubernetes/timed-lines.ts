/** Runtimes cut lines into parts of this many bytes, and some kubelets put a time before each part. */
const PART_BYTES = 16_384
const NEWLINE = 10
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) /
const LONGEST_TIME = 36

/** A line, or a part of one. */
export interface LinePart {
  /** When the line was written, as the cluster spells it; on the first part only. */
  readonly time?: string
  /** Without the newline. */
  readonly bytes: Buffer
  /** A newline follows. */
  readonly endsLine: boolean
}

/** Takes the times out of a pod's log, which was asked for with them, as its bytes come in. */
export class TimedLines {
  #rest: Buffer = Buffer.alloc(0)
  /** Bytes of the part that is being read, without its time. */
  #inPart = 0
  #startsLine = true
  /** Whether a time may stand here. */
  #startsPart = true

  /** @param final nothing follows */
  push(chunk: Buffer, final = false): LinePart[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const parts: LinePart[] = []
    let at = 0
    while (at < data.length) {
      let time: string | undefined
      if (this.#startsPart) {
        const head = data.subarray(at, at + LONGEST_TIME)
        const newline = head.indexOf(NEWLINE)
        // Half a time can't be told from text.
        if (head.length < LONGEST_TIME && newline === -1 && !final) break
        const found = TIME.exec(head.toString('latin1'))?.[0]
        if (found !== undefined) at += found.length
        if (this.#startsLine) time = found?.trimEnd() ?? ''
        this.#startsPart = false
        this.#inPart = 0
      }
      const most = data.subarray(at, at + PART_BYTES - this.#inPart)
      const newline = most.indexOf(NEWLINE)
      const bytes = newline === -1 ? most : most.subarray(0, newline)
      at += newline === -1 ? bytes.length : newline + 1
      this.#inPart += bytes.length
      this.#startsLine = newline !== -1
      this.#startsPart = newline !== -1 || this.#inPart === PART_BYTES
      parts.push({ ...(time === undefined ? {} : { time }), bytes, endsLine: newline !== -1 })
    }
    this.#rest = Buffer.from(data.subarray(at))
    return parts
  }
}
