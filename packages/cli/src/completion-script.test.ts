import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { COMMANDS } from './command-table.ts'
import { completionScript, SHELLS } from './completion-script.ts'

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0

function complete(words: readonly string[]): string[] {
  const script = `${completionScript('bash')}
sweep() { echo k3v9x0abcd; }
timeout() { shift; "$@"; }
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_sweep; printf '%s\\n' "\${COMPREPLY[@]}"`
  const run = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  expect(run.stderr).toBe('')
  return run.stdout.split('\n').filter((word) => word !== '')
}

test.each([
  [['sweep', 'lea'], ['leaderboard']],
  [
    ['sweep', 'trial', 'l'],
    ['ls', 'logs'],
  ],
  [
    ['sweep', 'server', 'st'],
    ['start', 'stop', 'status'],
  ],
  [['sweep', 'trial', 'logs', '--fol'], ['--follow']],
  [
    ['sweep', 'ls', '-o', 'js'],
    ['json', 'jsonl'],
  ],
  [
    ['sweep', 'get', ''],
    ['k3v9x0abcd', '@last'],
  ],
  [['sweep', 'completion', 'z'], ['zsh']],
  [['sweep', 'help', 'exit'], ['exit-codes']],
])('bash completes %j', (words, expected) => {
  expect(complete(words)).toEqual(expected)
})

test('the script of each shell is valid where that shell is installed', () => {
  for (const shell of SHELLS.filter(has)) {
    const run = spawnSync(shell, ['-n'], { input: completionScript(shell), encoding: 'utf8' })
    expect(run.stderr, shell).toBe('')
  }
})

test('every command is in every script', () => {
  for (const shell of SHELLS) {
    const script = completionScript(shell)
    for (const entry of COMMANDS) expect(script, `${shell} ${entry.name}`).toContain(entry.name.split(' ').at(-1))
  }
})
