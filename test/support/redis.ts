import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { waitFor } from './server.ts'

/** Whether a Redis can be started here; CI sets SWEEP_REQUIRE_ALL so that a missing one is a failure, not a skip. */
export function hasRedis(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    if (process.env['SWEEP_REQUIRE_ALL'] === '1')
      throw new Error('redis-server is missing: apt-get install redis-server')
    return false
  }
}

/** Says in a skipped test's name what would enable it. */
export const WITHOUT_REDIS = 'skipped without redis-server: apt-get install redis-server'

export interface TestRedisOptions {
  /** Keep an append-only file, so that a kill loses nothing; default true. */
  readonly appendOnly?: boolean
}

/** A Redis of the test's own on a free port, with an append-only file unless told otherwise. */
export class TestRedis {
  private child: ChildProcess | undefined
  readonly url: string
  private readonly port: number
  private readonly folder: string

  private readonly appendOnly: boolean

  private constructor(port: number, folder: string, options: TestRedisOptions) {
    this.port = port
    this.folder = folder
    this.appendOnly = options.appendOnly ?? true
    this.url = `redis://127.0.0.1:${port}`
  }

  static async start(options: TestRedisOptions = {}): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), await mkdtemp(join(tmpdir(), 'sweep-redis-')), options)
    await redis.start()
    return redis
  }

  async start(): Promise<void> {
    const args = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--dir',
      this.folder,
      '--appendonly',
      this.appendOnly ? 'yes' : 'no',
      '--save',
      '',
    ]
    this.child = spawn('redis-server', [...args, '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' })
    await waitFor(async () => {
      const client = new Redis(this.url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null })
      client.on('error', () => {})
      try {
        await client.connect()
        return (await client.ping()) === 'PONG'
      } catch {
        return false
      } finally {
        client.disconnect()
      }
    }, 10_000)
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  /** SIGSTOP holds it still with its connections open; SIGCONT lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(signal)
  }

  async flushAll(): Promise<void> {
    await this.call('flushall')
  }

  async call(command: string, ...args: readonly string[]): Promise<void> {
    const client = new Redis(this.url)
    await client.call(command, ...args)
    client.disconnect()
  }

  async kill(): Promise<void> {
    const child = this.child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
