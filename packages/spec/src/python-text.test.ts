import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from './number.ts'
import { pythonNumber, pythonRepr, pythonStr } from './python-text.ts'

test.each<[Json, boolean, string]>([
  [true, false, 'True'],
  [false, false, 'False'],
  [null, false, 'None'],
  [1, false, '1'],
  [1, true, '1.0'],
  [0, true, '0.0'],
  [1e-5, true, '1e-05'],
  [0.0001, true, '0.0001'],
  [1.5e-7, true, '1.5e-07'],
  [1e16, true, '1e+16'],
  [123456789012345.6, true, '123456789012345.6'],
  [1e22, false, '1e+22'],
  [100000, true, '100000.0'],
  ['text', false, 'text'],
  ['', false, ''],
  [[1, 2], false, '[1, 2]'],
  [['a', null, true], false, "['a', None, True]"],
  [{ lr: 0.1 }, false, "{'lr': 0.1}"],
  [{ a: { b: "it's" } }, false, "{'a': {'b': \"it's\"}}"],
])('str() of %j (float: %s) is %s', (value, float, expected) => {
  expect(pythonStr(value, float)).toBe(expected)
})

const python = spawnSync('python3', ['-c', ''], { timeout: 20_000 }).status === 0

test.skipIf(!python)('Python itself prints the same (needs python3)', () => {
  const doubles = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 2000)
  const integers = fc.sample(fc.maxSafeInteger(), 200)
  const special = [1e-4, 9.999e-5, 1e15, 1e16, 9999999999999998, 1e21, 1e22, 5e-324, 1.7976931348623157e308, 0.1, 1 / 3]
  const texts = fc.sample(fc.string({ unit: 'binary', maxLength: 8 }), 400)
  const numbers = [...special, ...doubles]
  const script = [
    'import json, sys',
    'data = json.load(sys.stdin)',
    'out = [repr(float(n)) for n in data["floats"]] + [repr(n) for n in data["integers"]] + [repr(t) for t in data["texts"]]',
    'json.dump(out, sys.stdout)',
  ].join('\n')
  const input = JSON.stringify({ floats: numbers, integers, texts })
  const { stdout } = spawnSync('python3', ['-c', script], { input, encoding: 'utf8', maxBuffer: 1e8, timeout: 20_000 })
  const ours = [
    ...numbers.map((number) => pythonNumber(number === 0 ? 0 : number, true)),
    ...integers.map((number) => pythonNumber(number)),
    ...texts.map((text) => pythonRepr(text)),
  ]
  const theirs = JSON.parse(stdout) as string[]
  // Which characters are printable depends on the Unicode version of each side; compare those both agree exist.
  const differing = ours.filter((text, index) => text !== theirs[index] && !/\\U|\\u/.test(`${text}${theirs[index]}`))
  expect(differing).toEqual([])
})
