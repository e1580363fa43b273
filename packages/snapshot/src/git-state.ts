import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'

const run = promisify(execFile)
const GIT_MS = 10_000
/** Of a longer diff the beginning is kept. */
export const LONGEST_DIFF = 64 * 1024

export interface GitState {
  readonly commit: string
  /** Absent when HEAD is on none. */
  readonly branch?: string
  readonly dirty: boolean
  /** Of the whole diff, so that two runs can be compared. */
  readonly diffHash?: string
  readonly diff?: string
  readonly diffCut?: boolean
}

/** What a folder's code is, by git; undefined where it is no work tree or git is missing. Takes tens of milliseconds. */
export async function gitState(folder: string, env: Readonly<Record<string, string>>): Promise<GitState | undefined> {
  const git = async (...args: string[]) => {
    const { stdout } = await run('git', ['-C', folder, ...args], {
      timeout: GIT_MS,
      maxBuffer: 64 * 1024 * 1024,
      // Neither takes locks in a folder where somebody works, nor asks for anything.
      env: { ...env, GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' },
    })
    return stdout
  }
  try {
    const commit = (await git('rev-parse', 'HEAD')).trim()
    const branch = (await git('rev-parse', '--abbrev-ref', 'HEAD')).trim()
    const status = await git('status', '--porcelain', '--untracked-files=no')
    const state = { commit, ...(branch === 'HEAD' ? {} : { branch }), dirty: status.trim() !== '' }
    if (!state.dirty) return state
    const diff = await git('diff', 'HEAD', '--no-color', '--no-ext-diff')
    return {
      ...state,
      diffHash: createHash('sha256').update(diff).digest('hex').slice(0, 16),
      // A NUL in a diff of a file that git takes for text can't be stored.
      diff: diff.slice(0, LONGEST_DIFF).replaceAll('\0', '\ufffd'),
      ...(diff.length > LONGEST_DIFF ? { diffCut: true } : {}),
    }
  } catch {
    return undefined
  }
}
