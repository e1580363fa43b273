import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ignoreRules } from './ignore-rules.ts'

const PATHS = [
  'a',
  'a/b',
  'a/b/c.txt',
  'b',
  'data',
  'data/x.bin',
  'x/data/y',
  'c.txt',
  'x/c.txt',
  'x.y',
  '[1]',
  'a1',
  'a b',
  'deep/er/still/c.txt',
  '#a',
  '!a',
  'a\\b',
  'ends ',
]
const PATTERNS = [
  '*.txt',
  '/c.txt',
  'data',
  'data/',
  '/data/',
  'x/data',
  '**/data',
  'a/**',
  'a/**/c.txt',
  '**/c.txt',
  '*',
  'a?',
  '[ab]',
  '[!a]',
  '[1',
  '\\[1\\]',
  '\\#a',
  '#a',
  '\\!a',
  'a b',
  'a b  ',
  'ends\\ ',
  'deep/*/still',
  'deep/**/still',
  '*.*',
  'x.y',
  'a/b/',
  '[a-c]*',
  '',
  '/',
  'a\\\\b',
]

test('patterns mean what they mean to git', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sweep-ignore-'))
  try {
    execFileSync('git', ['init', '-q', folder])
    for (const pattern of [...PATTERNS, '*.txt\n!c.txt', 'a/*\n!a/b']) {
      writeFileSync(join(folder, '.git/info/exclude'), `${pattern}\n`)
      const check = (input: string) => {
        try {
          const args = ['-C', folder, '-c', 'core.quotePath=false', 'check-ignore', '--no-index', '--stdin', '-z']
          return execFileSync('git', args, { input, encoding: 'utf8' }).split('\0').slice(0, -1)
        } catch {
          return []
        }
      }
      const ours = ignoreRules(pattern)
      for (const path of PATHS) {
        // An ignored folder is not entered, so that a path in it is ignored too.
        const parts = path.split('/')
        const isIgnored = parts.some((_, i) => ours(parts.slice(0, i + 1).join('/'), i < parts.length - 1))
        expect([pattern, path, isIgnored]).toEqual([pattern, path, check(`${path}\0`).length > 0])
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('what is made anew by whoever needs it stays out by itself, and can be taken back', () => {
  const isIgnored = ignoreRules('')
  for (const path of ['.git', 'x/__pycache__', '.venv', 'web/node_modules']) expect(isIgnored(path, true)).toBe(true)
  expect(isIgnored('train.py', false)).toBe(false)
  expect(ignoreRules('!node_modules/')('node_modules', true)).toBe(false)
})
