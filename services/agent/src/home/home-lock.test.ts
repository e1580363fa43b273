import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { homeHolder, lockHome } from './home-lock.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sweep-lock-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

test('a home is one agent’s until it lets go', () => {
  const first = lockHome(home, 'a')
  expect(first).not.toBeNull()
  expect(lockHome(home, 'b')).toBeNull()
  expect(homeHolder(home)?.nonce).toBe('a')
  first?.release()
  expect(homeHolder(home)).toBeNull()
  expect(lockHome(home, 'b')).not.toBeNull()
  expect(readdirSync(home)).toEqual(['lock'])
})

test.each([
  ['a dead process', JSON.stringify({ pid: 2 ** 22 + 1, startTime: 'x:1', nonce: 'old' })],
  ['a process whose pid somebody else has now', JSON.stringify({ pid: process.pid, startTime: 'x:1', nonce: 'old' })],
  ['nobody who could be read', '{"pid": 1'],
])('a lock of %s is taken over', (_whose, text) => {
  writeFileSync(join(home, 'lock'), text)
  expect(homeHolder(home)).toBeNull()
  expect(lockHome(home, 'new')).not.toBeNull()
  expect(homeHolder(home)?.nonce).toBe('new')
})

test('letting go of a lock that another has by now leaves it to the other', () => {
  const first = lockHome(home, 'a')
  rmSync(join(home, 'lock'))
  lockHome(home, 'b')
  first?.release()
  expect(homeHolder(home)?.nonce).toBe('b')
})
