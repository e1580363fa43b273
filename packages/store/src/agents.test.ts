import { randomBytes } from 'node:crypto'
import { AgentId, AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { drainAgent, getAgent, listAgents } from './agents.ts'
import { claimAttempt } from './attempts.ts'
import { heartbeat } from './heartbeats.ts'
import { loadPoolAgents, loadPoolSweeps } from './pool.ts'
import { settingOrInitial } from './settings.ts'
import { getSweep } from './sweeps.ts'
import { claim, issue, ownedSweep, sampleAgent } from './testing/samples.ts'
import { createToken, findToken, keepToken, listTokens, revokeToken, spendToken } from './tokens.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

const room = { slots: 1, gpuSlots: 0, cpus: 1, memoryBytes: 1 }
const stranger = AgentId.parse('zzzzzzzzzz')

test('a drained agent is told so and claims nothing; registering again makes it ready', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const attemptId = AttemptId.parse((await issue(database, sweep, [1]))[0])
  expect(await drainAgent(database, agent, 'asked by me')).toBe(true)
  expect(await drainAgent(database, stranger, 'asked by me')).toBe(false)
  expect(await heartbeat(database, agent, { room, draining: false, attempts: [] }, 1)).toEqual({
    attempts: [],
    drain: true,
  })
  expect(await claimAttempt(database, { attemptId, agentId: agent, leaseMs: 1000 })).toMatchObject({ result: 'held' })
  await expect(heartbeat(database, stranger, { room, draining: false, attempts: [] }, 1)).rejects.toMatchObject({
    code: 'not-found',
  })
})

test('an agent that drains of its own accord leaves the pool', async () => {
  const { database } = fixture
  const agent = await sampleAgent(database)
  const isInPool = async () => (await loadPoolAgents(database)).some((other) => other.id === agent)
  expect(await isInPool()).toBe(true)
  await heartbeat(database, agent, { room, draining: true, attempts: [] }, 1)
  expect(await isInPool()).toBe(false)
})

test('the pool is made of the agents that are ready and the sweeps that are not over', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { priority: 3, parallelism: 2, resources: { gpus: 1 } })
  const agent = await sampleAgent(database)
  const before = (await getSweep(database, sweep.id))?.sharePass ?? 0
  const [first] = await issue(database, sweep, [1, 2])
  await claim(database, AttemptId.parse(first), agent)
  await heartbeat(database, agent, { room, draining: false, attempts: [] }, 1)
  const agents = await loadPoolAgents(database)
  expect(agents.find((other) => other.id === agent)).toMatchObject({ room, queues: ['default'] })
  const sweeps = await loadPoolSweeps(database)
  expect(sweeps.find((other) => other.id === sweep.id)).toMatchObject({
    priority: 3,
    parallelism: 2,
    outstanding: 2,
    running: 1,
    shape: { gpus: 1 },
    shapeKey: 'g1',
    sharePass: before + 1 / 3 + 1 / 3,
  })
  expect((await listAgents(database)).find((other) => other.id === agent)?.busy).toBe(1)
  expect(await getAgent(database, stranger)).toBeUndefined()
})

test('a new sweep starts level with the others, not with their whole past to catch up', async () => {
  const { database } = fixture
  await database.query('update sweeps set share_pass = share_pass + 100')
  const late = await ownedSweep(database)
  const sweeps = await loadPoolSweeps(database)
  const passes = sweeps.filter((sweep) => sweep.id !== late.id).map((sweep) => sweep.sharePass)
  expect(sweeps.find((sweep) => sweep.id === late.id)?.sharePass).toBe(Math.min(...passes))
})

test('tokens are found by their text alone, until they expire or are revoked', async () => {
  const { database } = fixture
  const made = await createToken(database, randomBytes, { kind: 'user', role: 'operator', name: 'laptop' })
  expect(made.text).toMatch(/^swp_user_[\w-]{43}$/)
  expect(await findToken(database, made.text)).toMatchObject({ id: made.id, kind: 'user', role: 'operator' })
  expect(await findToken(database, `${made.text}x`)).toBeUndefined()
  const { rows } = await database.query('select * from tokens')
  expect(JSON.stringify(rows)).not.toContain(made.text)
  const old = await createToken(database, randomBytes, { kind: 'user', role: 'admin', name: 'old', expiresInMs: -1 })
  expect(await findToken(database, old.text)).toBeUndefined()
  expect(await revokeToken(database, made.id)).toBe(true)
  expect(await revokeToken(database, made.id)).toBe(false)
  expect(await findToken(database, made.text)).toBeUndefined()
})

test('a join token with one use left is spent once, however many try', async () => {
  const { database } = fixture
  const { id, text } = await createToken(database, randomBytes, { kind: 'join', uses: 1, name: 'join' })
  expect(await findToken(database, text)).toMatchObject({ kind: 'join' })
  const spent = await Promise.all(Array.from({ length: 8 }, () => spendToken(database, id)))
  expect(spent.filter(Boolean)).toHaveLength(1)
  expect(await findToken(database, text)).toBeUndefined()
})

test('a token made elsewhere is kept once; an agent’s names its agent', async () => {
  const { database } = fixture
  const agentId = await sampleAgent(database)
  await keepToken(database, 'swp_agent_secret', { kind: 'agent', agentId, name: 'a' })
  await keepToken(database, 'swp_agent_secret', { kind: 'agent', agentId, name: 'a' })
  expect(await findToken(database, 'swp_agent_secret')).toMatchObject({ kind: 'agent', agentId })
  expect((await listTokens(database)).filter((token) => token.name === 'a')).toHaveLength(1)
})

test('services that make up a secret at once all get the same', async () => {
  const secrets = await Promise.all([1, 2, 3, 4].map((n) => settingOrInitial(fixture.database, 'secret', `mine ${n}`)))
  expect(new Set(secrets).size).toBe(1)
})
