import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { freePort } from './redis.ts'
import { DIST, type TestServer, waitFor } from './server.ts'

/** The built operator in a process of its own, looking after some namespaces of the test cluster. */
export class TestOperator {
  private child: ChildProcess | undefined
  output = ''
  private readonly env: Readonly<Record<string, string>>
  private readonly server: TestServer
  private readonly port: number

  private constructor(server: TestServer, env: Readonly<Record<string, string>>, port: number) {
    this.server = server
    this.env = env
    this.port = port
  }

  static async start(server: TestServer, env: Readonly<Record<string, string>>): Promise<TestOperator> {
    const operator = new TestOperator(server, env, await freePort())
    await operator.start()
    return operator
  }

  /** Returns when it has seen what there is. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const before = this.output.length
    const child = spawn(process.execPath, [join(DIST, 'operator.js')], {
      env: {
        ...(await this.server.environment()),
        SWEEP_MONITOR_PORT: String(this.port),
        ...this.env,
        ...more,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    child.stdout?.on('data', (chunk) => (this.output += chunk))
    child.stderr?.on('data', (chunk) => (this.output += chunk))
    await waitFor(async () => {
      if (this.hasEnded) throw new Error(`the operator ended:\n${this.output.slice(before)}`)
      return (await this.health()) === 200
    })
  }

  /** Status of its health, 0 when it does not answer. */
  async health(): Promise<number> {
    return fetch(`http://127.0.0.1:${this.port}/health`, { signal: AbortSignal.timeout(5000) }).then(
      ({ status }) => status,
      () => 0,
    )
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text()
  }

  get hasEnded(): boolean {
    return this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null
  }

  async kill(): Promise<void> {
    await this.signal('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.signal('SIGTERM')
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded || this.child === undefined) return
    const gone = new Promise((resolve) => this.child?.once('exit', resolve))
    this.child.kill(signal)
    await gone
  }
}

/** Stands between an operator and a server, so that a test can act between a request and its reply. */
export class TestProxy {
  readonly url: string
  /** Waited for before the reply to a call is passed on. */
  beforeReply: (method: string, path: string) => Promise<void> = async () => undefined
  private readonly server: Server

  private constructor(server: Server, url: string) {
    this.server = server
    this.url = url
  }

  static async start(target: string): Promise<TestProxy> {
    const server = createServer((from, to) => {
      const { method = 'GET', url = '/', headers } = from
      const onward = request(
        `${target}${url}`,
        { method, headers: { ...headers, host: new URL(target).host } },
        (reply) => {
          void proxy.beforeReply(method, url).then(() => {
            to.writeHead(reply.statusCode ?? 502, reply.headers)
            reply.pipe(to)
          })
        },
      )
      onward.on('error', () => to.destroy())
      to.on('close', () => onward.destroy())
      from.pipe(onward)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const proxy = new TestProxy(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    return proxy
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }
}
