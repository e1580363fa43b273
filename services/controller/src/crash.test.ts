import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import type { TicketQueue } from '@sweep/queue/ticket-queue'
import { SweepId } from '@sweep/spec/ids'
import { changeSweep } from '@sweep/store/sweep-control'
import { getSweep } from '@sweep/store/sweeps'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { CRASH_POINTS, type CrashPoint } from './crash-point.ts'
import { bundleController, ControllerProcess } from './testing/controller-process.ts'
import { configsOf, ended, factsOf, newSweep, until } from './testing/sweeps.ts'
import { TinyAgent } from './testing/tiny-agent.ts'

const ID = SweepId.parse('cra5h00000')
const TRIALS = 16

let bundle: Awaited<ReturnType<typeof bundleController>>
let db: TestDatabase
let queue: TicketQueue
const cleanups: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  bundle = await bundleController()
})

afterAll(async () => {
  await bundle.remove()
})

beforeEach(async () => {
  db = await testDatabase({ max: 20 })
  queue = openTicketQueue({ databaseUrl: db.url })
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  await queue.close()
  await db.drop()
})

function controller(env: Record<string, string> = {}): ControllerProcess {
  const started = new ControllerProcess(bundle.file, {
    DATABASE_URL: db.url,
    SWEEP_LEASE_MS: '2000',
    SWEEP_CONTROLLER_LEASE_MS: '600',
    SWEEP_TICKET_AGE_MS: '1000',
    ...env,
  })
  cleanups.push(() => started.kill('SIGKILL'))
  return started
}

async function agent(): Promise<TinyAgent> {
  const started = await TinyAgent.start({
    database: db.database,
    queue,
    slots: 2,
    run: ({ trial }) => ({ values: Array.from({ length: 6 }, (_, step) => (trial % 4) + 1 / (step + 1)), ms: 8 }),
  })
  cleanups.push(() => started.die())
  return started
}

const sweep = () =>
  newSweep(
    db.database,
    {
      seed: 11,
      budget: { trials: TRIALS },
      earlyTerminate: { type: 'asha', minResource: 1, reductionFactor: 2, brackets: 1, grace: 0, resource: 'step' },
    },
    ID,
  )

async function trialsOver(): Promise<number> {
  const { completed = 0, pruned = 0 } = (await getSweep(db.database, ID))?.trials ?? {}
  return completed + pruned
}

/** What the controller suggests when nothing happens to it. */
let undisturbed: unknown[]

test('an undisturbed run, to compare with', async () => {
  controller()
  await agent()
  await sweep()
  expect((await ended(db.database, ID)).createdTrials).toBe(TRIALS)
  undisturbed = configsOf(await factsOf(db.database, ID))
  expect(undisturbed).toHaveLength(TRIALS)
})

test.each(CRASH_POINTS)(
  'killed %s and started again: the same suggestions, nothing twice, nothing lost',
  async (point) => {
    await agent()
    const first = controller({ SWEEP_CRASH_AT: `${point}${point === 'in-shutdown' ? '' : ':3'}` })
    await sweep()
    if (point === 'in-shutdown') {
      await until(async () => (await trialsOver()) >= 3, 'three trials to end')
      expect(await first.kill('SIGTERM')).toBe('SIGKILL')
    }
    expect(await first.exited, first.output).toBe('SIGKILL')
    controller()
    const over = await ended(db.database, ID)
    expect(over).toMatchObject({ state: 'completed', createdTrials: TRIALS, outstanding: 0 })
    const facts = await factsOf(db.database, ID)
    expect(configsOf(facts)).toEqual(undisturbed)
    // No attempt was claimed twice, and none but the first of each trial was needed.
    expect(facts.filter((fact) => fact.kind === 'attempt-started')).toHaveLength(TRIALS)
    expect(facts.filter((fact) => fact.kind === 'attempt-ended')).toHaveLength(TRIALS)
  },
)

test.each(['after-create-before-enqueue', 'after-enqueue'] satisfies CrashPoint[])(
  'killed %s while no agent is there to take tickets: each queued attempt has one ticket after the restart',
  async (point) => {
    const registered = await agent()
    await registered.die()
    const first = controller({ SWEEP_CRASH_AT: point })
    await sweep()
    expect(await first.exited, first.output).toBe('SIGKILL')
    controller()
    const tickets: string[] = []
    await until(async () => {
      tickets.push(...(await queue.take('sweep-default-any', 99)))
      return tickets.length >= 2
    }, 'the tickets')
    expect(tickets.sort()).toEqual([`${ID}-1-1`, `${ID}-2-1`])
  },
)

test('a second controller takes over within seconds when the first one is killed', async () => {
  const first = controller()
  await agent()
  await sweep()
  await until(async () => (await trialsOver()) >= 3, 'three trials to end')
  controller()
  await first.kill('SIGKILL')
  const killedAt = Date.now()
  await ended(db.database, ID)
  const facts = await factsOf(db.database, ID)
  expect(configsOf(facts)).toEqual(undisturbed)
  const next = facts.find((fact) => fact.kind === 'trial-created' && fact.at.getTime() > killedAt)
  if (next) expect(next.at.getTime() - killedAt).toBeLessThan(3000)
})

test('a controller that was held still while another took over changes nothing when it goes on', async () => {
  const first = controller()
  await agent()
  await sweep()
  await until(async () => (await trialsOver()) >= 2, 'two trials to end')
  first.signal('SIGSTOP')
  controller()
  await until(async () => (await trialsOver()) >= 6, 'the successor to go on')
  first.signal('SIGCONT')
  await changeSweep(db.database, ID, { parallelism: 3 }, 'test')
  await ended(db.database, ID)
  expect(configsOf(await factsOf(db.database, ID))).toEqual(undisturbed)
})

test('a wrong environment is refused with the name of the variable', async () => {
  const refused = controller({ DATABASE_URL: '', SWEEP_CRASH_AT: '' })
  expect(await refused.exited).toBe(1)
  expect(refused.output).toContain('DATABASE_URL: is not set')
  const wrong = controller({ SWEEP_CRASH_AT: 'nowhere' })
  expect(await wrong.exited).toBe(1)
  expect(wrong.output).toContain('SWEEP_CRASH_AT: is one of before-create')
})

test('started before Postgres can be reached it says so, waits, and then works', async () => {
  const url = new URL(db.url)
  url.port = '1'
  const started = controller({ DATABASE_URL: url.href })
  await until(async () => started.output.includes('Postgres cannot be reached yet'), 'the message')
  expect(await started.kill('SIGTERM')).toBe(0)
})
