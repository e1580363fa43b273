import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { SweepError } from '@sweep/spec/errors'
import { MANIFEST, TRANSFER_VERSION, TransferManifest } from '@sweep/spec/wire/tracking/transfer'
import { extract } from 'tar-stream'
import { fullDisk, isDiskFull } from '../objects/store-upload.ts'
import { TABLE_NAMES, type TableName } from './tables.ts'

/** An archive that lies in a folder: whole, and every file as its manifest says. What the tables say is not looked at. */
export interface SpooledArchive {
  readonly folder: string
  readonly manifest: TransferManifest
  /** Names of its objects, which are their SHA-256. */
  readonly objects: readonly string[]
}

const TABLE_PART = new RegExp(`^(${TABLE_NAMES.join('|')})-[0-9]{6}\\.(jsonl|csv|parquet)$`)
const OBJECT = /^objects\/([0-9a-f]{64})$/
/** A part is read into memory as a whole. */
const MOST_PART_BYTES = 268_435_456

/**
 * Takes an archive of a project, as a tar that may be compressed with gzip, apart into an empty folder. Who made it is not
 * trusted: nothing but files of the names that an export gives them comes out of it, and all of them have to be there.
 * @throws SweepError `invalid-request`, `checksum-mismatch`, `storage-full`
 */
export async function spoolArchive(source: Readable, folder: string): Promise<SpooledArchive> {
  const found = new Map<string, { readonly sizeBytes: number; readonly sha256: string }>()
  await mkdir(join(folder, 'objects'))
  const archive = extract()
  const read = async () => {
    for await (const entry of archive) {
      const { name, type, size = 0 } = entry.header
      if (type === 'directory') {
        entry.resume()
        continue
      }
      const isObject = OBJECT.test(name)
      if (type !== 'file' || !(isObject || name === MANIFEST || TABLE_PART.test(name))) {
        throw refused(`${JSON.stringify(name.slice(0, 200))} (${type}) is no file of an export`)
      }
      if (found.has(name)) throw refused(`it has ${name} twice`)
      if (!isObject && size > MOST_PART_BYTES) throw refused(`${name} has more than ${MOST_PART_BYTES} bytes`)
      found.set(name, await writeEntry(entry as AsyncIterable<Buffer>, join(folder, name)))
    }
  }
  const piped = pipeline(await unzipped(source), archive as unknown as Writable)
  piped.catch(() => undefined)
  try {
    await read()
    await piped
  } catch (error) {
    archive.destroy()
    throw whyUnread(error)
  }
  return checked(folder, found)
}

async function writeEntry(entry: AsyncIterable<Buffer>, path: string): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk)
      sizeBytes += chunk.length
      done(null, chunk)
    },
  })
  const bytes = async function* () {
    yield* entry
  }
  await pipeline(bytes, counted, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** Told by its first two bytes; whoever sends it need not say. */
async function unzipped(source: Readable): Promise<Readable> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let head = Buffer.alloc(0)
  while (head.length < 2) {
    const { done, value } = await chunks.next()
    if (done === true) break
    head = Buffer.concat([head, value])
  }
  if (head.length === 0) throw refused('it is empty')
  const all = async function* () {
    yield head
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  const bytes = Readable.from(all(), { objectMode: false })
  if (head[0] !== 0x1f || head[1] !== 0x8b) return bytes
  const gunzip = createGunzip()
  // Whoever reads it gets the error.
  pipeline(bytes, gunzip).catch(() => undefined)
  return gunzip
}

async function checked(
  folder: string,
  found: ReadonlyMap<string, { readonly sizeBytes: number; readonly sha256: string }>,
): Promise<SpooledArchive> {
  if (!found.has(MANIFEST)) throw refused('it has no manifest.json, so it was cut off or is something else')
  const manifest = readManifest(await readFile(join(folder, MANIFEST), 'utf8'))
  for (const { path, sizeBytes, sha256 } of manifest.files) {
    const file = found.get(path)
    if (!TABLE_PART.test(path) || file === undefined) throw refused(`it lacks ${JSON.stringify(path.slice(0, 200))}`)
    if (file.sizeBytes !== sizeBytes || file.sha256 !== sha256) throw changed(path)
  }
  const objects = [...found].flatMap(([path, { sha256 }]) => {
    const name = OBJECT.exec(path)?.[1]
    if (name !== undefined && name !== sha256) throw changed(path)
    return name ?? []
  })
  if (objects.length !== manifest.objects) {
    throw refused(`it has ${objects.length} files of runs, and should have ${manifest.objects}`)
  }
  const listed = new Set(manifest.files.map(({ path }) => path))
  const other = [...found.keys()].find((path) => path !== MANIFEST && !OBJECT.test(path) && !listed.has(path))
  if (other !== undefined || listed.size !== manifest.files.length) {
    throw refused(`its manifest does not have ${other ?? 'each of its files once'}`)
  }
  return { folder, manifest, objects }
}

function readManifest(text: string): TransferManifest {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    throw refused('its manifest.json is no JSON', error)
  }
  const version = typeof body === 'object' && body !== null && 'version' in body ? body.version : undefined
  if (typeof version === 'number' && version > TRANSFER_VERSION) {
    throw refused(
      `it was made by a newer release (version ${version} of the format, this server knows ${TRANSFER_VERSION})`,
    )
  }
  const manifest = TransferManifest.safeParse(body)
  if (!manifest.success)
    throw refused(`its manifest.json is not one: ${manifest.error.issues[0]?.message}`, manifest.error)
  return manifest.data
}

/** Parts of a table, in their order. */
export function partsOf(manifest: TransferManifest, table: TableName): readonly TransferManifest['files'][number][] {
  const parts = manifest.files.filter(({ path }) => path.startsWith(`${table}-`))
  return parts.sort((a, b) => (a.path < b.path ? -1 : 1))
}

export function refused(why: string, cause?: unknown): SweepError {
  return new SweepError('invalid-request', `this archive of a project can't be brought in: ${why}`, {
    hint: 'Nothing was stored. Take what `sweep project export` has written, as it is.',
    cause,
  })
}

function changed(path: string): SweepError {
  return new SweepError('checksum-mismatch', `${path} of the archive is not what its manifest says`, {
    hint: 'Nothing was stored. It was damaged or changed; export it again.',
  })
}

function whyUnread(error: unknown): unknown {
  if (error instanceof SweepError) return error
  if (isDiskFull(error)) return fullDisk(error)
  return refused(`it is no whole tar (${error instanceof Error ? error.message : String(error)})`, error)
}
