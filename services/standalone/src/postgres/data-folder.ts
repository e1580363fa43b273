import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { SweepError } from '@sweep/spec/errors'
import type { PostgresBinaries } from './binaries.ts'
import { CLUSTER_USER } from './cluster-address.ts'
import { canTraverse, type PostgresUser } from './postgres-user.ts'

/** Major version of the binaries; a data folder of another one is refused. */
export const MAJOR = '18'

const run = promisify(execFile)

/** As root, a home under /root is out of reach for Postgres' user: the data then lives under /var/lib/sweep. */
export function reachableFolder(folder: string, user: PostgresUser | undefined): string {
  if (canTraverse(dirname(folder), user)) return folder
  return join('/var/lib/sweep', createHash('sha256').update(folder).digest('hex').slice(0, 12))
}

export async function makeFolder(folder: string, user: PostgresUser | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  if (user) {
    await chown(folder, user.uid, user.gid)
    await chmod(folder, 0o755)
  }
}

/** The password of Postgres' only user, made the first time; readable by us alone. */
export async function readPassword(folder: string): Promise<string> {
  const file = join(folder, 'password')
  if (!existsSync(file)) await writeFile(file, randomBytes(24).toString('hex'), { mode: 0o600 })
  return (await readFile(file, 'utf8')).trim()
}

/** Runs `initdb` unless it has been run. Refuses a data folder of another major version. */
export async function initialise(
  binaries: PostgresBinaries,
  folder: string,
  data: string,
  password: string,
  user: PostgresUser | undefined,
): Promise<void> {
  const versionFile = join(data, 'PG_VERSION')
  if (existsSync(versionFile)) {
    const version = (await readFile(versionFile, 'utf8')).trim()
    if (version === MAJOR) return
    throw new SweepError(
      'unavailable',
      `${data} was made by Postgres ${version}; this sweep brings Postgres ${MAJOR}.`,
      {
        hint: 'Go back to the release of sweep that made it, or move the folder away to start empty.',
        retryable: false,
      },
    )
  }
  // An initdb that was cut short leaves a folder that the next one refuses.
  await rm(data, { recursive: true, force: true })
  const passwordFile = join(folder, `initdb-password-${process.pid}`)
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user) await chown(passwordFile, user.uid, user.gid)
  try {
    await run(
      binaries.initdb,
      [
        '-D',
        data,
        '-U',
        CLUSTER_USER,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
      ],
      { ...user, cwd: '/' },
    )
  } catch (cause) {
    throw new SweepError(
      'unavailable',
      `Postgres could not make its data folder ${data}: ${lastLines(stderrOf(cause))}`,
      {
        hint: 'Check that the disk has room (at least 100 MB) and that the folder can be written to.',
        cause,
        retryable: false,
      },
    )
  } finally {
    await rm(passwordFile, { force: true })
  }
}

function stderrOf(cause: unknown): string {
  return cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : String(cause)
}

/** The port of last time when it is free, so that open connections find Postgres again after a restart. */
export async function choosePort(folder: string): Promise<number> {
  const file = join(folder, 'port')
  const before = Number(await readFile(file, 'utf8').catch(() => '0'))
  const port = before > 0 && (await freePort(before)) ? before : await freePort(0)
  await writeFile(file, String(port))
  return port
}

function freePort(wanted: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(0))
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** The end of a long text, for an error. */
export function lastLines(text: string, count = 3): string {
  return text.trim().split('\n').slice(-count).join(' ')
}
