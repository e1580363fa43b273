import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { homeToken, lockHome } from './home.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sweep-home-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

test('a home that a living server has is refused by name of its process, and free again once released', async () => {
  const lock = await lockHome(home)
  await expect(lockHome(home)).rejects.toThrow(`process ${process.pid}`)
  await lock.release()
  await (await lockHome(home)).release()
})

test('a lock left by a killed server, or a torn one, is taken over', async () => {
  for (const left of [JSON.stringify({ pid: process.pid, startTime: 'another boot' }), '{"pid": 12', '']) {
    await writeFile(join(home, 'server.lock'), left)
    await (await lockHome(home)).release()
  }
  expect(await readdir(home)).toEqual([])
})

test('the token is made once, long, and readable by its owner alone', async () => {
  const token = await homeToken(home)
  expect(token).toMatch(/^swp_user_[\w-]{43}$/)
  expect(await homeToken(home)).toBe(token)
  expect((await stat(join(home, 'token'))).mode & 0o777).toBe(0o600)
})
