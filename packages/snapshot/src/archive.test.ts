import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Header, pack } from 'tar-stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf, packFolder } from './pack.ts'
import { unpackArchive } from './unpack.ts'
import { walkFolder } from './walk.ts'

let root: string
let target: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sweep-pack-'))
  target = mkdtempSync(join(tmpdir(), 'sweep-unpack-'))
})
afterEach(() => {
  for (const folder of [root, target]) rmSync(folder, { recursive: true, force: true })
})

function write(path: string, text: string, folder = root): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), text)
}

async function packed(folder = root): Promise<Readable> {
  return packFolder(folder, (await walkFolder(folder)).entries)
}

const LONG = `${'d'.repeat(120)}/${'f'.repeat(200)}`

test('a folder comes back as it was: names of all kinds, links, modes, empty files and folders', async () => {
  for (const path of ['a.py', 'sub/b.txt', 'sub/ä b "c"\n.txt', LONG, '-rf', 'sub/..hidden']) write(path, `in ${path}`)
  write('empty', '')
  mkdirSync(join(root, 'nothing/in/it'), { recursive: true })
  chmodSync(join(root, 'a.py'), 0o755)
  symlinkSync('sub/b.txt', join(root, 'link'))
  symlinkSync('../a.py', join(root, 'sub/up'))
  await unpackArchive(await packed(), target)
  expect((await walkFolder(target)).entries).toEqual((await walkFolder(root)).entries)
  expect(readFileSync(join(target, 'sub/ä b "c"\n.txt'), 'utf8')).toBe('in sub/ä b "c"\n.txt')
  expect(readFileSync(join(target, LONG), 'utf8')).toBe(`in ${LONG}`)
  expect(readlinkSync(join(target, 'sub/up'))).toBe('../a.py')
  expect(statSync(join(target, 'a.py')).mode & 0o777).toBe(0o755)
  expect(statSync(join(target, 'empty')).mode & 0o777).toBe(0o644)
})

test('the same content gives the same archive, whatever its times, modes and the order it was made in', async () => {
  const other = mkdtempSync(join(tmpdir(), 'sweep-pack-'))
  for (const path of ['a', 'b/c', 'b-d']) write(path, path)
  for (const path of ['b-d', 'b/c', 'a']) write(path, path, other)
  utimesSync(join(other, 'a'), 1, 1)
  chmodSync(join(other, 'a'), 0o600)
  const digest = await digestOf(await packed())
  expect(await digestOf(await packed(other))).toEqual(digest)
  // Known for good: what was uploaded by one release is found by the next.
  expect(digest.sha256).toMatchInlineSnapshot(`"19472924e5d268b44deba763f7d6e83af2c19b30f9264c4ac8c6d36b1521a695"`)

  write('a', 'A', other)
  expect((await digestOf(await packed(other))).sha256).not.toBe(digest.sha256)
  write('a', 'a', other)
  chmodSync(join(other, 'a'), 0o700)
  expect((await digestOf(await packed(other))).sha256, 'a program is no mere file').not.toBe(digest.sha256)
  rmSync(other, { recursive: true })
})

test.each([
  ['grows', 'longer than it was'],
  ['shrinks', 's'],
])('a file that %s while it is read fails the archive', async (_, text) => {
  write('log.txt', 'as it was')
  const { entries } = await walkFolder(root)
  write('log.txt', text)
  await expect(buffer(packFolder(root, entries))).rejects.toMatchObject({ code: 'conflict', retryable: true })
})

test('a file that goes away while it is read fails the archive', async () => {
  write('a', 'a')
  const { entries } = await walkFolder(root)
  rmSync(join(root, 'a'))
  await expect(buffer(packFolder(root, entries))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('an archive that nobody reads to its end lets go of its files', async () => {
  write('a', 'x'.repeat(1_000_000))
  const archive = await packed()
  for await (const _ of archive) break
  expect(archive.destroyed).toBe(true)
})

test('links that lead out stay out, and are named', async () => {
  write('sub/a', 'a')
  const links = { abs: '/etc/passwd', up: '../other', 'sub/up': '../../other', 'sub/in': '../sub/a', deep: 'sub/in' }
  for (const [path, to] of Object.entries(links)) symlinkSync(to, join(root, path))
  const { entries, leftOut } = await walkFolder(root)
  expect(entries.map((entry) => entry.path)).toEqual(['deep', 'sub', 'sub/a', 'sub/in'])
  expect(leftOut.map(({ path }) => path)).toEqual(['abs', 'sub/up', 'up'])
  expect(leftOut[0]?.why).toContain('/etc/passwd')
})

type Made = Partial<Header> & Pick<Header, 'name'> & { text?: string }

function archiveOf(...entries: Made[]): Readable {
  const archive = pack()
  for (const { text = '', ...header } of entries) archive.entry(header, text)
  archive.finalize()
  return Readable.from(archive)
}

const SECRET = '/tmp/sweep-escaped'
test.each<[string, Made[]]>([
  ['a path upwards', [{ name: '../escaped' }]],
  ['a path upwards from within', [{ name: 'a/../../escaped' }]],
  ['an absolute path', [{ name: SECRET }]],
  ['a path of dots', [{ name: 'a/./b' }]],
  ['a backslash', [{ name: 'a\\..\\b' }]],
  ['an absolute link', [{ name: 'link', type: 'symlink', linkname: '/etc' }]],
  ['a link upwards', [{ name: 'a/link', type: 'symlink', linkname: '../../etc' }]],
  ['a link to nowhere', [{ name: 'link', type: 'symlink', linkname: '/' }]],
  ['a file through a link', [{ name: 'a', type: 'symlink', linkname: 'b' }, { name: 'a/file' }]],
  ['a link over a file', [{ name: 'a' }, { name: 'a', type: 'symlink', linkname: 'b' }]],
  ['a file over a file', [{ name: 'a' }, { name: 'a' }]],
  ['a folder over a file', [{ name: 'a' }, { name: 'a/b' }]],
  [
    'a link through a link whose parent is elsewhere',
    [
      { name: 'a/b/c', type: 'symlink', linkname: '../..' },
      { name: 'x', type: 'symlink', linkname: 'a/b/c/../../etc' },
    ],
  ],
  [
    'a hard link',
    [
      { name: 'a', text: 'a' },
      { name: 'b', type: 'link', linkname: 'a' },
    ],
  ],
  ['a device', [{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }]],
  ['a pipe', [{ name: 'pipe', type: 'fifo' }]],
])('an archive with %s is refused', async (_, entries) => {
  const inner = join(target, 'inner')
  mkdirSync(inner)
  await expect(unpackArchive(archiveOf(...entries), inner)).rejects.toMatchObject({ code: 'invalid-request' })
  expect(readdirSync(target)).toEqual(['inner'])
  expect(statSync(SECRET, { throwIfNoEntry: false })).toBeUndefined()
})

test('an archive that is cut short, or is none, is an error', async () => {
  write('a', 'x'.repeat(10_000))
  const bytes = await buffer(await packed())
  await expect(unpackArchive(Readable.from([bytes.subarray(0, 5000)]), target)).rejects.toThrow()
  await expect(unpackArchive(Readable.from([Buffer.alloc(2048, 'x')]), target)).rejects.toThrow()
})

test('the error of a source that fails is the error of the unpacking', async () => {
  const failing = async function* () {
    write('a', 'x'.repeat(10_000))
    yield (await buffer(await packed())).subarray(0, 1000)
    throw new Error('the line was cut')
  }
  await expect(unpackArchive(Readable.from(failing()), target)).rejects.toThrow('the line was cut')
})
