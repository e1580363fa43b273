import { randomBytes } from 'node:crypto'
import { SweepError } from '@sweep/spec/errors'
import { AgentId } from '@sweep/spec/ids'
import { getAgent } from '@sweep/store/agents'
import { heartbeat } from '@sweep/store/heartbeats'
import { ingestReports } from '@sweep/store/reports'
import { getSweep } from '@sweep/store/sweeps'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crashPoints } from '../crash-point.ts'
import { ControllerMonitoring } from '../monitoring.ts'
import { type Scene, Scenes, SETTINGS } from '../testing/scene.ts'
import { factsOf, newSweep, until } from '../testing/sweeps.ts'
import { Sweeper } from './sweeper.ts'

const EVERY_MS = 2000

let scenes: Scenes

beforeAll(async () => {
  scenes = await Scenes.prepare()
})

afterAll(() => scenes.remove())

/** A sweep with one attempt that runs, and its agent, both last heard of long ago by the clock of Postgres. */
async function longSilent(scene: Scene) {
  const controller = await scene.controller()
  const agent = await scene.agent({ slots: 1, run: () => ({ values: [1], ms: 600_000 }) })
  const id = await newSweep(scene.database, { budget: { trials: 1 } })
  await until(async () => (await getSweep(scene.database, id))?.running === 1, 'a running trial')
  await controller.stop()
  await agent.die()
  await scene.database.query(`update attempts set lease_until = now() - interval '1 hour'`)
  await scene.database.query(`update agents set last_seen_at = now() - interval '1 hour'`)
  const lost = async () =>
    (await factsOf(scene.database, id)).some((fact) => fact.kind === 'attempt-ended' && fact.cause === 'lost')
  const attempts = agent.claimed.map(({ attemptId, epoch }) => ({ attemptId, epoch }))
  return { agentId: agent.id, attempts, lost }
}

/** A sweeper whose clock the test sets. */
function sweeperOf(scene: Scene, agentLeaseMs: number) {
  let now = 1_000_000
  const sweeper = new Sweeper({
    database: scene.database,
    queue: scene.queue,
    clock: { now: () => now },
    log: pino({ level: 'silent' }),
    randomBytes,
    settings: { ...SETTINGS, agentLeaseMs },
    controllerId: 'one',
    crash: crashPoints(undefined),
    monitoring: new ControllerMonitoring(),
  })
  const round = async (afterMs: number) => {
    now += afterMs
    await sweeper.round(EVERY_MS)
  }
  /** Time passes while a round is under way. */
  const pass = (ms: number) => {
    now += ms
  }
  return Object.assign(round, { pass })
}

async function stateOf(scene: Scene, id: AgentId): Promise<string | undefined> {
  return (await getAgent(scene.database, id))?.state
}

test('after a start agents have a whole lease to come back in; then they are gone and their attempts lost', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  const { agentId, lost } = await longSilent(scene)
  const round = sweeperOf(scene, 30_000)
  for (let atMs = 0; atMs < 30_000; atMs += EVERY_MS) await round(atMs === 0 ? 0 : EVERY_MS)
  expect([await lost(), await stateOf(scene, agentId)]).toEqual([false, 'ready'])
  await round(EVERY_MS)
  expect([await lost(), await stateOf(scene, agentId)]).toEqual([true, 'gone'])
})

test('an agent that comes back within that time keeps its attempts', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  const { agentId, attempts, lost } = await longSilent(scene)
  const round = sweeperOf(scene, 6000)
  await round(0)
  const room = { slots: 0, gpuSlots: 0, cpus: 0, memoryBytes: 0 }
  await heartbeat(scene.database, agentId, { room, draining: false, attempts }, 60_000)
  for (let count = 0; count < 5; count += 1) await round(EVERY_MS)
  expect([await lost(), await stateOf(scene, agentId)]).toEqual([false, 'ready'])
})

test('a standstill of our own gives agents a lease again, but never more than a minute', async ({ onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  const round = sweeperOf(scene, 3_600_000)
  for (let atMs = 0; atMs <= 60_000; atMs += EVERY_MS) await round(EVERY_MS)
  const { lost } = await longSilent(scene)
  await round(10_000)
  for (let atMs = EVERY_MS; atMs < 60_000; atMs += EVERY_MS) await round(EVERY_MS)
  expect(await lost()).toBe(false)
  await round(EVERY_MS)
  expect(await lost()).toBe(true)
})

test('while no api server is up no agent is lost; once one is, each has a lease to come back in', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  const round = sweeperOf(scene, 6000)
  for (let count = 0; count < 4; count += 1) await round(EVERY_MS)
  const { lost } = await longSilent(scene)
  await scene.database.query(`update api_servers set last_seen_at = now() - interval '8 seconds'`)
  for (let count = 0; count < 20; count += 1) await round(EVERY_MS)
  expect(await lost()).toBe(false)
  await scene.database.query('update api_servers set last_seen_at = now()')
  for (let count = 0; count < 3; count += 1) {
    await round(EVERY_MS)
    expect(await lost()).toBe(false)
  }
  await round(EVERY_MS)
  expect(await lost()).toBe(true)
})

test.for([
  { what: 'an outage of Postgres', awayMs: 0 },
  { what: 'a Postgres that stands still for a while and then answers', awayMs: 9000 },
])('so does $what', async ({ awayMs }, { onTestFinished }) => {
  const scene = await scenes.open(onTestFinished)
  const { database } = scene
  let isAway = false
  const query: typeof database.query = async (statement, values) => {
    if (isAway && awayMs === 0) throw new SweepError('unavailable', 'Postgres is away', { retryable: true })
    if (isAway) round.pass(awayMs)
    isAway = false
    return await database.query(statement, values)
  }
  const round = sweeperOf({ ...scene, database: { ...database, query } }, 6000)
  for (let count = 0; count < 4; count += 1) await round(EVERY_MS)
  const { lost } = await longSilent(scene)
  isAway = true
  await Promise.allSettled([round(EVERY_MS)])
  isAway = false
  for (let count = 0; count < 3; count += 1) {
    expect(await lost()).toBe(false)
    await round(EVERY_MS)
  }
  expect(await lost()).toBe(false)
  await round(EVERY_MS)
  expect(await lost()).toBe(true)
})

test('a host on which everything fails is drained, and what failed there is offered again', async ({
  onTestFinished,
}) => {
  const scene = await scenes.open(onTestFinished)
  const { database, queue } = scene
  const id = await newSweep(database, { budget: { trials: 6 } })
  const controller = await scene.controller()
  const good = await scene.agent({ slots: 6, run: () => ({ values: [1], ms: 600_000 }) })
  await until(async () => (await getSweep(database, id))?.running === 6, 'six running trials')
  await controller.stop()
  await good.die()
  // As if three had run for long on one host, and three had failed at once on another.
  await database.query(`update agents set host = 'good', last_seen_at = 'infinity'`)
  await database.query(
    `insert into agents select '0000000bad', 'bad', 'bad', state, slots, slot_count, gpu_slots, cpus, memory_bytes, queues,
            launchers, labels, version, room, registered_at, last_seen_at from agents`,
  )
  await database.query(`update attempts set lease_until = 'infinity', started_at = now() - interval '1 minute'`)
  const bad = AgentId.parse('0000000bad')
  await database.query(`update attempts set agent_id = '0000000bad' where trial > 3`)
  for (const { attemptId, epoch, trial } of good.claimed) {
    if (trial <= 3) continue
    const ended = { at: 0, cause: 'user-error' as const, message: '', exitCode: 1, signal: null, seconds: 1 }
    await ingestReports(database, bad, [{ attemptId, epoch, batches: [], samples: [], ended }])
  }
  await sweeperOf(scene, 30_000)(0)
  expect(await getAgent(database, bad)).toMatchObject({
    state: 'draining',
    stateReason: expect.stringContaining('3 different'),
  })
  expect((await queue.take('sweep-default-any', 10)).toSorted()).toEqual([4, 5, 6].map((trial) => `${id}-${trial}-2`))
})
