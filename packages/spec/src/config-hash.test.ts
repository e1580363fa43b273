import { expect, test } from 'vitest'
import { canonicalJson, configHash } from './config-hash.ts'

test('the order of keys does not matter, at any depth', () => {
  expect(configHash({ a: 1, b: { c: 2, d: [3] } })).toBe(configHash({ b: { d: [3], c: 2 }, a: 1 }))
})

test('the order of list items does matter', () => {
  expect(configHash({ a: [1, 2] })).not.toBe(configHash({ a: [2, 1] }))
})

test('integral floats equal integers and -0 equals 0', () => {
  expect(configHash({ a: JSON.parse('1.0') })).toBe(configHash({ a: 1 }))
  expect(configHash({ a: -0 })).toBe(configHash({ a: 0 }))
})

test('a number, its text, true and null are four different values', () => {
  const hashes = [1, '1', true, null].map((a) => configHash({ a }))
  expect(new Set(hashes).size).toBe(4)
})

test('keys such as __proto__ count like any other', () => {
  expect(canonicalJson(JSON.parse('{"__proto__": 1, "a": 2}'))).toBe('{"__proto__":1,"a":2}')
  expect(configHash(JSON.parse('{"__proto__": 1}'))).not.toBe(configHash({}))
})

test('the hash is the SHA-256 of the canonical text', () => {
  expect(canonicalJson({ b: 0.1, a: 'x"y' })).toBe('{"a":"x\\"y","b":0.1}')
  expect(configHash({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
})
