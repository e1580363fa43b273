import { execFile } from 'node:child_process'
import { SweepError } from '@sweep/spec/errors'

const GIT_MS = 600_000

/**
 * The files of one commit of a repository, in an empty folder.
 * @throws SweepError `unreachable` with what git says
 */
export async function checkOut(
  folder: string,
  { url, commit }: { readonly url: string; readonly commit: string },
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const git = (...args: string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = {
        timeout: GIT_MS,
        // Addresses come from sweeps: no protocol that runs a program.
        env: { ...env, GIT_TERMINAL_PROMPT: '0', GIT_ALLOW_PROTOCOL: 'http:https:ssh:git:file', LC_ALL: 'C' },
      }
      execFile('git', ['-C', folder, ...args], options, (error, _, stderr) => {
        if (error === null) resolve()
        else reject(new SweepError('unreachable', lastLine(stderr) || error.message, { cause: error }))
      })
    })
  await git('init', '--quiet')
  // Some servers give out only what a branch or tag stands for; then everything is fetched to find it.
  await git('fetch', '--quiet', '--depth=1', '--', url, commit).catch(() =>
    git('fetch', '--quiet', '--tags', '--', url, '+refs/heads/*:refs/remotes/origin/*'),
  )
  await git('-c', 'advice.detachedHead=false', 'checkout', '--quiet', '--detach', commit)
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
