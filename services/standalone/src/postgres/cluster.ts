import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SweepError } from '@sweep/spec/errors'
import pg from 'pg'
import { packageRoot, readyBinaries } from './binaries.ts'
import { clusterUrl, hasSocket } from './cluster-address.ts'
import { choosePort, initialise, lastLines, MAJOR, makeFolder, reachableFolder, readPassword } from './data-folder.ts'
import { canTraverse, type PostgresUser, postgresUser } from './postgres-user.ts'

const START_DEADLINE_MS = 30_000
const STOP_DEADLINE_MS = 10_000

export interface ClusterOptions {
  /** Folder of our own for data, password and log; made when absent. */
  readonly folder: string
  readonly maxConnections?: number
  /** Extra `-c name=value` settings. */
  readonly settings?: Readonly<Record<string, string>>
  /** Told when Postgres dies though nobody asked it to, and when it is back. */
  readonly onEvent?: (event: 'died' | 'restarted' | 'gave-up') => void
}

/** A running Postgres of our own. */
export interface Cluster {
  readonly url: string
  /** Stops Postgres after its sessions are closed; call it after everything that uses it has ended. */
  stop(): Promise<void>
}

/**
 * Starts a Postgres in `folder`, making its data folder the first time. Its life is tied to ours: on Linux the kernel
 * sends it SIGINT (a fast, clean shutdown) when we die, even by SIGKILL; one left from before is waited for or taken over.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const user = postgresUser(process.getuid?.() ?? -1)
  const folder = reachableFolder(options.folder, user)
  const binaries = await readyBinaries(
    packageRoot(process.platform, process.arch),
    join(folder, `binaries-${MAJOR}`),
    (path) => canTraverse(path, user),
  )
  await makeFolder(folder, user)
  const data = join(folder, 'data')
  const password = await readPassword(folder)
  await initialise(binaries, folder, data, password, user)

  const adopted = await leftover(data, folder, password)
  if (adopted) return adopted

  const port = await choosePort(folder)
  const url = clusterUrl(folder, password, port)
  const logFile = join(folder, 'postgres.log')
  const args = postgresArguments(folder, port, options)
  let stopping = false
  let child = await launch(binaries.postgres, args, logFile, user, url)
  let failures = 0

  const supervise = (watched: ChildProcess) => {
    watched.once('exit', async () => {
      if (stopping) return
      options.onEvent?.('died')
      while (!stopping && failures < 5) {
        failures += 1
        await sleep(200 * 2 ** failures)
        try {
          child = await launch(binaries.postgres, args, logFile, user, url)
        } catch {
          continue
        }
        failures = 0
        options.onEvent?.('restarted')
        supervise(child)
        return
      }
      if (!stopping) options.onEvent?.('gave-up')
    })
  }
  supervise(child)

  return {
    url,
    async stop() {
      stopping = true
      await stopProcess(child)
    },
  }
}

function postgresArguments(folder: string, port: number, options: ClusterOptions): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: hasSocket(folder) ? folder : '',
    max_connections: String(options.maxConnections ?? 100),
    // Queries here are short: compiling them and sharing them among workers costs more than it gives, and /dev/shm is
    // often tiny in a container.
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    ...options.settings,
  }
  return [
    '-D',
    join(folder, 'data'),
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
}

async function launch(
  postgres: string,
  args: string[],
  logFile: string,
  user: PostgresUser | undefined,
  url: string,
): Promise<ChildProcess> {
  const log = await open(logFile, 'a', 0o600)
  const setpriv = '/usr/bin/setpriv'
  // In a session of its own, so that a Ctrl-C in the terminal reaches us alone and we stop it last.
  const options = { detached: true, cwd: '/', stdio: ['ignore', log.fd, log.fd] as ['ignore', number, number] }
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []
  const child = existsSync(setpriv)
    ? spawn(setpriv, ['--pdeathsig', 'INT', ...identity, '--', postgres, ...args], options)
    : spawn(postgres, args, { ...options, ...user })
  await log.close()
  const exited = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(cause))
    child.once('exit', (code, signal) => reject(new Error(`exited with ${signal ?? code}`)))
  })
  try {
    await Promise.race([waitUntilReady(url), exited])
  } catch (cause) {
    child.kill('SIGQUIT')
    const tail = lastLines(await readFile(logFile, 'utf8').catch(() => ''))
    throw new SweepError('unavailable', `Postgres did not start: ${(cause as Error).message}. ${tail}`, {
      hint: `Its log is ${logFile}.`,
      cause,
    })
  }
  return child
}

/** Polls with a real query: the server accepts connections a moment before it answers them. */
async function waitUntilReady(url: string): Promise<void> {
  const admin = url.replace(/\/sweep(\?|$)/, '/postgres$1')
  for (let waited = 0; ; waited += 25) {
    const client = new pg.Client({ connectionString: admin, connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    try {
      await client.connect()
      const found = await client.query("select 1 from pg_database where datname = 'sweep'")
      if (found.rowCount === 0) await client.query('create database sweep')
      return
    } catch (cause) {
      if (waited > START_DEADLINE_MS) throw cause
      await sleep(25)
    } finally {
      await client.end().catch(() => {})
    }
  }
}

/**
 * A Postgres that an earlier server left behind. Usually it is shutting down and gone in a moment; one that stays (no
 * `setpriv` on this system) is taken over.
 */
async function leftover(data: string, folder: string, password: string): Promise<Cluster | undefined> {
  const pidFile = join(data, 'postmaster.pid')
  const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  const port = Number(lines[3])
  if (!Number.isInteger(pid) || pid <= 1 || lines[1] !== data) return undefined
  for (let waited = 0; waited < STOP_DEADLINE_MS; waited += 50) {
    if (!isAlive(pid) || !existsSync(pidFile)) return undefined
    await sleep(50)
  }
  const url = clusterUrl(folder, password, port)
  try {
    await waitUntilReady(url)
  } catch (cause) {
    throw new SweepError('unavailable', `A Postgres (process ${pid}) still holds ${data} and does not answer.`, {
      hint: `If it is not yours, stop it with: kill -INT ${pid}. Its log is in ${folder}.`,
      cause,
    })
  }
  return {
    url,
    async stop() {
      process.kill(pid, 'SIGINT')
      for (let waited = 0; waited < STOP_DEADLINE_MS && isAlive(pid); waited += 25) await sleep(25)
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGINT')
  const late = setTimeout(() => child.kill('SIGQUIT'), STOP_DEADLINE_MS)
  await gone
  clearTimeout(late)
}
