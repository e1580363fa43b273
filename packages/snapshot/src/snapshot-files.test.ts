import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { snapshotFiles } from './snapshot-files.ts'

const LIMITS = { maxBytes: 1_000_000, home: '/nonexistent', env: process.env }

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sweep-snapshot-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text = path): void {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), text)
}

function git(...args: string[]): void {
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'protocol.file.allow=always']
  execFileSync('git', ['-C', root, ...who, ...args], { stdio: 'pipe' })
}

async function paths(folder = root): Promise<string[]> {
  return (await snapshotFiles(folder, LIMITS)).entries.map((entry) => entry.path)
}

test('outside of git everything goes in but what .sweepignore and good sense leave out', async () => {
  for (const path of [
    'train.py',
    'sub/model.py',
    '.venv/bin/python',
    '__pycache__/x.pyc',
    'node_modules/a/b',
    'data/x.bin',
    'keep/data.txt',
  ])
    write(path)
  mkdirSync(join(root, 'empty'))
  write('.sweepignore', 'data/\n')
  expect(await paths()).toEqual(['.sweepignore', 'keep/data.txt', 'sub/model.py', 'train.py'])
})

test('the home of a server in the folder is no code, in git and outside', async () => {
  for (const path of ['train.py', 'state/sweep/token', 'state/other']) write(path)
  const listed = async () =>
    (await snapshotFiles(root, { ...LIMITS, home: join(root, 'state/sweep') })).entries.map((entry) => entry.path)
  expect(await listed()).toEqual(['state/other', 'train.py'])
  git('init', '-q')
  expect(await listed()).toEqual(['state/other', 'train.py'])
})

test('in git what is tracked goes in as it is now, and what is new, but nothing ignored and nothing deleted', async () => {
  git('init', '-q')
  for (const path of ['tracked.py', 'dirty.py', 'deleted.py', 'ä.py', 'forced.bin']) write(path)
  write('.gitignore', '*.bin\nout/\n')
  git('add', '-f', '.')
  git('commit', '-q', '-m', 'all')
  write('dirty.py', 'longer than it was')
  rmSync(join(root, 'deleted.py'))
  for (const path of ['new.py', 'new/sub.py', 'weights.bin', 'out/log']) write(path)
  const { entries } = await snapshotFiles(root, LIMITS)
  const names = ['.gitignore', 'dirty.py', 'forced.bin', 'new.py', 'new/sub.py', 'tracked.py', 'ä.py']
  expect(entries.map((entry) => entry.path)).toEqual(names)
  expect(entries.find((entry) => entry.path === 'dirty.py')).toMatchObject({ sizeBytes: 18 })

  write('.sweepignore', 'forced.bin\nnew/\n')
  expect(await paths()).toEqual(['.gitignore', '.sweepignore', 'dirty.py', 'new.py', 'tracked.py', 'ä.py'])
})

test('of a folder inside of a work tree only the folder goes in, by paths from there', async () => {
  git('init', '-q')
  for (const path of ['a.py', 'exp/b.py', 'exp/c/d.py']) write(path)
  git('add', '.')
  expect(await paths(join(root, 'exp'))).toEqual(['b.py', 'c/d.py'])
})

test('a folder that its repository ignores goes in as if there were no git', async () => {
  git('init', '-q')
  write('.gitignore', 'scratch/\n')
  write('scratch/train.py')
  expect(await paths(join(root, 'scratch'))).toEqual(['train.py'])
})

test('repositories inside go in by their own rules', async () => {
  git('init', '-q')
  write('a.py')
  git('init', '-q', 'lib')
  write('lib/.gitignore', '*.bin\n')
  for (const path of ['lib/b.py', 'lib/b.bin']) write(path)
  expect(await paths()).toEqual(['a.py', 'lib/.gitignore', 'lib/b.py'])
})

test('links that lead out, and what is no file, are left out and named', async () => {
  write('a.py')
  symlinkSync('/etc', join(root, 'etc'))
  symlinkSync('a.py', join(root, 'alias.py'))
  execFileSync('mkfifo', [join(root, 'pipe')])
  const { entries, leftOut } = await snapshotFiles(root, LIMITS)
  expect(entries.map((entry) => entry.path)).toEqual(['a.py', 'alias.py'])
  expect(leftOut.map(({ path }) => path)).toEqual(['etc', 'pipe'])
})

test.each([false, true])('too much is refused naming the biggest files and what to do (git: %s)', async (isGit) => {
  if (isGit) git('init', '-q')
  write('train.py')
  for (const [path, bytes] of [
    ['small.bin', 300_000],
    ['data/big.bin', 800_000],
  ] as const) {
    write(path)
    truncateSync(join(root, path), bytes)
  }
  const refused = snapshotFiles(root, LIMITS)
  await expect(refused).rejects.toMatchObject({ code: 'too-large', hint: expect.stringContaining('.sweepignore') })
  await expect(refused).rejects.toThrow(/larger than 1\.0 MB .*data\/big\.bin \(0\.8 MB\), small\.bin \(0\.3 MB\)/)
  await expect(refused).rejects.toMatchObject({ hint: expect.stringContaining('--no-snapshot') })
})

test('a repository that git refuses to read is an error, not a snapshot with all that it ignores', async () => {
  git('init', '-q')
  write('.git/config', 'not a config')
  await expect(snapshotFiles(root, LIMITS)).rejects.toMatchObject({ code: 'invalid-request' })
})
