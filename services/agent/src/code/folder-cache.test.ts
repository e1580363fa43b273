import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FolderCache } from './folder-cache.ts'

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string]

let folder: string
let now: number
let inUse: Set<string>
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-cache-'))
  now = 1e12
  inUse = new Set()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function open(quotaBytes = 1000): FolderCache {
  return new FolderCache({ folder, quotaBytes, clock: { now: () => (now += 1000) }, inUse: () => inUse })
}

function filling(bytes: number): (made: string) => Promise<void> {
  return async (made) => writeFileSync(join(made, 'file'), 'x'.repeat(bytes))
}

const never = async (): Promise<void> => {
  throw new Error('it was there')
}

test('a folder is made once, also for those who ask while it is made, and found by the next agent', async () => {
  const cache = open()
  let times = 0
  const fill = async (made: string) => {
    times += 1
    await new Promise((resolve) => setTimeout(resolve, 20))
    writeFileSync(join(made, 'file'), 'x')
  }
  const paths = await Promise.all([cache.get(A, fill), cache.get(A, fill), cache.get(A, fill)])
  expect(new Set(paths).size).toBe(1)
  expect(times).toBe(1)
  expect(await open().get(A, never)).toBe(paths[0])
  expect(readFileSync(join(paths[0] ?? '', 'file'), 'utf8')).toBe('x')
})

test('what could not be made is not there, and is made by the next who asks', async () => {
  const cache = open()
  const half = async (made: string) => {
    writeFileSync(join(made, 'file'), 'half')
    throw new Error('the line was cut')
  }
  await expect(cache.get(A, half)).rejects.toThrow('the line was cut')
  expect(readdirSync(folder)).toEqual(['boot'])
  expect(existsSync(await cache.get(A, filling(1)))).toBe(true)
})

test('what a killed agent was making is never found, and goes away', async () => {
  mkdirSync(join(folder, '.unfinished-x', 'files'), { recursive: true })
  await open().get(A, filling(1))
  expect(readdirSync(folder).sort()).toEqual([A, 'boot'])
})

test('after a start of the system nothing of before is trusted', async () => {
  await open().get(A, filling(1))
  writeFileSync(join(folder, 'boot'), 'another')
  await expect(open().get(A, never)).rejects.toThrow('it was there')
})

test('over the quota those go that were not used for longest', async () => {
  const cache = open(250)
  await cache.get(A, filling(100))
  await cache.get(B, filling(100))
  await cache.get(A, never)
  await cache.get(C, filling(100))
  await cache.get(A, never)
  await expect(cache.get(B, never)).rejects.toThrow('it was there')
})

test('those in use stay, and so does the newest, however large', async () => {
  const cache = open(150)
  await cache.get(A, filling(100))
  inUse.add(A)
  await cache.get(B, filling(100))
  await cache.get(A, never)
  const c = await cache.get(C, filling(10_000))
  expect(existsSync(join(c, 'file'))).toBe(true)
  await cache.get(A, never)
  await expect(cache.get(B, never)).rejects.toThrow('it was there')
})

test.each(['', '../x', 'A'.repeat(64), `${A}/x`])('the key %j is refused', async (key) => {
  await expect(open().get(key, filling(1))).rejects.toThrow(RangeError)
})
