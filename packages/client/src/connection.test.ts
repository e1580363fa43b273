import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { findServer } from './connection.ts'

const folders: string[] = []
let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sweep-client-'))
  folders.push(home)
})
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

async function localServer(): Promise<void> {
  await writeFile(join(home, 'server.json'), JSON.stringify({ url: 'http://127.0.0.1:4601/', pid: 42 }))
  await writeFile(join(home, 'token'), 'swp_user_home\n')
}

test('nothing is found where nothing is configured', async () => {
  expect(await findServer({ env: {}, home })).toBeUndefined()
  expect(await findServer({ env: {}, home: join(home, 'nowhere') })).toBeUndefined()
})

test('the local server is found with its token', async () => {
  await localServer()
  const found = await findServer({ env: {}, home })
  expect(found).toEqual({ url: 'http://127.0.0.1:4601', token: 'swp_user_home', origin: 'home', pid: 42 })
})

test('what is given wins over the environment, which wins over the local server', async () => {
  await localServer()
  const env = { SWEEP_URL: 'https://sweep.example/base/', SWEEP_TOKEN: 'swp_user_env' }
  expect(await findServer({ env, home })).toMatchObject({
    url: 'https://sweep.example/base',
    token: 'swp_user_env',
    origin: 'environment',
  })
  const given = { url: 'http://127.0.0.1:9', token: 'swp_user_given' }
  expect(await findServer({ env, home, ...given })).toMatchObject({ ...given, origin: 'given' })
})

test("the local server's token never goes to another address", async () => {
  await localServer()
  expect((await findServer({ env: {}, home, url: 'http://evil.example' }))?.token).toBeUndefined()
  expect((await findServer({ env: {}, home, url: 'http://127.0.0.1:4601' }))?.token).toBe('swp_user_home')
})

test.each(['ftp://x', 'localhost:4600', 'http://user:secret@host', '::', 'http://'])(
  '%j is no address',
  async (url) => {
    await expect(findServer({ env: {}, home, url })).rejects.toMatchObject({ code: 'invalid-request' })
  },
)

test.each(['', '{', '[]', '{"url": 1}', '{"url": "file:///etc/passwd"}'])(
  'a server.json of %j is refused',
  async (text) => {
    await writeFile(join(home, 'server.json'), text)
    await expect(findServer({ env: {}, home })).rejects.toMatchObject({ code: 'invalid-request' })
  },
)
