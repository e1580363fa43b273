import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../number.ts'
import { compareParams, flattenParams, nestParams, Params } from './params.ts'

const name = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.includes('.') && text !== '__proto__')
const leaf: fc.Arbitrary<Json> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.integer()),
  fc.constant({}),
)
const nested = fc.letrec<{ node: { [key: string]: Json } }>((tie) => ({
  node: fc.dictionary(
    name,
    fc.oneof(
      { maxDepth: 3 },
      leaf,
      tie('node').filter((node) => Object.keys(node).length > 0),
    ),
    {
      noNullPrototype: true,
    },
  ),
})).node

describe('params', () => {
  test('flattened and nested again are what they were', () => {
    fc.assert(
      fc.property(nested, (params) => {
        expect(nestParams(flattenParams(params))).toEqual(params)
      }),
    )
  })

  test('flattened a second time stay as they are', () => {
    fc.assert(
      fc.property(nested, (params) => {
        const flat = flattenParams(params)
        expect(flattenParams(flat)).toEqual(flat)
        expect(compareParams(flat, flattenParams(nestParams(flat)))).toEqual({ added: [], changed: [] })
      }),
    )
  })

  test('that stand in one another’s way are all shown', () => {
    expect(nestParams({ a: 1, 'a.b': 2, 'a.b.c': 3, 'x.y': 4, x: 5, '.': 6, '..z': 7 })).toEqual({
      a: 1,
      'a.b': 2,
      'a.b.c': 3,
      'x.y': 4,
      x: 5,
      '': { '': 6 },
      '..z': 7,
    })
  })

  test.each([
    [{ a: { __proto__x: 1 } }, true],
    [{ '__proto__.x': 1 }, false],
    [{ '': 1 }, false],
    [{ ['é'.repeat(125)]: 1 }, true],
    [{ ['é'.repeat(126)]: 1 }, false],
    [{ a: { ['x'.repeat(249)]: 1 } }, false],
    [{ a: 'x'.repeat(65_536) }, true],
    [{ a: 'x'.repeat(65_537) }, false],
    [{ a: Number.NaN }, false],
    [{ a: undefined }, false],
    [Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`p${n}`, n])), true],
    [Object.fromEntries(Array.from({ length: 5001 }, (_, n) => [`p${n}`, n])), false],
    [[1], false],
  ])('%#: may be logged or not', (params, may) => {
    expect(Params.safeParse(params).success).toBe(may)
  })

  test('never reach a prototype', () => {
    nestParams({ '__proto__.polluted': 1, 'constructor.prototype.polluted': 2 })
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test.each(['[', '{"a":'])('nested ever deeper in %s are refused beyond fifty levels', (open) => {
    const deep = (levels: number) =>
      JSON.parse(`{"p": ${open.repeat(levels)}1${(open === '[' ? ']' : '}').repeat(levels)}}`)
    expect(Params.safeParse(deep(50)).success).toBe(true)
    for (const levels of [51, 3000, 100_000]) expect(Params.safeParse(deep(levels)).success).toBe(false)
  })

  test('differ by value and type, not by the order of keys', () => {
    const known = { a: [1, { x: 1, y: 2 }], b: 1, c: '1', d: null }
    expect(compareParams(known, { a: [1, { y: 2, x: 1 }], b: 1.0, c: 1, d: false, e: 0 })).toEqual({
      added: ['e'],
      changed: ['c', 'd'],
    })
  })
})
