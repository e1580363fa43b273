import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { registryLogin, registryOf } from './registry-login.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-login-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function authFor(image: string, config: object) {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  return (await registryLogin(image, { DOCKER_CONFIG: folder })).auth
}
const base64 = (text: string) => Buffer.from(text).toString('base64')

test.each([
  ['busybox', ''],
  ['team/train:1', ''],
  ['docker.io/team/train:1', ''],
  ['localhost/train', 'localhost'],
  ['localhost:5000/train', 'localhost:5000'],
  ['ghcr.io/team/train@sha256:00', 'ghcr.io'],
])('the registry of %s is "%s"', (image, registry) => {
  expect(registryOf(image)).toBe(registry)
})

test('a registry is found as tools of all ages write it, and no other', async () => {
  const auth = base64('me:a:b')
  for (const key of ['r.example.com', 'https://r.example.com', 'https://r.example.com/v1/']) {
    const found = await authFor('r.example.com/train', { auths: { 'other.example.com': {}, [key]: { auth } } })
    expect(found).toEqual({ username: 'me', password: 'a:b', serveraddress: 'r.example.com' })
  }
  expect(await authFor('r.example.com/train', { auths: { 'example.com': { auth } } })).toBeUndefined()
})

test('Docker Hub goes by its address', async () => {
  const hub = 'https://index.docker.io/v1/'
  const found = await authFor('team/train', { auths: { [hub]: { auth: base64('me:secret') } } })
  expect(found).toEqual({ username: 'me', password: 'secret', serveraddress: hub })
})

test('an identity token goes before a password', async () => {
  const kept = { auth: base64('me:x'), identitytoken: 'token' }
  const found = await authFor('r.example.com/train', { auths: { 'r.example.com': kept } })
  expect(found).toEqual({ identitytoken: 'token', serveraddress: 'r.example.com' })
})

test('a file that is no JSON is named', async () => {
  writeFileSync(join(folder, 'config.json'), '{')
  const login = await registryLogin('r.example.com/train', { DOCKER_CONFIG: folder })
  expect(login).toEqual({ registry: 'r.example.com', from: expect.stringContaining(join(folder, 'config.json')) })
})
