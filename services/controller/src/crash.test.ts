import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepId } from '@sweep/spec/ids'
import { changeSweep } from '@sweep/store/sweep-control'
import { getSweep } from '@sweep/store/sweeps'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CRASH_POINTS, type CrashPoint } from './crash-point.ts'
import { bundleController } from './testing/controller-process.ts'
import { Scenes } from './testing/scene.ts'
import { configsOf, ended, factsOf, newSweep, until } from './testing/sweeps.ts'

const ID = SweepId.parse('cra5h00000')
const TRIALS = 12

let scenes: Scenes
let bundle: Awaited<ReturnType<typeof bundleController>>
/** What the controller suggests when nothing happens to it. */
let undisturbed: unknown[]

beforeAll(async () => {
  ;[scenes, bundle] = await Promise.all([Scenes.prepare(), bundleController()])
})

afterAll(async () => {
  await Promise.all([scenes.remove(), bundle.remove()])
})

/** A scene in which controllers are processes, agents run six steps a trial, and the sweep has a pruner. */
async function stage(onTestFinished: (cleanup: () => Promise<void>) => void) {
  const scene = await scenes.open(onTestFinished)
  const { database } = scene
  const document: Partial<SweepDocument> = {
    seed: 11,
    budget: { trials: TRIALS },
    earlyTerminate: {
      type: 'asha',
      mode: 'stop',
      minResource: 1,
      reductionFactor: 2,
      brackets: 1,
      grace: 0,
      resource: 'step',
    },
  }
  const run = ({ trial }: { readonly trial: number }) => ({
    values: Array.from({ length: 6 }, (_, step) => (trial % 4) + 1 / (step + 1)),
    ms: 8,
  })
  return {
    database,
    url: scene.url,
    queue: scene.queue,
    controller: (env: Readonly<Record<string, string>> = {}) => scene.process(bundle.file, env),
    agent: () => scene.agent({ slots: 2, run }),
    sweep: () => newSweep(database, document, ID),
    async trialsOver(): Promise<number> {
      const { completed = 0, pruned = 0 } = (await getSweep(database, ID))?.trials ?? {}
      return completed + pruned
    },
  }
}

test('an undisturbed run, to compare with', async ({ onTestFinished }) => {
  const { controller, agent, sweep, database } = await stage(onTestFinished)
  controller()
  await agent()
  await sweep()
  expect((await ended(database, ID)).createdTrials).toBe(TRIALS)
  undisturbed = configsOf(await factsOf(database, ID))
  expect(undisturbed).toHaveLength(TRIALS)
})

test('a second controller takes over within seconds when the first one is killed', async ({ onTestFinished }) => {
  const { controller, agent, sweep, trialsOver, database } = await stage(onTestFinished)
  const first = controller()
  await sweep()
  await until(async () => first.output.includes('sweep taken'), 'the first controller to own the sweep')
  const second = controller()
  await until(async () => second.output.includes('controller started'), 'the second controller')
  await agent()
  await until(async () => (await trialsOver()) >= 3, 'three trials to end')
  await first.kill('SIGKILL')
  const killedAt = Date.now()
  await ended(database, ID)
  const facts = await factsOf(database, ID)
  expect(configsOf(facts)).toEqual(undisturbed)
  const next = facts.find((fact) => fact.kind === 'trial-created' && fact.at.getTime() > killedAt)
  expect((next?.at.getTime() ?? Number.NaN) - killedAt).toBeLessThan(5000)
})

/** Nothing is resumed here; that is what promotion.test.ts is about. */
test.concurrent.for(CRASH_POINTS.filter((point) => !point.includes('resume')))(
  'killed %s and started again: the same suggestions, nothing twice, nothing lost',
  async (point, { onTestFinished }) => {
    const { controller, agent, sweep, trialsOver, database } = await stage(onTestFinished)
    await agent()
    const first = controller({ SWEEP_CRASH_AT: `${point}${point === 'in-shutdown' ? '' : ':3'}` })
    await sweep()
    if (point === 'in-shutdown') {
      await until(async () => (await trialsOver()) >= 3, 'three trials to end')
      expect(await first.kill('SIGTERM')).toBe('SIGKILL')
    }
    expect(await first.exited, first.output).toBe('SIGKILL')
    controller()
    const over = await ended(database, ID)
    expect(over).toMatchObject({ state: 'completed', createdTrials: TRIALS, outstanding: 0 })
    const facts = await factsOf(database, ID)
    expect(configsOf(facts)).toEqual(undisturbed)
    // No attempt was claimed twice, and none but the first of each trial was needed.
    expect(facts.filter((fact) => fact.kind === 'attempt-started')).toHaveLength(TRIALS)
    expect(facts.filter((fact) => fact.kind === 'attempt-ended')).toHaveLength(TRIALS)
  },
)

test.concurrent.for(['after-create-before-enqueue', 'after-enqueue'] satisfies CrashPoint[])(
  'killed %s while no agent is there to take tickets: each queued attempt has one ticket after the restart',
  async (point, { onTestFinished }) => {
    const { controller, agent, sweep, queue } = await stage(onTestFinished)
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

test.concurrent('a controller that was held still while another took over changes nothing when it goes on', async ({
  onTestFinished,
}) => {
  const { controller, agent, sweep, trialsOver, database } = await stage(onTestFinished)
  const first = controller()
  await agent()
  await sweep()
  await until(async () => (await trialsOver()) >= 2, 'two trials to end')
  first.signal('SIGSTOP')
  controller()
  await until(async () => (await trialsOver()) >= 6, 'the successor to go on')
  first.signal('SIGCONT')
  await changeSweep(database, ID, { parallelism: 3 }, 'test')
  await ended(database, ID)
  expect(configsOf(await factsOf(database, ID))).toEqual(undisturbed)
})

test.concurrent('a wrong environment is refused with the name of the variable', async ({ onTestFinished }) => {
  const { controller } = await stage(onTestFinished)
  const refused = controller({ DATABASE_URL: '', SWEEP_CRASH_AT: '' })
  expect(await refused.exited).toBe(1)
  expect(refused.output).toContain('DATABASE_URL is not set')
  const wrong = controller({ SWEEP_CRASH_AT: 'nowhere' })
  expect(await wrong.exited).toBe(1)
  expect(wrong.output).toMatch(/SWEEP_CRASH_AT.*is one of before-create/)
})

test.concurrent('started before Postgres can be reached it says so, waits, and then works', async ({
  onTestFinished,
}) => {
  const { controller, url } = await stage(onTestFinished)
  const nowhere = new URL(url)
  nowhere.port = '1'
  const started = controller({ DATABASE_URL: nowhere.href })
  await until(async () => started.output.includes('Postgres cannot be reached yet'), 'the message')
  expect(await started.kill('SIGTERM')).toBe(0)
})
