import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { openObjects, parseObjectsPlace } from './open-objects.ts'

test('a folder and buckets are told apart', () => {
  expect(parseObjectsPlace('file:///var/lib/a%20b')).toEqual({ kind: 'folder', folder: '/var/lib/a b' })
  expect(parseObjectsPlace('s3://models')).toEqual({ kind: 's3', bucket: 'models', prefix: '', region: 'us-east-1' })
  expect(parseObjectsPlace('s3://models/team/a/?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A9000')).toEqual({
    kind: 's3',
    bucket: 'models',
    prefix: 'team/a/',
    region: 'eu-west-1',
    endpoint: 'http://127.0.0.1:9000',
  })
  expect(parseObjectsPlace('s3://models?endpoint=http://127.0.0.1:9000')).toMatchObject({
    endpoint: 'http://127.0.0.1:9000',
  })
})

test.each([
  ['objects', 'no address'],
  ['/var/objects', 'no address'],
  ['file://var/objects', 'three slashes'],
  ['s3:///prefix', 'names no bucket'],
  ['s3://bucket?regoin=x', 'unknown setting regoin'],
  ['s3://bucket?endpoint=minio:9000', 'endpoint without http'],
  ['s3://key:secret@bucket', 'credentials'],
  ['gs://bucket', 'unknown scheme gs:'],
])('%s is refused: %s', (text, why) => {
  expect(() => parseObjectsPlace(text)).toThrow(why)
})

test('a folder that nobody asked for, and that can not be used, is no reason not to start', async () => {
  const place = { kind: 'folder', folder: '/dev/null/objects' } as const
  const clock = { now: () => 0 }
  await expect(openObjects(place, clock)).rejects.toMatchObject({ code: 'invalid-request' })
  const store = await openObjects({ ...place, isDefault: true }, clock)
  await expect(store.put('a/b', Readable.from(['x']))).rejects.toThrow()
})
