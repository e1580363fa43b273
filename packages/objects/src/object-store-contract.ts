import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentKey, getContent, putContent } from './content.ts'
import type { ObjectStore } from './object-store.ts'

const MISSING = 'missing/key'

/**
 * What every object store must do, run against the real thing.
 * @param mixesPuts why this server can't be held to puts of one key that keep apart
 */
export function objectStoreContract(open: () => Promise<ObjectStore>, mixesPuts?: string): void {
  let store: ObjectStore
  beforeAll(async () => {
    store = await open()
  })
  afterAll(() => store.close())

  const read = async (key: string): Promise<Buffer | undefined> => {
    const stream = await store.get(key)
    return stream === undefined ? undefined : buffer(stream)
  }
  const keys = async (prefix: string): Promise<string[]> => {
    const found: string[] = []
    for await (const { key } of store.list(prefix)) found.push(key)
    return found.sort()
  }

  test('an object comes back byte for byte, with its size', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('héllo\0\r\n'), randomBytes(100_000)]) {
      expect(await store.put('bytes/one', Readable.from(chunks(bytes, 1000)))).toBe(bytes.length)
      expect(await read('bytes/one')).toEqual(bytes)
      expect(await store.head('bytes/one')).toEqual({ key: 'bytes/one', sizeBytes: bytes.length })
    }
  })

  test('an object of several parts comes back byte for byte', async () => {
    const bytes = randomBytes(40 * 1024 * 1024)
    expect(await store.put('bytes/large', Readable.from(chunks(bytes, 1_000_000)))).toBe(bytes.length)
    expect((await read('bytes/large'))?.equals(bytes)).toBe(true)
  })

  test('there is nothing where nothing was put, and deleting it is no error', async () => {
    expect(await read(MISSING)).toBeUndefined()
    expect(await store.head(MISSING)).toBeUndefined()
    await store.delete(MISSING)
    expect(await keys('missing/')).toEqual([])
  })

  test('a deleted object is gone', async () => {
    await store.put('gone/key', Readable.from(['x']))
    await store.delete('gone/key')
    expect(await read('gone/key')).toBeUndefined()
  })

  test('objects are listed by prefix', async () => {
    for (const key of ['list/b/1', 'list/a', 'list/b/2', 'list/b-1', 'lists/z'])
      await store.put(key, Readable.from(['x']))
    expect(await keys('list/')).toEqual(['list/a', 'list/b-1', 'list/b/1', 'list/b/2'])
    expect(await keys('list/b/')).toEqual(['list/b/1', 'list/b/2'])
    expect(await keys('list')).toContain('lists/z')
  })

  test('of a source that fails nothing is kept, and what was there stays', async () => {
    const failing = (bytes: number) =>
      Readable.from(
        (function* () {
          yield randomBytes(bytes)
          throw new Error('the source broke')
        })(),
      )
    await store.put('failing/old', Readable.from(['old']))
    // Once before anything was sent, once with a part on its way.
    for (const bytes of [100, 20 * 1024 * 1024]) {
      await expect(store.put('failing/old', failing(bytes))).rejects.toThrow('the source broke')
      await expect(store.put('failing/new', failing(bytes))).rejects.toThrow('the source broke')
    }
    expect(String(await read('failing/old'))).toBe('old')
    expect(await keys('failing/')).toEqual(['failing/old'])
  })

  const apart = 'of two that put the same key at once, one stands whole'
  test.skipIf(mixesPuts !== undefined)(
    mixesPuts === undefined ? apart : `${apart} (skipped: ${mixesPuts})`,
    async () => {
      const [a, b] = [Buffer.alloc(300_000, 'a'), Buffer.alloc(300_000, 'b')]
      await Promise.all([a, b].map((bytes) => store.put('race/key', Readable.from(chunks(bytes, 1000)))))
      const found = await read('race/key')
      expect(found?.equals(a) === true || found?.equals(b) === true).toBe(true)
    },
  )

  test.each([
    '',
    '/',
    '/etc/passwd',
    '../x',
    'a/../b',
    'a//b',
    'a/',
    '.hidden',
    'a/.b',
    'A',
    'a b',
    'a\0',
    'ä',
    'a\\b',
  ])('the key %j is refused', async (key) => {
    await expect(store.put(key, Readable.from(['x']))).rejects.toMatchObject({ code: 'invalid-request' })
    await expect(store.get(key)).rejects.toMatchObject({ code: 'invalid-request' })
    await expect(store.delete(key)).rejects.toMatchObject({ code: 'invalid-request' })
  })

  test('content is kept under its own hash only', async () => {
    const bytes = randomBytes(70_000)
    const sha256 = hashOf(bytes)
    expect(await putContent(store, sha256, Readable.from(chunks(bytes, 9999)))).toBe(bytes.length)
    const found = await getContent(store, sha256)
    expect(found?.sizeBytes).toBe(bytes.length)
    expect(found && (await buffer(found.stream)).equals(bytes)).toBe(true)

    const other = hashOf(Buffer.from('other'))
    await expect(putContent(store, other, Readable.from([bytes]))).rejects.toMatchObject({ code: 'checksum-mismatch' })
    expect(await getContent(store, other)).toBeUndefined()
    expect(await store.head(contentKey(other))).toBeUndefined()
  })

  test('content that was damaged in the store fails before its end', async () => {
    const bytes = randomBytes(200_000)
    const sha256 = hashOf(bytes)
    await putContent(store, sha256, Readable.from([bytes]))
    const damaged = Buffer.from(bytes)
    damaged[150_000] = (damaged[150_000] ?? 0) ^ 1
    await store.put(contentKey(sha256), Readable.from([damaged]))
    const found = await getContent(store, sha256)
    let received = 0
    await expect(async () => {
      for await (const chunk of found?.stream ?? []) received += (chunk as Buffer).length
    }).rejects.toMatchObject({ code: 'checksum-mismatch' })
    expect(received).toBeLessThan(bytes.length)
  })
}

export function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function* chunks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
