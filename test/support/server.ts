import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type TestDatabase, testDatabase } from './postgres.ts'

/** The built programs, as a user has them. `npm test` builds them first. */
export const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface ServerOptions {
  readonly slots?: number
  /** Whether the server brings its own agent; default true. */
  readonly agent?: boolean
  /**
   * Whether it brings its own Postgres, as users have it. By default it has a database of its own in the Postgres of the
   * test run, where there is one: making a cluster takes more CPU time than most of these tests.
   */
  readonly embedded?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** A standalone server in a process and a home of its own. */
export class TestServer {
  private child: ChildProcess | undefined
  output = ''
  readonly home: string
  private readonly options: ServerOptions
  private readonly database: TestDatabase | undefined
  /** Chosen at the first start and kept over restarts, as clients expect. */
  private port = '0'

  private constructor(home: string, options: ServerOptions, database: TestDatabase | undefined) {
    this.home = home
    this.options = options
    this.database = database
  }

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const home = await mkdtemp(join(tmpdir(), 'sweep-home-'))
    // As root Postgres runs as another user, who must be able to pass through.
    await chmod(home, 0o755)
    const hasPostgres = process.env['SWEEP_TEST_DATABASE_URL'] !== undefined && !options.env?.['DATABASE_URL']
    const database = hasPostgres && options.embedded !== true ? await testDatabase() : undefined
    const server = new TestServer(home, options, database)
    try {
      await server.start()
    } catch (error) {
      await server.remove()
      throw error
    }
    return server
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(DIST, 'standalone.js')], {
      env: {
        ...cleanEnvironment(),
        SWEEP_HOME: this.home,
        SWEEP_PORT: this.port,
        SWEEP_SLOTS: String(this.options.slots ?? 2),
        SWEEP_AGENT: this.options.agent === false ? 'off' : 'on',
        ...(this.database === undefined ? {} : { DATABASE_URL: this.database.url }),
        ...this.options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    child.stdout?.on('data', (chunk) => (this.output += chunk))
    child.stderr?.on('data', (chunk) => (this.output += chunk))
    await waitFor(async () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the server ended with ${child.signalCode ?? child.exitCode}:\n${this.output}`)
      }
      const record = await this.record()
      return record?.pid === child.pid
    }, 60_000)
    this.port = new URL(this.url).port
  }

  private cached: { url: string; pid: number } | undefined

  private async record(): Promise<{ url: string; pid: number } | undefined> {
    const file = join(this.home, 'server.json')
    if (!existsSync(file)) return undefined
    this.cached = JSON.parse(await readFile(file, 'utf8').catch(() => 'null')) ?? undefined
    return this.cached
  }

  get url(): string {
    if (!this.cached) throw new Error('the server has not started')
    return this.cached.url
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  /** Of the database that it was given; undefined when its Postgres is embedded. */
  get databaseUrl(): string | undefined {
    return this.database?.url
  }

  async token(): Promise<string> {
    return (await readFile(join(this.home, 'token'), 'utf8')).trim()
  }

  /** Environment in which the `sweep` command finds this server. */
  async environment(): Promise<NodeJS.ProcessEnv> {
    return { ...cleanEnvironment(), SWEEP_HOME: this.home, SWEEP_URL: this.url, SWEEP_TOKEN: await this.token() }
  }

  /** One request of the API; the body of the reply, or an error that holds it. */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await this.token()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  /** SIGKILL, as a crash; returns when the process is gone. */
  async kill(): Promise<void> {
    await this.signal('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.signal('SIGTERM')
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  async remove(): Promise<void> {
    await this.stop()
    await this.database?.drop()
    await rm(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

/** Runs the built `sweep` command to its end. */
export async function sweep(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {},
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(DIST, 'sweep.js'), ...args], {
    env: options.env ?? cleanEnvironment(),
    cwd: options.cwd ?? ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  child.stdin.end(options.input ?? '')
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { status, stdout, stderr }
}

/** A look at a server costs it, Postgres and the test some 10 ms of CPU time between them. */
const LOOK_MS = 100

/** Waits until `condition` holds; an error it throws ends the wait at once. */
export async function waitFor(condition: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`still not so after ${timeoutMs} ms: ${condition}`)
    await sleep(LOOK_MS)
  }
}

/** The environment of the tests without what would point the programs elsewhere. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(SWEEP_|DATABASE_URL|REDIS_URL|VITEST|NODE_OPTIONS)/.test(name)),
  )
}
