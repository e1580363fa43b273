const HEADER_BYTES = 8

/**
 * Takes apart what the engine sends of a container's log: frames of 8 bytes (stream, three zeros, length as a big-endian
 * 32-bit number) and that many bytes of output (Docker Engine API, "Attach to a container", Stream format). stdout and
 * stderr stay in the order in which they came.
 */
export class LogFrames {
  #rest: Buffer = Buffer.alloc(0)

  /** The output in a chunk of the stream, in which frames may be cut anywhere. */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const output: Buffer[] = []
    let at = 0
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + bytes.readUInt32BE(at + 4)
      if (end > bytes.length) break
      output.push(bytes.subarray(at + HEADER_BYTES, end))
      at = end
    }
    this.#rest = bytes.subarray(at)
    return output
  }
}
