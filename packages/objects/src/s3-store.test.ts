import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestS3 } from '../../../test/support/s3.ts'
import { objectStoreContract } from './object-store-contract.ts'
import { S3Store } from './s3-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'sweep-s3-'))
let server: TestS3
beforeAll(async () => {
  server = await TestS3.start(folder)
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('in S3', () => {
  // What we put under one key is always the same, being called after its content.
  const mixesPuts = process.env['SWEEP_TEST_S3'] === undefined ? 's3rver writes both into one file' : undefined
  objectStoreContract(async () => new S3Store(server.place('prefix/')), mixesPuts)
})

test('two prefixes of one bucket know nothing of each other', async () => {
  const [a, b] = [new S3Store(server.place('a/')), new S3Store(server.place('b/'))]
  await a.put('key', Readable.from(['x']))
  expect(await b.head('key')).toBeUndefined()
  for await (const { key } of b.list('')) expect(key).toBe('nothing')
})

test('a bucket that is not there is told as what it is', async () => {
  const store = new S3Store({ ...server.place(''), bucket: 'missing' })
  const put = store.put('key', Readable.from(['x']))
  await expect(put).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('NoSuchBucket') })
  await expect(store.get('key')).rejects.toThrow('NoSuchBucket')
})

test('a store that is away is unavailable', async () => {
  const closed = createServer().listen(0)
  const address = closed.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await new Promise((resolve) => closed.close(resolve))
  const store = new S3Store({ ...server.place(''), endpoint: `http://127.0.0.1:${port}` })
  await expect(store.head('key')).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  await expect(store.put('key', Readable.from(['x']))).rejects.toMatchObject({ code: 'unavailable' })
})
