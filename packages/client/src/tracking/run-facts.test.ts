import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunSource } from '@sweep/spec/wire/tracking/runs'
import { afterAll, expect, test } from 'vitest'
import { commandLine, runSource, withoutPassword } from './run-facts.ts'

const folder = mkdtempSync(join(tmpdir(), 'sweep-facts-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('arguments that look secret lose their values', () => {
  const argv = ['node', 'train.js', '--lr=0.1', '--api-key=abc', '--token', 'def', '--name', 'x', 'hf_token=ghi']
  expect(commandLine(argv)).toBe('train.js --lr=0.1 --api-key=*** --token *** --name x hf_token=***')
})

test.each([
  ['https://me:secret@example.org/x.git', 'https://example.org/x.git'],
  ['git@example.org:x.git', 'git@example.org:x.git'],
  ['ssh://git@example.org/x', 'ssh://example.org/x'],
  ['/srv/x@y', '/srv/x@y'],
])('%s is noted as %s', (address, noted) => {
  expect(withoutPassword(address)).toBe(noted)
})

const hasGit = spawnSync('git', ['--version']).status === 0
test.skipIf(!hasGit)(
  'a repository is described with its changes (skipped without git: apt-get install git)',
  async () => {
    const git = (...words: string[]) =>
      execFileSync('git', [
        '-C',
        folder,
        '-c',
        'user.name=n',
        '-c',
        'user.email=e',
        '-c',
        'commit.gpgsign=false',
        ...words,
      ])
    git('init', '-q', '-b', 'main')
    writeFileSync(join(folder, 'a.js'), 'one\n')
    git('add', '.')
    git('commit', '-qm', 'm')
    const argv = ['node', join(folder, 'a.js')]
    expect(await runSource(argv)).toMatchObject({ type: 'git', branch: 'main', dirty: false })
    writeFileSync(join(folder, 'a.js'), 'two\n')
    const dirty = RunSource.parse(await runSource(argv))
    expect([dirty.dirty, dirty.diff?.includes('+two')]).toEqual([true, true])
  },
)
