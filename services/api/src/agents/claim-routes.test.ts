import { Agent, request } from 'node:http'
import { ticketsFor } from '@sweep/queue/ticket-queue'
import type { SweepId } from '@sweep/spec/ids'
import type { AttemptReport, Claim } from '@sweep/spec/wire/agent-protocol'
import { ReportsReply } from '@sweep/spec/wire/agent-protocol'
import { getAttempt, listAttempts } from '@sweep/store/attempt-record'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { z } from 'zod'
import { claimBy, ENDED, newPool, points } from '../testing/agent-calls.ts'
import {
  createTestSweep,
  ROOM,
  registerTestAgent,
  SWEEP_YAML,
  type TestAgent,
  type TestApi,
  TestController,
  testApi,
  until,
} from '../testing/test-api.ts'

let api: TestApi
let controller: TestController
let queue: string
let agent: TestAgent
let sweepId: SweepId
beforeAll(async () => {
  api = await testApi()
  controller = new TestController(api)
})
afterAll(() => api.close())
beforeEach(async () => {
  const pool = await newPool(api)
  queue = pool.queue
  agent = pool.agent
  sweepId = pool.sweepId
})

const claim = (changes: Partial<Claim> = {}, who = agent) => claimBy(api, who, changes)

describe('claiming', () => {
  test('gives what an agent needs to run an attempt', async () => {
    const [attemptId] = await controller.issue(sweepId, 1)
    const [assignment] = await claim()
    expect(assignment).toMatchObject({
      attemptId,
      sweepId,
      trial: 1,
      attempt: 1,
      config: { optimizer: 'sgd' },
      command: ['python3', 'train.py'],
      workdir: '/tmp',
      metric: 'loss',
      graceMs: 30_000,
    })
    expect(assignment?.token).toMatch(/^swp_trial_/)
    expect(assignment?.space.parameters.map(({ name }) => name)).toEqual(['lr', 'optimizer'])
  })

  test('wakes a waiting agent as soon as a ticket is there', async () => {
    const waiting = claim()
    // The agent waits for real, and not because its request is still on its way.
    await until(async () =>
      (await api.call('GET', '/agents', { token: api.tokens.viewer })).status === 200 ? 1 : undefined,
    )
    const issued = performance.now()
    const [attemptId] = await controller.issue(sweepId, 1)
    const [assignment] = await waiting
    expect(assignment?.attemptId).toBe(attemptId)
    expect(performance.now() - issued).toBeLessThan(900)
  })

  test('finds tickets whose notification was lost', async () => {
    const waiting = claim()
    const { queue } = api
    const add = queue.add.bind(queue)
    // The ticket comes late and unannounced.
    let late: Parameters<typeof add>[0] = []
    queue.add = async (tickets) => {
      late = tickets
    }
    try {
      await controller.issue(sweepId, 1)
    } finally {
      queue.add = add
    }
    await add(late)
    expect(await waiting).toHaveLength(1)
  })

  test('asks the store no more for attempts that were claimed, however many tickets they had', async () => {
    const room = { ...ROOM, slots: 6 }
    const first = await controller.issue(sweepId, 5)
    expect(await claim({ room, max: 5 })).toHaveLength(5)
    const { rows } = await api.database.query<{ queueName: string }>(
      'select distinct queue_name as "queueName" from attempts where sweep_id = $1',
      [sweepId],
    )
    const { queueName = '' } = rows[0] ?? {}
    for (const suffix of ['.a', '.b']) {
      await api.queue.add(
        ticketsFor(
          first.map((attemptId) => ({ attemptId, queueName })),
          suffix,
        ),
      )
    }
    const asked = vi.spyOn(api.database, 'tx')
    const [attemptId] = await controller.issue(sweepId, 1)
    const toIssue = asked.mock.calls.length
    expect(await claim({ room, max: 1 })).toMatchObject([{ attemptId }])
    expect(asked.mock.calls.length - toIssue).toBe(1)
    asked.mockRestore()
  })

  test('gives trials of a launcher only to agents that have it', async () => {
    const source = `${SWEEP_YAML}queue: ${queue}\nlauncher: docker\ncontainer: {image: x}\n`
    const dockerSweep = await createTestSweep(api, source)
    const [attemptId] = await controller.issue(dockerSweep, 1)
    expect(await claim({ waitMs: 200 })).toEqual([])
    const both = await registerTestAgent(api, { queues: [queue], launchers: ['process', 'docker'] })
    const [assignment] = await claim({}, both)
    expect(assignment).toMatchObject({ attemptId, launcher: 'docker', container: { image: 'x', pull: 'missing' } })
  })

  test('answers with nothing when the time is up', async () => {
    expect(await claim({ waitMs: 0 })).toEqual([])
    expect(await claim({ waitMs: 50 })).toEqual([])
  })

  test('never gives one attempt to two agents, nor more than there is room for', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => registerTestAgent(api, { queues: [queue] })))
    const waiting = [agent, ...others].map((one) => claim({}, one))
    const issued = await controller.issue(sweepId, 10)
    const claimed = await Promise.all(waiting)
    const ids: string[] = []
    for (const list of claimed) {
      expect(list.length).toBeLessThanOrEqual(2)
      ids.push(...list.map((one) => one.attemptId))
    }
    // Whoever got one asks again for the rest of its room, as agents do.
    while (ids.length < issued.length) {
      ids.push(...(await claim({ room: { ...ROOM, slots: 10 }, max: 10 })).map((one) => one.attemptId))
    }
    expect(ids.toSorted()).toEqual([...issued].toSorted())
  })

  test('leaves what does not fit to others', async () => {
    const big = await createTestSweep(api, `${SWEEP_YAML}queue: ${queue}\nresources: {gpus: 2, memory: 1GB}\n`)
    const [large] = await controller.issue(big, 1)
    const [small] = await controller.issue(sweepId, 1)
    expect((await claim()).map((one) => one.attemptId)).toEqual([small])
    const slots = [0, 1, 2, 3].map((index) => ({ index, gpu: { index } }))
    const host = await registerTestAgent(api, { queues: [queue], slots })
    const room = { slots: 4, gpuSlots: 4, cpus: 8, memoryBytes: 8_000_000_000 }
    expect((await claim({ room }, host)).map((one) => one.attemptId)).toEqual([large])
  })

  test('leaves to others what requires labels or a GPU that it lacks', async () => {
    const requires = 'requires: {labels: {zone: b}, gpu_model: A100, gpu_memory: 40GB}'
    const [attempt] = await controller.issue(
      await createTestSweep(api, `${SWEEP_YAML}queue: ${queue}\n${requires}\n`),
      1,
    )
    const t4 = { index: 0, name: 'Tesla T4', memoryBytes: 16e9 }
    const a100 = { index: 1, name: 'NVIDIA A100-SXM4-40GB', memoryBytes: 42e9 }
    const mixed = [
      { index: 0, gpu: t4 },
      { index: 1, gpu: a100 },
    ]
    const zoneA = await registerTestAgent(api, { queues: [queue], slots: mixed, labels: { zone: 'a' } })
    const zoneB = await registerTestAgent(api, { queues: [queue], slots: mixed, labels: { zone: 'b', disk: 'ssd' } })
    const room = (free: number[]) => ({ ...ROOM, slots: free.length, gpuSlots: free.length, free })
    expect(await claim({ room: room([0, 1]), waitMs: 100 }, zoneA)).toEqual([])
    expect(await claim({ room: room([0]), waitMs: 100 }, zoneB)).toEqual([])
    const [claimed] = await claim({ room: room([0, 1]) }, zoneB)
    expect(claimed).toMatchObject({ attemptId: attempt, shape: { requires: { gpuModel: 'A100' } } })
  })

  test('hands attempts back that were claimed for a closed connection', async () => {
    const body = JSON.stringify({ room: ROOM, max: 2, waitMs: 20_000 })
    const connection = new Agent()
    const sent = request(`${api.api.url}/api/v1/agents/${agent.id}/claim`, {
      method: 'POST',
      agent: connection,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${agent.token}` },
    })
    sent.on('error', () => undefined)
    sent.end(body)
    // Cut at the very moment when the claim is made, so that the reply finds nobody.
    const { queue } = api
    const take = queue.take.bind(queue)
    let isCut = false
    queue.take = async (name, max) => {
      const ids = await take(name, max)
      if (ids.length > 0 && !isCut) {
        isCut = true
        sent.destroy()
      }
      return ids
    }
    try {
      await controller.issue(sweepId, 1)
      await until(() => (isCut ? true : undefined))
    } finally {
      queue.take = take
    }
    // Either it was claimed and has been withdrawn, or it was kept from being claimed at all.
    const attempts = await until(async () => {
      const list = await listAttempts(api.database, sweepId, 1)
      if (list.some((one) => one.state === 'running')) return undefined
      // The one that was queued may still be on its way to the closed connection.
      return list.length > 1 || (await claim({ waitMs: 100 })).length === 1 ? list : undefined
    })
    expect(attempts.at(-1)?.state).toBe('queued')
    expect(attempts.slice(0, -1).map((one) => one.cause)).toEqual(attempts.length > 1 ? ['withdrawn'] : [])
  })

  test('waits while the sweep is paused, and goes on when it resumes', async () => {
    await api.call('POST', `/sweeps/${sweepId}/pause`, { token: api.tokens.operator })
    // A paused sweep issues nothing new; what was issued before waits.
    await api.call('POST', `/sweeps/${sweepId}/resume`, { token: api.tokens.operator })
    const [attemptId] = await controller.issue(sweepId, 1)
    await api.call('POST', `/sweeps/${sweepId}/pause`, { token: api.tokens.operator })
    expect(await claim({ waitMs: 300 })).toEqual([])
    const waiting = claim()
    await api.call('POST', `/sweeps/${sweepId}/resume`, { token: api.tokens.operator })
    expect((await waiting).map((one) => one.attemptId)).toEqual([attemptId])
  })

  test.each([{ max: 0 }, { max: 65 }, { waitMs: -1 }, { waitMs: 30_001 }, { room: { ...ROOM, slots: -1 } }])(
    'with %j is refused',
    async (wrong) => {
      const body = { room: ROOM, max: 1, waitMs: 0, ...wrong }
      expect((await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body })).status).toBe(400)
    },
  )
})

describe('claiming with a report', () => {
  async function reportAndClaim(attempts: readonly Partial<z.input<typeof AttemptReport>>[], slots = 1) {
    const body = { attempts, claim: { room: { ...ROOM, slots }, max: 2 } }
    const reply = await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body })
    expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
    return ReportsReply.parse(reply.body)
  }

  test('takes the ends first, so that no more run than there are slots', async () => {
    await api.call('PATCH', `/sweeps/${sweepId}`, { token: api.tokens.operator, body: { parallelism: 1 } })
    const [, second] = await controller.issue(sweepId, 2)
    const [first] = await claim({ max: 1 })
    if (first === undefined) throw new Error('nothing was claimed')
    const { attemptId, epoch } = first
    // Its parallelism holds the second back until the first has ended.
    expect((await reportAndClaim([{ attemptId, epoch, batches: points([0.5]) }])).assignments).toBeUndefined()
    const reply = await reportAndClaim([{ attemptId, epoch, ended: ENDED }])
    const given = reply.assignments ?? (await claim())
    expect(reply.attempts).toMatchObject([{ attemptId, status: 'ok' }])
    expect(given.map((one) => one.attemptId)).toEqual([second])
    expect((await getAttempt(api.database, attemptId))?.state).toBe('ended')
  })

  test('is answered at once when nothing waits, and while tickets cannot be had', async () => {
    const before = performance.now()
    expect(await reportAndClaim([])).toEqual({ attempts: [] })
    const { queue } = api
    const take = queue.take.bind(queue)
    await controller.issue(sweepId, 1)
    queue.take = () => new Promise(() => undefined)
    const hanging = claim({ waitMs: 50 })
    expect(await reportAndClaim([])).toEqual({ attempts: [] })
    await hanging
    queue.take = take
    expect(performance.now() - before).toBeLessThan(2000)
  })

  /** Runs three of twelve attempts, quick enough that tickets are taken ahead; the third still runs. */
  async function withTicketsAtHand() {
    const ids = await controller.issue(sweepId, 12)
    const done: string[] = []
    let [current] = await claim({ max: 1 })
    for (let round = 0; round < 3; round += 1) {
      if (current === undefined) throw new Error('nothing was claimed')
      const { attemptId, epoch } = current
      done.push(attemptId)
      const reply = await reportAndClaim([{ attemptId, epoch, ended: ENDED }])
      current = (reply.assignments ?? (await claim({ max: 1 })))[0]
    }
    if (current === undefined) throw new Error('nothing was claimed')
    done.push(current.attemptId)
    return { ids, done, current }
  }

  /** All attempts can still be had, each once; a ticket that was lost would never come, for no controller runs here. */
  async function expectTheRest(ids: readonly string[], done: readonly string[]): Promise<void> {
    const all = [...done]
    while (all.length < ids.length) {
      const got = await claim({ waitMs: 3000 })
      expect(got.length).toBeGreaterThan(0)
      all.push(...got.map((one) => one.attemptId))
    }
    expect(all.sort()).toEqual([...ids].sort())
  }

  test('tickets at hand are neither lost nor given out while the sweep is paused', async () => {
    const { ids, done, current } = await withTicketsAtHand()
    await api.call('POST', `/sweeps/${sweepId}/pause`, { token: api.tokens.operator })
    const { attemptId, epoch } = current
    expect((await reportAndClaim([{ attemptId, epoch, batches: points([0.5]) }])).assignments).toBeUndefined()
    expect((await reportAndClaim([])).assignments).toBeUndefined()
    await api.call('POST', `/sweeps/${sweepId}/resume`, { token: api.tokens.operator })
    await expectTheRest(ids, done)
  })

  test('tickets at hand are not lost when the report that was to claim them cannot be stored', async () => {
    const { ids, done, current } = await withTicketsAtHand()
    const { attemptId, epoch } = current
    const tx = vi.spyOn(api.database, 'tx').mockRejectedValueOnce(new Error('the database went away'))
    const body = { attempts: [{ attemptId, epoch, ended: ENDED }], claim: { room: { ...ROOM, slots: 1 }, max: 2 } }
    const reply = await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body })
    tx.mockRestore()
    expect(reply.status).toBe(500)
    await reportAndClaim([{ attemptId, epoch, ended: ENDED }]).then(({ assignments }) =>
      done.push(...(assignments ?? []).map((one) => one.attemptId)),
    )
    await expectTheRest(ids, done)
  })
})
