import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shellCommand, splitWords } from './shell-words.ts'

test.each([
  ['python train.py --lr=0.1', ['python', 'train.py', '--lr=0.1']],
  ['  a\t b\n', ['a', 'b']],
  [`a 'b c' "d e"f`, ['a', 'b c', 'd ef']],
  ['a\\ b "c\\"d" "\\n" \'\\n\'', ['a b', 'c"d', '\\n', '\\n']],
  [`a '' ""`, ['a', '', '']],
  ['$HOME `id` *', ['$HOME', '`id`', '*']],
  ['', []],
])('%j splits into %j', (text, words) => {
  expect(splitWords(text)).toEqual(words)
})

test.each(["a 'b", 'a "b', `'`])('%j has an open quote', (text) => {
  expect(splitWords(text)).toBeNull()
})

test('only words that need quotes get them', () => {
  expect(shellCommand(['python3', 'train.py', '--lr=1e-05', '--note=a b', "--x=it's", ''])).toBe(
    `python3 train.py --lr=1e-05 '--note=a b' '--x=it'\\''s' ''`,
  )
})

const word = fc.string({ unit: 'binary', maxLength: 10 }).map((text) => text.replaceAll('\0', ''))

test('a quoted command line splits into the same words', () => {
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(splitWords(shellCommand(words))).toEqual(words)
    }),
  )
})

test('a real shell splits it into the same words', () => {
  const words = fc
    .sample(word, 300)
    .concat(['; rm -rf /', '$(id)', '`id`', 'a\nb', '--help', '~', '!x', '#x', '*', '{a,b}'])
  const script = `printf '%s\\0' ${shellCommand(words)}`
  const { stdout } = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' })
  expect(stdout.split('\0').slice(0, -1)).toEqual(words)
})
