import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readSdk } from './read-sdk.ts'
import { zipArchive } from './zip-archive.ts'

const SDK = join(import.meta.dirname, '../../../python')
const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0

const folder = mkdtempSync(join(tmpdir(), 'sweep-sdk-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a folder without tracking gives sweep.py alone', () => {
  writeFileSync(join(folder, 'sweep.py'), 'import os\n')
  expect(readSdk(folder)).toEqual({ sweep: 'import os\n', tracking: undefined })
})

test('the same files make the same bytes, whatever their order', () => {
  const files = [
    ['b/é.txt', Buffer.from('two')],
    ['a.txt', Buffer.alloc(0)],
  ] as const
  expect(zipArchive(new Map(files))).toEqual(zipArchive(new Map([...files].reverse())))
})

test('the SDK is small enough to be copied for every Job', () => {
  const { sweep, tracking } = readSdk(SDK)
  expect(sweep.length + (tracking?.length ?? 0)).toBeLessThan(100_000)
})

test.skipIf(!HAS_PYTHON)('Python imports the SDK as a pod has it (skipped without python3)', () => {
  const { sweep, tracking } = readSdk(SDK)
  writeFileSync(join(folder, 'sweep.py'), sweep)
  writeFileSync(join(folder, 'sweep_tracking.zip'), tracking ?? '')
  const code = `
import sweep, sweep_tracking, zipfile
assert zipfile.ZipFile(${JSON.stringify(join(folder, 'sweep_tracking.zip'))}).testzip() is None
print(sweep_tracking.__file__, sweep.seed_everything(1).data, sweep.component_seed(1, 'data'))`
  const env = { ...process.env, PYTHONPATH: `${folder}:${folder}/sweep_tracking.zip`, PYTHONDONTWRITEBYTECODE: '1' }
  const [path, first, second] = execFileSync('python3', ['-c', code], { cwd: '/', env, encoding: 'utf8' })
    .trim()
    .split(' ')
  expect(path).toBe(`${folder}/sweep_tracking.zip/sweep_tracking/__init__.py`)
  expect(first).toBe(second)
})
