import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DIST, type TestServer, waitFor } from './server.ts'

export interface AgentOptions {
  readonly name: string
  readonly slots: number
  readonly queue?: string
  readonly env?: Readonly<Record<string, string>>
  /** Words before its command, such as those that run it in a network of its own. */
  readonly prefix?: readonly string[]
}

/** A separate agent process with a home of its own, as on another machine. */
export class TestAgent {
  private child: ChildProcess | undefined
  output = ''
  readonly home: string
  private readonly server: TestServer
  private readonly options: AgentOptions

  private constructor(home: string, server: TestServer, options: AgentOptions) {
    this.home = home
    this.server = server
    this.options = options
  }

  static async start(server: TestServer, options: AgentOptions): Promise<TestAgent> {
    const home = await mkdtemp(join(tmpdir(), 'sweep-agent-'))
    await chmod(home, 0o755)
    const agent = new TestAgent(home, server, options)
    await agent.start()
    return agent
  }

  async start(): Promise<void> {
    const before = this.output.length
    const [program = process.execPath, ...words] = [
      ...(this.options.prefix ?? []),
      process.execPath,
      join(DIST, 'agent.js'),
    ]
    const child = spawn(program, words, {
      env: {
        ...(await this.server.environment()),
        SWEEP_HOME: this.home,
        SWEEP_AGENT_NAME: this.options.name,
        SWEEP_SLOTS: String(this.options.slots),
        ...(this.options.queue ? { SWEEP_QUEUES: this.options.queue } : {}),
        ...this.options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    child.stdout?.on('data', (chunk) => (this.output += chunk))
    child.stderr?.on('data', (chunk) => (this.output += chunk))
    await waitFor(async () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the agent ended:\n${this.output.slice(before)}`)
      const { agents } = await this.server.call<{ agents: { name: string; state: string }[] }>('GET', '/agents')
      return agents.some((agent) => agent.name === this.options.name && agent.state === 'ready')
    }, 30_000)
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  async kill(): Promise<void> {
    await this.signal('SIGKILL')
  }

  /** As when its host is lost: the agent ends with the reaper that would clean up after it, and nothing of its home is left. */
  async vanish(): Promise<void> {
    const reapers = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').split(' ').filter(Boolean)
    for (const reaper of reapers) process.kill(Number(reaper), 'SIGKILL')
    await this.kill()
    await this.remove()
  }

  /** SIGTERM: the agent drains and exits. */
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
    await this.signal('SIGTERM')
    await rm(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
