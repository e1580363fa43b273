import { appendFileSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { readLines, WINDOW_BYTES, watchFolder } from './tail.ts'

const folder = mkdtempSync(join(tmpdir(), 'sweep-tail-'))
const path = join(folder, 'output.log')
let file: number

beforeEach(() => {
  writeFileSync(path, '')
  file = openSync(path, 'r')
})
afterEach(() => closeSync(file))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function texts(from: number, final = false): string[] {
  return readLines(file, from, { final }).lines.map((line) => line.text)
}

test('complete lines come with the offset behind them, half a line waits', () => {
  appendFileSync(path, 'one\ntwo\nthr')
  const window = readLines(file, 0)
  expect(window).toEqual({
    lines: [
      { text: 'one', end: 4 },
      { text: 'two', end: 8 },
    ],
    to: 8,
    atEnd: true,
    skippedBytes: 0,
  })
  expect(readLines(file, window.to).lines).toEqual([])
  appendFileSync(path, 'ee\n')
  expect(readLines(file, window.to).lines).toEqual([{ text: 'three', end: 14 }])
})

test('half a line is a line once nothing more will come', () => {
  appendFileSync(path, 'one\nhalf')
  expect(texts(4, true)).toEqual(['half'])
  expect(readLines(file, 8, { final: true })).toEqual({ lines: [], to: 8, atEnd: true, skippedBytes: 0 })
})

test('reading goes on from every offset at which a line ended', () => {
  appendFileSync(path, 'é\n\n漢字\nlast\n')
  const all = readLines(file, 0).lines
  for (const [index, line] of all.entries()) {
    expect(readLines(file, line.end).lines).toEqual(all.slice(index + 1))
  }
})

test('bytes that are not UTF-8 are replaced and counted as the bytes they are', () => {
  appendFileSync(path, Buffer.from([0xff, 0xfe, 0x41, 10, 0x42, 10]))
  expect(readLines(file, 0).lines).toEqual([
    { text: '\ufffd\ufffdA', end: 4 },
    { text: 'B', end: 6 },
  ])
})

test('a line of 10 MB is skipped in bounded windows, and the next one is read', () => {
  appendFileSync(path, `before\n${'x'.repeat(10_000_000)}\nafter\n`)
  const seen: string[] = []
  let skipped = 0
  let windows = 0
  for (let from = 0; ; ) {
    const window = readLines(file, from)
    seen.push(...window.lines.map((line) => line.text))
    skipped += window.skippedBytes
    windows += 1
    from = window.to
    if (window.atEnd) break
  }
  expect(seen).toEqual(['before', 'after'])
  expect(skipped).toBe(10_000_001)
  expect(windows).toBeLessThan(10_000_000 / WINDOW_BYTES + 4)
})

test('the rest of a line too long is skipped also when it grows later', () => {
  appendFileSync(path, 'x'.repeat(WINDOW_BYTES + 10))
  let window = readLines(file, 0)
  window = readLines(file, window.to)
  expect(window.lines).toEqual([])
  appendFileSync(path, 'val_loss=9\nnext\n')
  expect(readLines(file, window.to).lines.map((line) => line.text)).toEqual(['next'])
})

test('a progress bar without end is cut at its last carriage return', () => {
  appendFileSync(path, '\r 50% loss=0.5'.repeat(30_000))
  const window = readLines(file, 0)
  expect(window.lines).toHaveLength(1)
  expect(window.lines[0]?.text.endsWith('loss=0.5\r')).toBe(true)
  expect(window.atEnd).toBe(false)
})

test('an offset behind the end of the file gives nothing', () => {
  appendFileSync(path, 'one\n')
  expect(readLines(file, 1000)).toEqual({ lines: [], to: 1000, atEnd: true, skippedBytes: 0 })
})

test('100 MB are read within bounded memory', { timeout: 30_000 }, () => {
  const block = `${'epoch=1 some text that fills a line of a chatty program\n'.repeat(20_000)}`
  for (let written = 0; written < 100e6; written += block.length) appendFileSync(path, block)
  const before = process.memoryUsage().rss
  let count = 0
  for (let from = 0; ; ) {
    const window = readLines(file, from)
    count += window.lines.length
    from = window.to
    if (window.atEnd) break
  }
  expect(count).toBeGreaterThan(1_700_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(80e6)
})

test('a folder tells which of its files changed', async () => {
  const names: string[] = []
  const watcher = watchFolder(folder, (name) => names.push(name))
  await expect
    .poll(() => {
      appendFileSync(path, 'x\n')
      return names
    })
    .toContain('output.log')
  watcher.close()
})

test('a folder that cannot be watched is silent', () => {
  watchFolder(join(folder, 'missing'), () => undefined).close()
})
