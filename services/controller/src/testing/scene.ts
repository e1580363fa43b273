import { randomBytes } from 'node:crypto'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import type { TicketQueue } from '@sweep/queue/ticket-queue'
import type { Database } from '@sweep/store/database'
import { pino } from 'pino'
import { testDatabase } from '../../../../test/support/postgres.ts'
import { type Controller, startController } from '../controller.ts'
import type { ControllerSettings } from '../settings.ts'
import { ControllerProcess } from './controller-process.ts'
import { TinyAgent, type TinyAgentOptions } from './tiny-agent.ts'

export const SETTINGS: ControllerSettings = {
  agentLeaseMs: 2000,
  controllerLeaseMs: 900,
  ticketAgeMs: 1000,
  crashAt: undefined,
}

/** Where one test takes place: a database and a queue of its own, and whoever acts there. All is gone when it ends. */
export interface Scene {
  readonly database: Database
  readonly url: string
  readonly queue: TicketQueue
  controller(settings?: Partial<ControllerSettings>): Promise<Controller>
  process(file: string, env?: Readonly<Record<string, string>>): ControllerProcess
  agent(options: Pick<TinyAgentOptions, 'slots' | 'run'>): Promise<TinyAgent>
}

/** Makes scenes from one database that has all its tables already. */
export class Scenes {
  readonly #template: string
  readonly #drop: () => Promise<void>

  private constructor(template: string, drop: () => Promise<void>) {
    this.#template = template
    this.#drop = drop
  }

  static async prepare(): Promise<Scenes> {
    const { database, url, drop } = await testDatabase()
    const queue = openTicketQueue({ databaseUrl: url })
    await queue.check()
    // Agents of these tests talk to the store themselves, so the api is always up.
    await database.query(`insert into api_servers values ('test', 'infinity')`)
    await Promise.all([queue.close(), database.close()])
    return new Scenes(new URL(url).pathname.slice(1), drop)
  }

  remove(): Promise<void> {
    return this.#drop()
  }

  /** @param onTestFinished of the test, so that tests may run at the same time */
  async open(onTestFinished: (cleanup: () => Promise<void>) => void): Promise<Scene> {
    const { database, url, drop } = await testDatabase({ max: 20, template: this.#template })
    const queue = openTicketQueue({ databaseUrl: url })
    const cleanups: (() => Promise<unknown>)[] = []
    onTestFinished(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup()
      await queue.close()
      await drop()
    })
    return {
      database,
      url,
      queue,
      async controller(settings = {}) {
        const log = pino({ level: process.env['SWEEP_TEST_LOG'] ?? 'silent' })
        const clock = { now: () => Date.now() }
        const dependencies = { database, queue, log, randomBytes, clock }
        const started = await startController({ ...SETTINGS, ...settings }, dependencies)
        cleanups.push(() => started.stop())
        return started
      },
      process(file, env = {}) {
        const started = new ControllerProcess(file, {
          DATABASE_URL: url,
          SWEEP_LEASE_MS: String(SETTINGS.agentLeaseMs),
          SWEEP_CONTROLLER_LEASE_MS: '600',
          SWEEP_TICKET_AGE_MS: String(SETTINGS.ticketAgeMs),
          ...env,
        })
        cleanups.push(() => started.kill('SIGKILL'))
        return started
      },
      async agent(options) {
        const started = await TinyAgent.start({ database, queue, ...options })
        cleanups.push(() => started.die())
        return started
      },
    }
  }
}
