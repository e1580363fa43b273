import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTimeOf } from '@sweep/launchers/process/process-identity'
import pino from 'pino'
import { expect, vi } from 'vitest'
import type { AgentDeps, AgentHandle } from './agent-handle.ts'
import { FakeServer, type Known } from './fake-server.ts'
import type { AgentSettings } from './settings.ts'
import { startAgent } from './start-agent.ts'

/** For tests: a server, a home, and agents that are gone afterwards. */
export class AgentBench {
  readonly home = mkdtempSync(join(tmpdir(), 'sweep-agent-test-'))
  readonly server: FakeServer
  readonly #agents: AgentHandle[] = []

  private constructor(server: FakeServer) {
    this.server = server
  }

  static async start(): Promise<AgentBench> {
    return new AgentBench(await FakeServer.start())
  }

  runFolder(known: Known): string {
    return join(this.home, 'agents', 'tester', 'runs', known.assignment.attemptId)
  }

  async agent(given: Partial<AgentSettings> = {}, deps: Partial<AgentDeps> = {}): Promise<AgentHandle> {
    const agent = await startAgent(
      {
        url: this.server.url,
        token: this.server.userToken,
        home: this.home,
        name: 'tester',
        queues: ['default'],
        slots: 2,
        slotsPerGpu: undefined,
        gpus: undefined,
        launchers: ['process'],
        kubeconfig: undefined,
        kubernetesNamespace: undefined,
        labels: {},
        claim: 'auto',
        passEnv: [],
        cacheBytes: 1e9,
        keepRuns: {},
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
        version: '0.0.0',
        monitor: undefined,
        logLevel: 'silent',
        ...given,
      },
      {
        clock: { now: Date.now },
        random: Math.random,
        randomBytes,
        log: pino({ level: process.env['SWEEP_TEST_LOG'] ?? 'silent' }),
        queryGpus: async () => [],
        reaperPath: null,
        ...deps,
      },
    )
    this.#agents.push(agent)
    return agent
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) {
      void agent.stop()
      await agent.stop()
    }
    await this.server.close()
    rmSync(this.home, { recursive: true, force: true })
  }
}

export function sh(script: string): string[] {
  return ['sh', '-c', script]
}

export function until(condition: () => unknown): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 15_000, interval: 5 })
}

export async function ended(known: Known): Promise<NonNullable<Known['ended']>> {
  await until(() => known.ended)
  if (known.ended === undefined) throw new Error('unreachable')
  return known.ended
}

export function isLiving(pid: number): boolean {
  return startTimeOf(pid) !== null
}
