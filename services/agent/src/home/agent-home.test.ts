import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AgentHome } from './agent-home.ts'
import { readHomeId } from './home-id.ts'
import type { LiveRecord } from './live-record.ts'
import { liveRecord } from './testing.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sweep-home-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const RECORD = liveRecord(1)

test('records are read as they were kept last, once each, and not once they are forgotten', () => {
  const home = AgentHome.open(root, 'tester', 'a')
  home.keepLive(RECORD)
  const stopped: LiveRecord = { ...RECORD, stop: { reason: 'pruned', verdict: { reason: 'worse' } } }
  home.keepLive(stopped)
  expect(home.live()).toEqual([stopped])
  home.forgetLive(RECORD.assignment.attemptId)
  expect(home.live()).toEqual([])
  home.close()
})

test('records of an agent that kept a file for each, and knew only processes, are taken over', () => {
  const home = AgentHome.open(root, 'tester', 'a')
  const { place, assignment, ...rest } = RECORD
  const { launcher, ...before } = assignment
  const old = { ...rest, assignment: before, pid: 1, startTime: 'boot:1' }
  expect([place?.kind, launcher]).toEqual(['process', 'process'])
  mkdirSync(join(home.path, 'live'))
  writeFileSync(join(home.path, 'live', `${assignment.attemptId}.json`), JSON.stringify(old))
  writeFileSync(join(home.path, 'live', 'other.json.new'), JSON.stringify(old))
  expect(home.live()).toEqual([RECORD])
  expect(home.live()).toEqual([RECORD])
  expect(readdirSync(home.path)).not.toContain('live')
  home.forgetLive(assignment.attemptId)
  expect(home.live()).toEqual([])
  home.close()
})

test('a home keeps its id from its first record on, and no two have the same', () => {
  const first = AgentHome.open(root, 'tester', 'a')
  const second = AgentHome.open(root, 'tester', 'b')
  expect([first.id, second.id]).toEqual(['a', 'b'])
  first.keepLive(RECORD)
  first.close()
  const again = AgentHome.open(root, 'tester', 'c')
  expect([again.id, readHomeId(again.path)]).toEqual(['a', 'a'])
  again.close()
  second.close()
})
