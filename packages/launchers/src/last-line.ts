import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const TAIL_BYTES = 4096

/** The last line of a file that is not empty, at most 300 characters of it. */
export function lastLineOf(path: string): string | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const { size } = fstatSync(file)
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES))
    readSync(file, buffer, 0, buffer.length, size - buffer.length)
    const line = buffer
      .toString('utf8')
      .split(/[\r\n]+/)
      .map((text) => text.replaceAll('\0', '').trim())
      .findLast((text) => text !== '')
    return line?.slice(0, 300)
  } finally {
    closeSync(file)
  }
}
