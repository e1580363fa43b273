import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CodeTooLarge, readCode } from './read-code.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-code-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('files come with their paths and whether they can be run, and links as what they lead to', () => {
  mkdirSync(join(folder, 'lib/empty'), { recursive: true })
  mkdirSync(join(folder, '.git'))
  writeFileSync(join(folder, '.git', 'HEAD'), 'x')
  writeFileSync(join(folder, 'run.sh'), 'run')
  chmodSync(join(folder, 'run.sh'), 0o755)
  writeFileSync(join(folder, 'lib', 'é.py'), 'one')
  symlinkSync('lib', join(folder, 'also'))
  symlinkSync('nowhere', join(folder, 'broken'))
  expect(readCode(folder).map(({ path, bytes, isExecutable }) => [path, bytes.toString(), isExecutable])).toEqual([
    ['also/é.py', 'one', false],
    ['lib/é.py', 'one', false],
    ['run.sh', 'run', true],
  ])
})

test('what a Secret can hold is taken, and a byte or a file more is not', () => {
  writeFileSync(join(folder, 'a'), Buffer.alloc(1024 * 1024))
  expect(readCode(folder)).toHaveLength(1)
  writeFileSync(join(folder, 'b'), '1')
  expect(() => readCode(folder)).toThrow(CodeTooLarge)
  rmSync(join(folder, 'a'))
  for (let i = 0; i < 999; i += 1) writeFileSync(join(folder, `f${i}`), '')
  expect(readCode(folder)).toHaveLength(1000)
  writeFileSync(join(folder, 'c'), '')
  expect(() => readCode(folder)).toThrow(/more than a Secret of Kubernetes holds/)
})

test('a link to a folder around it does not go on for ever', () => {
  writeFileSync(join(folder, 'a'), '')
  symlinkSync('.', join(folder, 'self'))
  expect(() => readCode(folder)).toThrow()
})
