import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AttemptId, SweepId } from '@sweep/spec/ids'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AgentHome } from './agent-home.ts'
import { readHomeId } from './home-id.ts'
import type { LiveRecord } from './live-record.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sweep-home-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const sweepId = SweepId.parse('testsweep0')
const RECORD: LiveRecord = {
  assignment: {
    attemptId: AttemptId.parse(`${sweepId}-1-1`),
    epoch: 1,
    token: 'swp_trial_x',
    sweepId,
    sweepName: 'test',
    trial: 1,
    attempt: 1,
    seed: 7,
    config: {},
    space: { parameters: [] },
    command: ['true'],
    workdir: '/tmp',
    launcher: 'process',
    env: {},
    shape: {},
    capture: { stdout: 'auto', patterns: [] },
    graceMs: 1000,
  },
  place: { kind: 'process', pid: 1, startTime: 'boot:1' },
  slots: [0],
  gpus: [],
  argv: ['true'],
  startedAt: 0,
  stop: null,
}

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

test('a record is replaced in one step: who reads it finds the old one or the new one, whole', () => {
  const home = AgentHome.open(root, 'tester', 'a')
  home.keepLive(RECORD)
  const file = openSync(join(home.path, 'live', `${RECORD.assignment.attemptId}.json`), 'r')
  const moved: LiveRecord = { ...RECORD, place: { kind: 'container', id: 'c0ffee' } }
  home.keepLive(moved)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(RECORD)
  closeSync(file)
  expect(home.live()).toEqual([moved])
  home.close()
})

test('a record that was being replaced when the agent died counts as it was before', () => {
  const home = AgentHome.open(root, 'tester', 'a')
  home.keepLive(RECORD)
  const file = join(home.path, 'live', `${RECORD.assignment.attemptId}.json`)
  writeFileSync(`${file}.new`, JSON.stringify({ ...RECORD, startedAt: 2 }))
  expect(home.live()).toEqual([RECORD])
  expect(readdirSync(join(home.path, 'live'))).toHaveLength(1)
  home.close()
})

test('a record of an agent that knew only processes is understood', () => {
  const home = AgentHome.open(root, 'tester', 'a')
  const { place, assignment, ...rest } = RECORD
  const { launcher, ...before } = assignment
  const old = { ...rest, assignment: before, pid: 1, startTime: 'boot:1' }
  expect([place.kind, launcher]).toEqual(['process', 'process'])
  writeFileSync(join(home.path, 'live', `${assignment.attemptId}.json`), JSON.stringify(old))
  expect(home.live()).toEqual([RECORD])
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
