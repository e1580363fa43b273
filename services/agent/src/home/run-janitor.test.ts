import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AttemptId } from '@sweep/spec/ids'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type KeepRuns, parseKeepRuns } from './keep-runs.ts'
import { RunJanitor, type RunJanitorOptions } from './run-janitor.ts'

const DAY_MS = 86_400_000
const NOW = 1_790_000_000_000

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-runs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const idOf = (trial: number) => AttemptId.parse(`0123456789-${trial}-1`)

/** A run folder that was last written to so many days ago. */
function run(trial: number, daysAgo: number, bytes = 1000): void {
  const path = join(folder, idOf(trial))
  const seconds = (NOW - daysAgo * DAY_MS) / 1000
  mkdirSync(join(path, 'checkpoints', '3'), { recursive: true })
  const files = ['params.json', 'output.log', 'checkpoints/3/weights']
  for (const file of files) writeFileSync(join(path, file), 'x'.repeat(file.endsWith('weights') ? bytes : 0))
  for (const name of [...files, 'checkpoints', '.']) utimesSync(join(path, name), seconds, seconds)
}

const asked: AttemptId[][] = []
function janitor(keep: KeepRuns, changes: Partial<RunJanitorOptions> = {}): RunJanitor {
  asked.length = 0
  const free = async (attempts: readonly AttemptId[]) => {
    asked.push([...attempts])
    return attempts
  }
  const common = { inUse: () => new Set<string>(), restoring: () => [], free, log: pino({ level: 'silent' }) }
  return new RunJanitor({ folder, keep, clock: { now: () => NOW }, ...common, ...changes })
}

const trials = () =>
  readdirSync(folder)
    .map((name) => Number(name.split('-')[1]))
    .sort()

test('what was last written to longer ago than it is kept for goes, whole', async () => {
  for (const days of [1, 20, 13, 15]) run(days, days)
  // Still being written, though the folder itself is old.
  utimesSync(join(folder, idOf(20), 'output.log'), NOW / 1000, NOW / 1000)
  expect(await janitor({ ms: 14 * DAY_MS }).clean()).toEqual([idOf(15)])
  expect(trials()).toEqual([1, 13, 20])
})

test('beyond a size the oldest go, until the rest fits', async () => {
  for (const days of [1, 2, 3, 4]) run(days, days, 1000)
  expect(await janitor({ bytes: 2500 }).clean()).toEqual([idOf(4), idOf(3)])
  expect(await janitor({ bytes: 2500 }).clean()).toEqual([])
  expect(asked).toEqual([])
})

test('by both, and by neither', async () => {
  for (const days of [1, 2, 30]) run(days, days, 1000)
  expect(await janitor({}).clean()).toEqual([])
  expect(await janitor({ ms: 14 * DAY_MS, bytes: 1500 }).clean()).toEqual([idOf(30), idOf(2)])
})

test('never what runs, has something to upload, or is gone on from, nor what the server still needs or does not know', async () => {
  for (const trial of [1, 2, 3, 4]) run(trial, 100)
  const mine = {
    inUse: () => new Set<string>([idOf(1)]),
    restoring: () => [join(folder, idOf(2), 'checkpoints', '3')],
    free: async (attempts: readonly AttemptId[]) => {
      asked.push([...attempts])
      return attempts.filter((id) => id !== idOf(3))
    },
  }
  for (const keep of [{ ms: DAY_MS }, { bytes: 0 }]) {
    run(4, 100)
    expect(await janitor(keep, mine).clean()).toEqual([idOf(4)])
    expect(asked).toEqual([[idOf(3), idOf(4)]])
    expect(trials()).toEqual([1, 2, 3])
  }
})

test('what begins to be used while the server is asked stays', async () => {
  run(1, 100)
  let isUsed = false
  const mine = {
    inUse: () => new Set<string>(isUsed ? [idOf(1)] : []),
    free: async (attempts: readonly AttemptId[]) => {
      isUsed = true
      return attempts
    },
  }
  expect(await janitor({ ms: DAY_MS }, mine).clean()).toEqual([])
  expect(trials()).toEqual([1])
})

test('when the server does not answer everything stays', async () => {
  run(1, 100)
  const away = janitor({ ms: DAY_MS }, { free: () => Promise.reject(new Error('away')) })
  await expect(away.clean()).rejects.toThrow('away')
  expect(trials()).toEqual([1])
})

test('half of a removal that a crash left is finished, and what is not ours is left alone', async () => {
  mkdirSync(join(folder, `${idOf(1)}.leaving`, 'checkpoints'), { recursive: true })
  mkdirSync(join(folder, 'notes'))
  await janitor({ ms: DAY_MS }).clean()
  expect(readdirSync(folder)).toEqual(['notes'])
})

test('a thousand old folders are asked about in pieces', async () => {
  for (let trial = 1; trial <= 450; trial += 1) run(trial, 100, 0)
  expect(await janitor({ ms: DAY_MS }).clean()).toHaveLength(450)
  expect(asked.map((attempts) => attempts.length)).toEqual([200, 200, 50])
  expect(existsSync(join(folder, idOf(1)))).toBe(false)
})

test.each([
  ['30d', { ms: 30 * DAY_MS }],
  ['200GB', { bytes: 200e9 }],
  [' 14d , 1TB ', { ms: 14 * DAY_MS, bytes: 1e12 }],
  ['forever', {}],
  ['14', null],
  ['14d,15d', null],
  ['', null],
  ['soon', null],
])('%j says what is kept', (text, keep) => {
  expect(parseKeepRuns(text)).toEqual(keep)
})
