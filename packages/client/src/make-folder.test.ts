import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder } from './make-folder.ts'

test('makes a folder with its parents, and tells the topmost of those that were not there', () => {
  const root = mkdtempSync(join(tmpdir(), 'sweep-folder-'))
  try {
    expect(makeFolder(join(root, 'a', 'b', 'c'), 0o700)).toBe(join(root, 'a'))
    expect(statSync(join(root, 'a', 'b', 'c')).mode & 0o777).toBe(0o700)
    expect(makeFolder(join(root, 'a', 'b'))).toBeUndefined()
    expect(makeFolder(join(root, 'a', 'd', 'e'))).toBe(join(root, 'a', 'd'))
    writeFileSync(join(root, 'file'), '')
    expect(() => makeFolder(join(root, 'file', 'x'))).toThrow(/ENOTDIR|EEXIST/)
    expect(() => makeFolder(join(root, 'file'))).toThrow(/EEXIST/)
  } finally {
    rmSync(root, { recursive: true })
  }
})

const hasProc = existsSync('/proc/self')
test.skipIf(!hasProc)(
  `comes back where nothing can be made, as in /proc${hasProc ? '' : ' (skipped: there is none here)'}`,
  () => {
    expect(() => makeFolder('/proc/sweep/a/b')).toThrow(/ENOENT|EACCES|EPERM/)
  },
)
