import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitFor } from './server.ts'

export const BUSYBOX = 'sweep-test/busybox:1'
export const PYTHON = 'sweep-test/python:3'

/** Says in a skipped test's name what would enable it. */
export const WITHOUT_DOCKER = 'skipped without a Docker engine: apt-get install docker.io busybox-static; dockerd &'

/**
 * Whether containers can be run here; makes the images that they are run from. CI sets SWEEP_REQUIRE_ALL so that a
 * missing engine is a failure, not a skip.
 */
export function hasDocker(): boolean {
  try {
    execFileSync('docker', ['version'], { stdio: 'ignore', timeout: 10_000 })
  } catch (cause) {
    if (process.env['SWEEP_REQUIRE_ALL'] === '1') throw new Error(WITHOUT_DOCKER, { cause })
    return false
  }
  makeImages()
  return true
}

function makeImages(env: NodeJS.ProcessEnv = process.env): void {
  const script = fileURLToPath(new URL('images/make-test-images.sh', import.meta.url))
  execFileSync(script, { stdio: 'inherit', env })
}

/** What `docker` prints, without the newline at its end. */
export function docker(...args: string[]): string {
  return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

/** Ids of the containers of one attempt or one agent, ended ones too. */
export function containersWith(label: string): string[] {
  return docker('ps', '-aq', '--no-trunc', '--filter', `label=${label}`).split('\n').filter(Boolean)
}

export const WITHOUT_ENGINE = 'skipped: to start an engine of its own takes root and apt-get install docker.io'

/** An engine of the test's own, which may be stopped and restarted without harm to others. */
export class TestEngine {
  readonly socket: string
  private readonly folder: string
  private readonly options: readonly string[]
  private child: ChildProcess | undefined
  private output = ''

  private constructor(folder: string, options: readonly string[]) {
    this.folder = folder
    this.options = options
    this.socket = join(folder, 'docker.sock')
  }

  static canStart(): boolean {
    try {
      execFileSync('dockerd', ['--version'], { stdio: 'ignore' })
      if (process.getuid?.() === 0) return true
    } catch {
      // As without root.
    }
    if (process.env['SWEEP_REQUIRE_ALL'] === '1') throw new Error(WITHOUT_ENGINE)
    return false
  }

  static async start(...options: string[]): Promise<TestEngine> {
    const engine = new TestEngine(await mkdtemp(join(tmpdir(), 'sweep-engine-')), options)
    await engine.restart()
    makeImages({ ...process.env, DOCKER_HOST: `unix://${engine.socket}`, SWEEP_TEST_IMAGES: 'busybox' })
    return engine
  }

  /** Starts it, the first time or again, over the same data. */
  async restart(): Promise<void> {
    const inFolder = (name: string) => join(this.folder, name)
    const own = ['--data-root', inFolder('data'), '--exec-root', inFolder('exec'), '--pidfile', inFolder('pid')]
    const apart = ['--bridge', 'none', '--iptables=false', '--ip6tables=false']
    const words = ['-H', `unix://${this.socket}`, ...own, ...apart, ...this.options]
    // In a network of its own: one without a bridge removes docker0, which is that of the machine's own engine.
    const child = spawn('unshare', ['--net', 'dockerd', ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (chunk) => (this.output += chunk))
    child.stderr.on('data', (chunk) => (this.output += chunk))
    this.child = child
    await waitFor(() => {
      if (child.exitCode !== null) throw new Error(`dockerd ended with ${child.exitCode}:\n${this.output.slice(-2000)}`)
      return /API listen on/.test(this.output)
    }, 60_000)
    this.output = ''
  }

  async stop(): Promise<void> {
    const { child } = this
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await gone
    this.output = ''
  }

  async remove(): Promise<void> {
    await this.stop()
    // One that spares its containers leaves mounts as well.
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
    for (const mount of mounts.reverse()) if (mount.startsWith(`${this.folder}/`)) execFileSync('umount', [mount])
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
