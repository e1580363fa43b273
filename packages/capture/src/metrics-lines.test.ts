import { expect, test } from 'vitest'
import { parseMetricsLine } from './metrics-lines.ts'

function point(text: string) {
  const line = parseMetricsLine(text)
  if (line.kind !== 'point') throw new Error(`${text} is ${line.kind}`)
  return line.point
}

test('a line is an object of numbers, with a step when the program counts', () => {
  expect(point('{"step": 1, "val_loss": 0.31}')).toEqual({ step: 1, values: { val_loss: 0.31 } })
  expect(point('{"val_loss": 1e-5, "acc": 1}')).toEqual({ values: { val_loss: 1e-5, acc: 1 } })
  expect(point('{"step": -3, "x": -0.5}\r')).toEqual({ step: -3, values: { x: -0.5 } })
})

test('NaN and infinities are kept, in the spelling of the SDK and in that of Python', () => {
  expect(point('{"a": "NaN", "b": "-Infinity"}').values).toEqual({ a: Number.NaN, b: Number.NEGATIVE_INFINITY })
  expect(point('{"a": NaN, "b": -Infinity, "c": Infinity}').values).toEqual({
    a: Number.NaN,
    b: Number.NEGATIVE_INFINITY,
    c: Number.POSITIVE_INFINITY,
  })
  expect(point('{"a": 1e999}').values).toEqual({ a: Number.POSITIVE_INFINITY })
})

test('nested objects become names with a slash, what is no number is left out', () => {
  expect(point('{"val": {"loss": 1}, "note": "hello", "list": [1], "ok": true, "none": null}').values).toEqual({
    'val/loss': 1,
    ok: 1,
  })
})

test('an empty line and an object without numbers are nothing, and no mistake', () => {
  expect(parseMetricsLine('').kind).toBe('empty')
  expect(parseMetricsLine('{"step": 4}').kind).toBe('empty')
  expect(parseMetricsLine('{"note": "hello"}').kind).toBe('empty')
})

test.each([
  '{"step": 1, "val_lo',
  'nonsense',
  '[1, 2]',
  '3',
  'null',
  '{"step": 1.5, "x": 1}',
  '{"step": "one", "x": 1}',
  'NaN',
])('a bad line is told as such: %s', (text) => {
  expect(parseMetricsLine(text).kind).toBe('bad')
})

test('a name longer than 256 characters and an empty one are left out', () => {
  expect(parseMetricsLine(JSON.stringify({ ['n'.repeat(257)]: 1, '': 2 })).kind).toBe('empty')
})

test('a name that objects know already is a name like any other', () => {
  expect(Object.entries(point('{"constructor": 1, "toString": 2}').values)).toEqual([
    ['constructor', 1],
    ['toString', 2],
  ])
})
