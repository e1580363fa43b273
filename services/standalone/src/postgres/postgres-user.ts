import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { SweepError } from '@sweep/spec/errors'

/** The operating-system user that Postgres runs as. */
export interface PostgresUser {
  readonly uid: number
  readonly gid: number
}

/** Users that Postgres may borrow when we are root, the best first; `nobody` is on nearly every image. */
const CANDIDATES = ['postgres', 'nobody']

/** Postgres refuses to run as root, so as root it runs as another user; otherwise as ourselves (undefined). */
export function postgresUser(uid: number, passwd = '/etc/passwd'): PostgresUser | undefined {
  if (uid !== 0) return undefined
  const lines = readFileSync(passwd, 'utf8').split('\n')
  for (const name of CANDIDATES) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields?.[2] && fields[3]) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new SweepError(
    'unavailable',
    'Postgres does not run as root, and there is no user "postgres" or "nobody" here.',
    {
      hint: 'Create one (useradd --system postgres), run sweep as an ordinary user, or set DATABASE_URL.',
      retryable: false,
    },
  )
}

/** True when `user` can pass through every folder above `path`. Ourselves (undefined) always can. */
export function canTraverse(path: string, user: PostgresUser | undefined): boolean {
  if (!user) return true
  for (let folder = path; ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false })
    if (stat?.isDirectory()) {
      const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001
      if ((stat.mode & bit) === 0) return false
    }
    if (dirname(folder) === folder) return true
  }
}
