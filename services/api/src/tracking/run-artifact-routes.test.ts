import { createHash } from 'node:crypto'
import { RunArtifactList, RunArtifactView } from '@sweep/spec/wire/tracking/artifacts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { trackingCalls } from '../testing/tracking-calls.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

const { call, ok, refused, newRun, upload } = trackingCalls(() => api)

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('artifacts', () => {
  test('have versions, aliases and their bytes', async () => {
    const { id } = await newRun()
    const path = `models/best "1" 😀.bin`
    const [one, two] = [Buffer.from('one'), Buffer.from('two!')]
    const first = await ok(upload(id, path, one, { more: `&type=model&sha256=${hashOf(one)}` }), RunArtifactView, 201)
    expect(first).toMatchObject({ version: 1, type: 'model', sizeBytes: 3, sha256: hashOf(one), aliases: ['latest'] })
    await ok(upload(id, path, one), RunArtifactView, 200)
    const query = `path=${encodeURIComponent(path)}`
    const patch = (more: string, body: object) => call('PATCH', `/runs/${id}/artifacts/file?${query}${more}`, body)
    await ok(patch('', { aliases: ['best'], metadata: { acc: 0.9 } }), RunArtifactView)
    // The same once more, as after an answer that was lost, changes nothing of what was said since.
    expect(await ok(upload(id, path, one), RunArtifactView, 200)).toMatchObject({
      version: 1,
      type: 'model',
      metadata: { acc: 0.9 },
      aliases: ['best', 'latest'],
    })
    const second = await ok(upload(id, path, two), RunArtifactView, 201)
    expect(second).toMatchObject({ version: 2, aliases: ['latest'], metadata: {} })
    const versions = await ok(call('GET', `/runs/${id}/artifacts?${query}`), RunArtifactList)
    expect(versions.artifacts).toMatchObject([
      { version: 2, aliases: ['latest'] },
      { version: 1, aliases: ['best'], metadata: { acc: 0.9 } },
    ])
    const bytes = async (version: string) => {
      const reply = await call('GET', `/runs/${id}/artifacts/file?${query}&version=${version}`)
      expect(reply.headers['content-disposition']).toMatch(/^attachment; filename\*=UTF-8''best%20%221%22%20/)
      return reply.text
    }
    expect([await bytes('best'), await bytes('latest'), await bytes('2'), await bytes('1')]).toEqual([
      'one',
      'two!',
      'two!',
      'one',
    ])
    expect(await ok(patch('&version=2', { aliases: ['best'] }), RunArtifactView)).toMatchObject({
      aliases: ['best', 'latest'],
    })
    expect(await bytes('best')).toBe('two!')
    await refused(patch('&version=7', {}), 404)
    await refused(patch('', { aliases: ['latest'] }), 400)
    expect((await call('DELETE', `/runs/${id}/artifacts/file?${query}`)).status).toBe(204)
    await refused(call('GET', `/runs/${id}/artifacts/file?${query}`), 404)
  })

  test('are refused with a lying checksum, and nothing is kept', async () => {
    const { id } = await newRun()
    const lie = hashOf(Buffer.from('other'))
    const error = await refused(upload(id, 'x', Buffer.from('bytes'), { more: `&sha256=${lie}` }), 400)
    expect(error.code).toBe('checksum-mismatch')
    expect((await ok(call('GET', `/runs/${id}/artifacts`), RunArtifactList)).artifacts).toEqual([])
    await refused(call('POST', `/runs/${id}/artifacts`, { path: 'x', sha256: lie }), 404)
  })

  test.each([
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a//b',
    '.',
    'a/./b',
    'x/',
    '..\\x',
    'a\\..\\b',
    'a\0b',
    'x'.repeat(1025),
  ])('may not lie at %j', async (path) => {
    const { id } = await newRun()
    await refused(upload(id, path, Buffer.from('x')), 400)
    await refused(call('GET', `/runs/${id}/artifacts/file?path=${encodeURIComponent(path)}`), 400)
  })

  test('are listed by path, and noted where the store has the bytes already', async () => {
    const { id } = await newRun()
    const { id: other } = await newRun()
    const bytes = Buffer.from('shared')
    for (const path of ['b', 'a/2', 'a/1']) await upload(id, path, bytes)
    const first = await ok(call('GET', `/runs/${id}/artifacts?limit=2`), RunArtifactList)
    expect(first.artifacts.map(({ path }) => path)).toEqual(['a/1', 'a/2'])
    const rest = await ok(call('GET', `/runs/${id}/artifacts?limit=2&after=${first.next}`), RunArtifactList)
    expect(rest.artifacts.map(({ path }) => path)).toEqual(['b'])
    const inside = await ok(call('GET', `/runs/${id}/artifacts?prefix=a/`), RunArtifactList)
    expect(inside.artifacts).toHaveLength(2)
    const note = { path: 'copy', sha256: hashOf(bytes), aliases: ['best'] }
    await ok(call('POST', `/runs/${other}/artifacts`, note), RunArtifactView, 201)
    const use = { runId: id, path: 'b' }
    await ok(call('POST', `/runs/${other}/artifacts/uses`, use), { parse: (body) => body })
    await ok(call('POST', `/runs/${other}/artifacts/uses`, use), {
      parse: (body) => expect(body).toMatchObject({ uses: [{ runId: id, path: 'b', version: 1 }], usedBy: [] }),
    })
    await ok(call('GET', `/runs/${id}/lineage`), {
      parse: (body) => expect(body).toMatchObject({ uses: [], usedBy: [{ runId: other }] }),
    })
    await refused(call('POST', `/runs/${other}/artifacts/uses`, { runId: id, path: 'nothing' }), 404)
  })
})
