import { TokenList } from '@sweep/spec/wire/api'
import { describe, expect, test } from 'vitest'
import { newPool, reportBy } from '../../../../api/src/testing/agent-calls.ts'
import {
  createTestSweep,
  registerTestAgent,
  SWEEP_YAML,
  type TestAgent,
  type TestApi,
  type TestController,
} from '../../../../api/src/testing/test-api.ts'
import type { RoomOffer } from '../../server/server-api.ts'
import type { WorkSource } from '../work-source.ts'

/** Real parts: an api over Postgres and Redis, and what a controller does. */
export interface WorkSourceSetup {
  readonly api: TestApi
  readonly controller: TestController
  /** A source of this agent's own, ready to be asked; closed by whoever made it. */
  open(agent: TestAgent): Promise<WorkSource>
}

/** Of agents with two slots and four CPUs. */
export const OFFER: RoomOffer = {
  room: { slots: 2, gpuSlots: 0, cpus: 4, memoryBytes: 8_000_000_000, free: [0, 1] },
  max: 2,
}
const ONE: RoomOffer = { room: { ...OFFER.room, slots: 1, cpus: 1, free: [0] }, max: 1 }
const LONG_MS = 15_000

/** What every `WorkSource` must do; both ways of hearing of work run all of it. */
export function workSourceContract(name: string, setup: () => WorkSourceSetup): void {
  const never = new AbortController().signal

  describe(`work ${name}`, () => {
    test('attempts that wait are claimed, with what it takes to run them', async () => {
      const { api, controller, open } = setup()
      const { agent, sweepId } = await newPool(api)
      const source = await open(agent)
      const ids = await controller.issue(sweepId, 2)
      const assignments = await source.claim(OFFER, LONG_MS, never)
      expect(assignments.map((one) => one.attemptId)).toEqual(ids.slice(0, assignments.length))
      expect(assignments[0]).toMatchObject({ sweepId, trial: 1, epoch: 1, command: ['python3', 'train.py'] })
      expect(assignments[0]?.token).toMatch(/^swp_trial_/)
    })

    test('an attempt that comes while somebody waits ends the wait', async () => {
      const { api, controller, open } = setup()
      const { agent, sweepId } = await newPool(api)
      const waiting = (await open(agent)).claim(OFFER, LONG_MS, never)
      const [attemptId] = await controller.issue(sweepId, 1)
      expect((await waiting).map((one) => one.attemptId)).toEqual([attemptId])
    })

    test('no work in time is an empty answer', async () => {
      const { api, open } = setup()
      const { agent } = await newPool(api)
      expect(await (await open(agent)).claim(OFFER, 50, never)).toEqual([])
    })

    test('no more than there is room for is claimed, and the rest stays for others', async () => {
      const { api, controller, open } = setup()
      const { agent, queue, sweepId } = await newPool(api)
      const [source, other] = [await open(agent), await open(await registerTestAgent(api, { queues: [queue] }))]
      const ids = await controller.issue(sweepId, 8)
      const got: string[] = []
      for (let turn = 0; got.length < ids.length; turn += 1) {
        const assignments = await (turn % 2 === 0 ? source : other).claim(ONE, LONG_MS, never)
        expect(assignments).toHaveLength(1)
        got.push(...assignments.map((one) => one.attemptId))
      }
      expect([...got].sort()).toEqual([...ids].sort())
    })

    test('a trial that does not fit is left, and one that does is not held up by it', async () => {
      const { api, controller, open } = setup()
      const { agent, queue, sweepId } = await newPool(api)
      const big = await createTestSweep(api, `${SWEEP_YAML}queue: ${queue}\nresources: {cpus: 3}\n`)
      const source = await open(agent)
      const [wide] = await controller.issue(big, 1)
      const small = source.claim(ONE, LONG_MS, never)
      const [narrow] = await controller.issue(sweepId, 1)
      expect((await small).map((one) => one.attemptId)).toEqual([narrow])
      expect((await source.claim(OFFER, LONG_MS, never)).map((one) => one.attemptId)).toEqual([wide])
    })

    test('attempts of a sweep that holds them back are had once it lets them go', async () => {
      const { api, controller, open } = setup()
      const { agent, queue } = await newPool(api)
      const single = await createTestSweep(api, `${SWEEP_YAML}queue: ${queue}\nparallelism: 1\n`)
      const source = await open(agent)
      const [first, second] = await controller.issue(single, 2)
      const [running, ...more] = await source.claim(OFFER, LONG_MS, never)
      expect([running?.attemptId, more]).toEqual([first, []])
      const waiting = source.claim(ONE, LONG_MS, never)
      const ended = { at: 1, cause: 'succeeded', message: '', exitCode: 0, signal: null, seconds: 1 } as const
      await reportBy(api, agent, [{ attemptId: running?.attemptId, epoch: running?.epoch, ended }])
      expect((await waiting).map((one) => one.attemptId)).toEqual([second])
    })

    test('forty attempts reach three agents that ask again and again, each exactly once', async () => {
      const { api, controller, open } = setup()
      const { queue, sweepId } = await newPool(api)
      const agents = await Promise.all([1, 2, 3].map(() => registerTestAgent(api, { queues: [queue] })))
      const ids = await controller.issue(sweepId, 40)
      const got: string[] = []
      const worker = async (agent: TestAgent) => {
        const source = await open(agent)
        while (got.length < ids.length) {
          for (const { attemptId } of await source.claim(OFFER, 300, never)) got.push(attemptId)
        }
      }
      await Promise.all(agents.map(worker))
      expect([...got].sort()).toEqual([...ids].sort())
    })

    test('an agent that ends waits no longer', async () => {
      const { api, open } = setup()
      const { agent } = await newPool(api)
      const source = await open(agent)
      const ending = new AbortController()
      const waiting = source.claim(OFFER, LONG_MS, ending.signal).catch(() => [])
      ending.abort()
      expect(await waiting).toEqual([])
    })

    test('an agent whose token is revoked gets nothing, and others get what it would have had', async () => {
      const { api, controller, open } = setup()
      const { agent, queue, sweepId } = await newPool(api)
      const source = await open(agent)
      await revoke(api, agent)
      const [attemptId] = await controller.issue(sweepId, 1)
      await expect(source.claim(OFFER, LONG_MS, never)).rejects.toMatchObject({ code: 'unauthenticated' })
      const other = await open(await registerTestAgent(api, { queues: [queue] }))
      expect((await other.claim(OFFER, LONG_MS, never)).map((one) => one.attemptId)).toEqual([attemptId])
    })

    test('an agent that drains gets nothing', async () => {
      const { api, controller, open } = setup()
      const { agent, queue, sweepId } = await newPool(api)
      const source = await open(agent)
      await api.call('POST', `/agents/${agent.id}/drain`, { token: api.tokens.operator })
      const [attemptId] = await controller.issue(sweepId, 1)
      expect(await source.claim(OFFER, 300, never)).toEqual([])
      const other = await open(await registerTestAgent(api, { queues: [queue] }))
      expect((await other.claim(OFFER, LONG_MS, never)).map((one) => one.attemptId)).toEqual([attemptId])
    })

    test('nothing of another pool is had', async () => {
      const { api, controller, open } = setup()
      const [own, others] = [await newPool(api), await newPool(api)]
      const source = await open(own.agent)
      const [attemptId] = await controller.issue(others.sweepId, 1)
      expect(await source.claim(OFFER, 300, never)).toEqual([])
      const other = await open(others.agent)
      expect((await other.claim(OFFER, LONG_MS, never)).map((one) => one.attemptId)).toEqual([attemptId])
    })
  })
}

async function revoke(api: TestApi, agent: TestAgent): Promise<void> {
  const { admin } = api.tokens
  const { tokens } = TokenList.parse((await api.call('GET', '/tokens', { token: admin })).body)
  const id = tokens.find((one) => one.agentId === agent.id)?.id
  expect((await api.call('DELETE', `/tokens/${id}`, { token: admin })).status).toBe(204)
}
