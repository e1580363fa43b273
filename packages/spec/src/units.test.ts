import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, formatMemory, parseDuration, parseMemory } from './units.ts'

test.each([
  ['90s', 90_000],
  ['15m', 900_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['1h30m', 5_400_000],
  ['1h 30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['500ms', 500],
  ['1m500ms', 60_500],
  ['90', 90_000],
  [' 2H ', 7_200_000],
  [90, 90_000],
  [0.5, 500],
  ['0', 0],
  ['', null],
  ['1x', null],
  ['1h1h', null],
  ['30m1h', null],
  ['-1s', null],
  [-1, null],
  [Number.NaN, null],
  ['1e3s', null],
  ['999999d', null],
])('the duration %j is %j ms', (text, expected) => {
  expect(parseDuration(text)).toBe(expected)
})

test.each([
  [0, '0ms'],
  [350, '350ms'],
  [1500, '1.5s'],
  [42_900, '42s'],
  [90_000, '1m30s'],
  [5_400_000, '1h30m'],
  [7_200_000, '2h'],
  [93_600_000, '1d2h'],
  [-1500, '-1.5s'],
])('%d ms is written %s', (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected)
})

test('a written duration reads back to within its last digit', () => {
  fc.assert(
    fc.property(fc.nat(10 ** 10), (ms) => {
      const back = parseDuration(formatDuration(ms)) ?? Number.NaN
      expect(ms - back).toBeGreaterThanOrEqual(0)
      expect(ms - back).toBeLessThanOrEqual(Math.max(100, ms / 24))
    }),
  )
})

test.each([
  ['4GiB', 4 * 2 ** 30],
  ['4Gi', 4 * 2 ** 30],
  ['4GB', 4e9],
  ['4g', 4e9],
  ['512MiB', 512 * 2 ** 20],
  ['1.5 GiB', 1.5 * 2 ** 30],
  ['10KiB', 10_240],
  ['1TiB', 2 ** 40],
  ['100', 100],
  [4096, 4096],
  ['4XB', null],
  ['GiB', null],
  ['-1GiB', null],
  ['constructor', null],
  ['1 constructor', null],
  ['2000TiB', null],
])('the size %j is %j bytes', (text, expected) => {
  expect(parseMemory(text)).toBe(expected)
})

test.each([
  [0, '0B'],
  [1023, '1023B'],
  [4 * 2 ** 30, '4GiB'],
  [1.5 * 2 ** 30, '1.5GiB'],
  [512 * 2 ** 20, '512MiB'],
])('%d bytes are written %s', (bytes, expected) => {
  expect(formatMemory(bytes)).toBe(expected)
})
