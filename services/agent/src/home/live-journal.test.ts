import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { canMount, SmallDisk, WITHOUT_MOUNT } from '../../../../test/support/small-disk.ts'
import { LiveJournal } from './live-journal.ts'
import { liveRecord } from './testing.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-journal-'))
  path = join(folder, 'live.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const idOf = (trial: number) => liveRecord(trial).assignment.attemptId
const read = () => new LiveJournal(path).read()

test('whatever is kept, changed and forgotten, over restarts, what is read is what is live', () => {
  const change = fc.record({
    trial: fc.integer({ min: 1, max: 4 }),
    startedAt: fc.option(fc.nat()),
    isRestarted: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      rmSync(path, { force: true })
      const live = new Map<number, unknown>()
      let journal = new LiveJournal(path)
      for (const { trial, startedAt, isRestarted } of changes) {
        if (startedAt === null) {
          journal.forget(idOf(trial))
          live.delete(trial)
        } else {
          const record = { ...liveRecord(trial), startedAt }
          journal.keep(record)
          live.set(trial, record)
        }
        if (!isRestarted) continue
        journal.close()
        journal = new LiveJournal(path)
        expect(journal.read()).toEqual([...live.values()])
      }
      journal.close()
      expect(read()).toEqual([...live.values()])
    }),
  )
})

test('an entry that was being written when the agent died counts for nothing, and spoils none after it', () => {
  const journal = new LiveJournal(path)
  journal.keep(liveRecord(1))
  const before = statSync(path).size
  journal.keep(liveRecord(2))
  journal.close()
  const bytes = readFileSync(path)
  for (let size = before; size < bytes.length; size += 1) {
    writeFileSync(path, bytes.subarray(0, size))
    const next = new LiveJournal(path)
    expect(next.read()).toEqual([liveRecord(1)])
    next.keep(liveRecord(3))
    next.close()
    expect(read()).toEqual([liveRecord(1), liveRecord(3)])
  }
})

test('the file does not grow with what is over, and nobody else may read it', () => {
  const journal = new LiveJournal(path)
  journal.keep(liveRecord(1))
  for (let trial = 2; trial < 5000; trial += 1) {
    journal.keep(liveRecord(trial))
    journal.forget(idOf(trial))
    expect(statSync(path).size).toBeLessThan(1_100_000)
  }
  journal.close()
  expect(read()).toEqual([liveRecord(1)])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

const isMountable = canMount()
test.skipIf(!isMountable)(`on a full disk what was kept stays${isMountable ? '' : ` (${WITHOUT_MOUNT})`}`, () => {
  const disk = SmallDisk.mount()
  try {
    path = join(disk.path, 'live.jsonl')
    const journal = new LiveJournal(path)
    journal.keep(liveRecord(1))
    disk.fill()
    let kept = 1
    expect(() => {
      for (; kept < 100; kept += 1) journal.keep(liveRecord(kept + 1))
    }).toThrow()
    expect(read().map(({ assignment: { trial } }) => trial)).toEqual(Array.from({ length: kept }, (_, n) => n + 1))
    disk.empty()
    journal.keep(liveRecord(100))
    journal.close()
    expect(read().map(({ assignment: { trial } }) => trial)).toEqual([
      ...Array.from({ length: kept }, (_, n) => n + 1),
      100,
    ])
  } finally {
    disk.unmount()
  }
})
