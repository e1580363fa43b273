import { crc32, deflateRawSync } from 'node:zlib'

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const DEFLATED = 8
/** 2.0, the first that knows DEFLATE. */
const VERSION = 20
const UTF8_NAMES = 0x0800
/** 1 January 1980, where the format begins: the same files make the same bytes. */
const DAY = (1 << 5) | 1

/**
 * A zip of a few small files, which Python imports from as from a folder.
 * APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16; without its extensions for more than 4 GiB or 65,535 files.
 *
 * @param files contents by path, with slashes
 */
export function zipArchive(files: ReadonlyMap<string, Uint8Array>): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = Buffer.from(path)
    const packed = deflateRawSync(bytes, { level: 9 })
    const about = Buffer.alloc(26)
    about.writeUInt16LE(VERSION, 0)
    about.writeUInt16LE(UTF8_NAMES, 2)
    about.writeUInt16LE(DEFLATED, 4)
    about.writeUInt16LE(DAY, 8)
    about.writeUInt32LE(crc32(bytes), 10)
    about.writeUInt32LE(packed.length, 14)
    about.writeUInt32LE(bytes.length, 18)
    about.writeUInt16LE(name.length, 22)
    const entry = [number(LOCAL), about, name, packed]
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    directory.push(number(CENTRAL), Buffer.from([VERSION, 0]), about, place, name)
    parts.push(...entry)
    offset += lengthOf(entry)
  }
  const end = Buffer.alloc(18)
  end.writeUInt16LE(files.size, 4)
  end.writeUInt16LE(files.size, 6)
  end.writeUInt32LE(lengthOf(directory), 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...parts, ...directory, number(END), end])
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}
