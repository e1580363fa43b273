import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { podOfLog, RunLog } from './run-log.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-run-log-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const POD = 'pod-1'
const outputPath = () => join(folder, 'output.log')
const read = (name: string) => {
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch {
    return ''
  }
}

interface Entry {
  /** Nanoseconds since the beginning of the log. */
  readonly at: number
  readonly text: string
}

const START = Date.UTC(2026, 0, 1) / 1000
function time(at: number): string {
  const second = new Date((START + Math.floor(at / 1e9)) * 1000).toISOString().slice(0, 19)
  return `${second}.${String(at % 1e9).padStart(9, '0')}Z`
}

/** What a cluster answers: entries from a second on, in their order. */
function answer(entries: readonly Entry[], since: string | undefined): Buffer {
  const wanted = entries.filter(({ at }) => since === undefined || Date.parse(time(at)) >= Date.parse(since))
  return Buffer.from(wanted.map(({ at, text }) => `${time(at)} ${text}\n`).join(''))
}

/** Lines of output and records as they come of a program. */
const texts = fc.oneof(
  fc.constantFrom('', 'plain', 'é😀', '50%\r', '2026-01-01T00:00:00Z looks like a time'),
  fc.nat(9).map((n) => `progress\u001esweep report {"step": ${n}}`),
  fc.nat(9).map((n) => `\u001esweep report {"loss": ${n}}`),
)
/** Times mostly grow; now and then one is a little before the last. */
const logs = fc
  .array(fc.record({ text: texts, after: fc.integer({ min: -1e5, max: 12e8 }) }), { minLength: 1, maxLength: 40 })
  .map((lines) => {
    let at = 1e6
    return lines.map(({ text, after }): Entry => {
      at = Math.max(0, at + after)
      return { at, text }
    })
  })

function expected(entries: readonly Entry[]) {
  const marker = '\u001esweep report '
  let output = ''
  let metrics = ''
  for (const { text } of entries) {
    const [before = '', record] = text.split(marker)
    output += record === undefined ? `${text}\n` : before
    if (record !== undefined) metrics += `${record}\n`
  }
  return { output, metrics }
}

test('however often the log is cut off and agents are killed, both files come out as if nothing had happened', () => {
  fc.assert(
    fc.property(
      logs,
      fc.array(
        fc.record({
          cut: fc.nat(2000),
          piece: fc.integer({ min: 1, max: 300 }),
          saves: fc.boolean(),
          dies: fc.boolean(),
        }),
        {
          maxLength: 8,
        },
      ),
      (entries, sessions) => {
        rmSync(folder, { recursive: true, force: true })
        folder = mkdtempSync(join(tmpdir(), 'sweep-run-log-'))
        let log = new RunLog(outputPath(), POD)
        for (const { cut, piece, saves, dies } of sessions) {
          const bytes = answer(entries, log.restart()).subarray(0, cut)
          for (let at = 0; at < bytes.length; at += piece) log.push(bytes.subarray(at, at + piece))
          if (saves) log.savePosition()
          if (!dies) continue
          log.close()
          log = new RunLog(outputPath(), POD)
        }
        log.push(answer(entries, log.restart()), true)
        log.close()
        const { output, metrics } = expected(entries)
        expect(read('output.log')).toBe(output)
        expect(read('metrics.jsonl')).toBe(metrics)
      },
    ),
    { numRuns: 150 },
  )
})

test('only what may come again is asked for', () => {
  const entries = Array.from({ length: 100 }, (_, i) => ({ at: i * 1e9, text: `line ${i}` }))
  const log = new RunLog(outputPath(), POD)
  expect(log.restart()).toBeUndefined()
  log.push(answer(entries, undefined))
  expect(log.restart()).toBe('2026-01-01T00:01:37Z')
  log.close()
})

test('lines that the node has thrown away do not hide new ones', () => {
  const entries = Array.from({ length: 50 }, (_, i) => ({ at: i * 1e6, text: `line ${i}` }))
  const log = new RunLog(outputPath(), POD)
  log.restart()
  log.push(answer(entries, undefined))
  const since = log.restart()
  const later = { at: 60e6, text: 'after the rotation' }
  log.push(answer([...entries.slice(45), later], since), true)
  log.close()
  expect(read('output.log')).toBe(`${entries.map(({ text }) => `${text}\n`).join('')}after the rotation\n`)
})

test('parts of a long line, each with a time of its own, are one line', () => {
  const long = 'x'.repeat(40_000)
  const parts = [long.slice(0, 16_384), long.slice(16_384, 32_768), long.slice(32_768)]
  const log = new RunLog(outputPath(), POD)
  log.restart()
  const bytes = Buffer.from(`${parts.map((part, i) => `${time(i)} ${part}`).join('')}\n${time(9)} next\n`)
  for (let at = 0; at < bytes.length; at += 1000) log.push(bytes.subarray(at, at + 1000))
  log.close()
  expect(read('output.log')).toBe(`${long}\nnext\n`)
})

test('a record behind a line without end is found, and a line longer than any record is output', () => {
  const bar = `${'='.repeat(300_000)}\r`
  const log = new RunLog(outputPath(), POD)
  log.restart()
  log.push(Buffer.from(`${time(1)} ${bar}\u001esweep report {"a": 1}\n${time(2)} ${'y'.repeat(200_000)}\n`))
  log.close()
  expect(read('metrics.jsonl')).toBe('{"a": 1}\n')
  expect(read('output.log')).toBe(`${bar}${'y'.repeat(200_000)}\n`)
})

test('a last line without newline is part of the output, and of no other pod’s', () => {
  const log = new RunLog(outputPath(), POD)
  log.restart()
  log.push(Buffer.from(`${time(1)} one\n${time(2)} tw`), true)
  log.savePosition()
  log.close()
  expect(read('output.log')).toBe('one\ntw')
  expect(podOfLog(outputPath())).toBe(POD)
  expect(new RunLog(outputPath(), 'pod-2').restart()).toBeUndefined()
})

test('the newest checkpoint that was told of is kept, and records of another kind are nothing', () => {
  const log = new RunLog(outputPath(), POD)
  log.restart()
  const records = ['checkpoint {"step": 1, "path": "/v/1"}', 'unknown {}', 'checkpoint {"step": 2, "path": "/v/2"}']
  log.push(Buffer.from(records.map((record, i) => `${time(i)} \u001esweep ${record}\n`).join('')))
  log.close()
  expect(JSON.parse(read('checkpoint.json'))).toEqual({ step: 2, path: '/v/2' })
  expect(read('output.log')).toBe('')
})
