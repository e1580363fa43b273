import { Params } from '@sweep/spec/tracking/params'
import { RunArtifactPath } from '@sweep/spec/wire/tracking/artifacts'
import { MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import { Tags } from '@sweep/spec/wire/tracking/projects'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleanMetrics, cleanParams, cleanPath, cleanTags, cleanText } from './log-values.ts'

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true })
const text = fc.string({ unit: 'binary' })

test('whatever is logged, the server takes what is kept', () => {
  fc.assert(
    fc.property(fc.dictionary(text, anything), (logged) => {
      const params = cleanParams(logged).kept
      // It travels as JSON.
      expect(Params.safeParse(JSON.parse(JSON.stringify(params))).error).toBeUndefined()
    }),
  )
  fc.assert(
    fc.property(fc.dictionary(text, fc.oneof(fc.double(), anything)), (logged) => {
      const { kept } = cleanMetrics(logged)
      expect(MetricsBatch.safeParse({ points: [{ values: kept }] }).error).toBeUndefined()
    }),
  )
  fc.assert(
    fc.property(fc.dictionary(text, anything), (logged) => {
      const set = Object.entries(cleanTags(logged).kept).filter(([, value]) => value !== null)
      expect(Tags.safeParse(Object.fromEntries(set)).error).toBeUndefined()
    }),
  )
  fc.assert(
    fc.property(text, (path) => {
      const kept = cleanPath(path)
      if (kept !== undefined) expect(RunArtifactPath.safeParse(kept).error).toBeUndefined()
    }),
  )
})

test('numbers that JSON lacks are text', () => {
  expect(cleanMetrics({ a: Number.NaN, b: Number.NEGATIVE_INFINITY, c: -0 })).toEqual({
    kept: { a: 'NaN', b: '-Infinity', c: -0 },
    wrong: [],
  })
  expect(cleanParams({ a: [Number.NaN], b: 10n ** 30n }).kept).toEqual({ a: ['NaN'], b: `1${'0'.repeat(30)}` })
})

test('nested params get dotted names, and those that can be none are named', () => {
  const { kept, wrong } = cleanParams({ a: { b: { c: 1 }, d: {} }, '': 1, big: 'x'.repeat(70_000) })
  expect(kept).toEqual({ 'a.b.c': 1, 'a.d': {} })
  expect(wrong).toHaveLength(2)
})

test('text is cut without halving a character', () => {
  expect(cleanText('ab🙂', 3)).toBe('ab\ufffd')
  expect(cleanText('a\0b', 10)).toBe('a\ufffdb')
})

test.each(['', '.', '..', '/a', '../a', 'a/../b', 'a\\..\\b', 'x'.repeat(2000)])(
  '%j is no path of an artifact',
  (path) => {
    expect(cleanPath(path)).toBeUndefined()
  },
)

test('a path may have odd slashes', () => {
  expect(cleanPath('./a//b\\c/')).toBe('a/b/c')
})
