import { execFile } from 'node:child_process'
import { Commit } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'

const GIT_MS = 60_000

/**
 * The commit that a branch or tag of a repository stands for now; a commit stands for itself.
 * @throws SweepError `not-found` when the repository has none of that name, `unreachable` when git can't reach it
 */
export async function resolveCommit(
  url: string,
  ref: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (Commit.safeParse(ref).success) return ref
  const listed = await listRefs(url, ref, environment)
  const commits = new Map(
    listed.split('\n').flatMap((line) => {
      const [commit = '', name] = line.split('\t')
      return name === undefined ? [] : [[name, commit] as const]
    }),
  )
  // An annotated tag is an object of its own; behind `^{}` stands the commit that it is of.
  for (const name of [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`, ref]) {
    const commit = commits.get(name)
    if (commit !== undefined) return commit
  }
  throw new SweepError('not-found', `${url} has no branch and no tag ${ref}.`, {
    hint: 'Name one of its branches or tags in code.ref, or a whole commit hash.',
  })
}

function listRefs(
  url: string,
  ref: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const args = ['ls-remote', '--', url, ref, `${ref}^{}`]
  const env = { ...environment, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' }
  return new Promise((resolve, reject) => {
    execFile('git', args, { timeout: GIT_MS, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else {
        const why = stderr.trim().split('\n')[0] ?? error.message
        reject(
          new SweepError('unreachable', `git can't read ${url}: ${why === '' ? error.message : why}`, {
            hint: 'Check code.git, and that git on this machine may read it.',
            cause: error,
          }),
        )
      }
    })
  })
}
