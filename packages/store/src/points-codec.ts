/**
 * How metric points lie in bytea columns. Steps and times rise slowly, so their differences take a byte or two; values
 * are IEEE doubles, bit for bit. docs/decisions/0001-metric-points.md compares this with rows and arrays.
 */
export interface Line {
  readonly step: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly values: readonly { readonly nameId: number; readonly value: number }[]
}

export interface Column {
  readonly steps: number[]
  readonly times: number[]
  readonly values: number[]
}

/** First byte: how steps and times are stored. `Plain`, as doubles, is for numbers whose differences would be inexact. */
const Delta = 1
const Plain = 2
const LARGEST_DELTA = 2 ** 50

/** Lines as they came, every metric of a line together. */
export function encodeLines(lines: readonly Line[]): Uint8Array {
  const writer = new Writer()
  const mode = lines.every((line) => isSmall(line.step) && isSmall(line.at)) ? Delta : Plain
  writer.byte(mode)
  let step = 0
  let at = 0
  for (const line of lines) {
    writer.integer(mode, line.step, step)
    writer.integer(mode, line.at, at)
    writer.unsigned(line.values.length)
    for (const { nameId, value } of line.values) {
      writer.unsigned(nameId)
      writer.double(value)
    }
    step = line.step
    at = line.at
  }
  return writer.bytes()
}

export function decodeLines(bytes: Uint8Array): Line[] {
  const reader = new Reader(bytes)
  const lines: Line[] = []
  const mode = reader.byte()
  let step = 0
  let at = 0
  while (!reader.atEnd) {
    step = reader.integer(mode, step)
    at = reader.integer(mode, at)
    const values = Array.from({ length: reader.unsigned() }, () => ({
      nameId: reader.unsigned(),
      value: reader.double(),
    }))
    lines.push({ step, at, values })
  }
  return lines
}

/** Points of one metric, column by column. */
export function encodeColumn(column: Column): Uint8Array {
  const writer = new Writer()
  const mode = column.steps.every(isSmall) && column.times.every(isSmall) ? Delta : Plain
  writer.byte(mode)
  writer.unsigned(column.values.length)
  for (const list of [column.steps, column.times]) {
    let before = 0
    for (const number of list) {
      writer.integer(mode, number, before)
      before = number
    }
  }
  for (const value of column.values) writer.double(value)
  return writer.bytes()
}

export function decodeColumn(bytes: Uint8Array): Column {
  const reader = new Reader(bytes)
  const mode = reader.byte()
  const count = reader.unsigned()
  const column: Column = { steps: [], times: [], values: [] }
  for (const list of [column.steps, column.times]) {
    let before = 0
    for (let n = 0; n < count; n += 1) {
      before = reader.integer(mode, before)
      list.push(before)
    }
  }
  for (let n = 0; n < count; n += 1) column.values.push(reader.double())
  return column
}

function isSmall(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= LARGEST_DELTA
}

class Writer {
  #buffer = Buffer.allocUnsafe(4096)
  #at = 0

  byte(value: number): void {
    this.#room(1)
    this.#buffer[this.#at] = value
    this.#at += 1
  }

  double(value: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  /** Seven bits a byte, lowest first. Divides instead of shifting: shifts would cut at 32 bits. */
  unsigned(value: number): void {
    this.#room(8)
    let rest = value
    while (rest >= 128) {
      this.#buffer[this.#at] = (rest % 128) + 128
      this.#at += 1
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#at] = rest
    this.#at += 1
  }

  integer(mode: number, value: number, before: number): void {
    const difference = value - before
    if (mode === Plain) this.double(value)
    else this.unsigned(difference >= 0 ? difference * 2 : -difference * 2 - 1)
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#at)
  }

  #room(count: number): void {
    if (this.#at + count <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(this.#buffer.length * 2)
    this.#buffer.copy(larger)
    this.#buffer = larger
  }
}

class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get atEnd(): boolean {
    return this.#at >= this.#buffer.length
  }

  byte(): number {
    const value = this.#buffer.readUInt8(this.#at)
    this.#at += 1
    return value
  }

  double(): number {
    const value = this.#buffer.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  unsigned(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte % 128) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }

  integer(mode: number, before: number): number {
    if (mode === Plain) return this.double()
    const zigzag = this.unsigned()
    return before + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2)
  }
}
