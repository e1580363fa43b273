import { Agent, request } from 'node:http'
import { SweepId } from '@sweep/spec/ids'
import type { Assignment, AttemptReport, Claim } from '@sweep/spec/wire/agent-protocol'
import { AgentRegistered, ClaimReply, HeartbeatReply, ReportsReply } from '@sweep/spec/wire/agent-protocol'
import { AgentView } from '@sweep/spec/wire/api'
import { getAttempt, listAttempts } from '@sweep/store/attempt-record'
import { getSweep } from '@sweep/store/sweeps'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { z } from 'zod'
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
let agent: TestAgent
let sweepId: SweepId
beforeAll(async () => {
  api = await testApi()
  controller = new TestController(api)
})
afterAll(() => api.close())

let pools = 0
beforeEach(async () => {
  // A pool of its own for each test, so that none takes another's attempts.
  pools += 1
  agent = await registerTestAgent(api, { queues: [`pool-${pools}`] })
  sweepId = await createTestSweep(api, `${SWEEP_YAML}queue: pool-${pools}\n`)
})

async function claim(changes: Partial<Claim> = {}, who = agent): Promise<Assignment[]> {
  const body = { room: ROOM, max: 2, waitMs: 20_000, ...changes }
  const reply = await api.call('POST', `/agents/${who.id}/claim`, { token: who.token, body })
  return ClaimReply.parse(reply.body).assignments
}

async function report(attempts: readonly Partial<z.input<typeof AttemptReport>>[], who = agent) {
  const reply = await api.call('POST', `/agents/${who.id}/reports`, { token: who.token, body: { attempts } })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return ReportsReply.parse(reply.body).attempts
}

const ENDED = { at: 1, cause: 'succeeded', message: 'ran to its end', exitCode: 0, signal: null, seconds: 1 } as const

function points(values: readonly (number | string)[], from = 0) {
  const list = values.map((loss, i) => ({ step: i + 1, at: 1, values: { loss: loss as number } }))
  return [{ source: 'metrics' as const, from, to: from + values.length * 10, points: list }]
}

test('an agent hears which attempts are over of those that it has found something of, whoever ran them', async () => {
  await controller.issue(sweepId, 2)
  const [ended] = await claim({ max: 1 })
  const [living] = await claim({ max: 1 })
  if (ended === undefined || living === undefined) throw new Error('there are two')
  await report([{ attemptId: ended.attemptId, epoch: ended.epoch, ended: ENDED }])
  const other = await registerTestAgent(api)
  const attempts = [ended, living].map(({ attemptId, epoch }) => ({ attemptId, epoch }))
  const leftovers = { token: other.token, body: { attempts } }
  const reply = await api.call('POST', `/agents/${other.id}/leftovers`, leftovers)
  expect([reply.status, reply.body]).toEqual([200, { attempts: attempts.slice(0, 1) }])
  expect((await api.call('POST', `/agents/${agent.id}/leftovers`, leftovers)).status).toBe(403)
})

describe('registering', () => {
  test('an agent that comes back keeps its id and token', async () => {
    const body = {
      ...{ agentId: agent.id, name: 'renamed', host: 'h', slots: [{ index: 0 }], cpus: 1, memoryBytes: 1 },
      ...{ queues: ['default'], launchers: ['process'], version: '2' },
    }
    const reply = await api.call('POST', '/agents', { token: agent.token, body })
    expect(AgentRegistered.parse(reply.body)).toMatchObject({ agentId: agent.id, token: agent.token, leaseMs: 22_500 })
    const stranger = await registerTestAgent(api)
    expect((await api.call('POST', '/agents', { token: stranger.token, body })).status).toBe(403)
    // A join token makes a new agent, whatever id is asked for.
    const joined = AgentRegistered.parse((await api.call('POST', '/agents', { token: api.tokens.join, body })).body)
    expect(joined.agentId).not.toBe(agent.id)
    // Whoever may do anything with sweeps may take an agent over that has lost its token.
    const taken = AgentRegistered.parse((await api.call('POST', '/agents', { token: api.tokens.operator, body })).body)
    expect(taken.agentId).toBe(agent.id)
  })

  test.each([
    { slots: [] },
    { slots: [{ index: -1 }] },
    { cpus: 0 },
    { name: '' },
    { name: 'x'.repeat(101) },
    { queues: [] },
    { surprise: 1 },
  ])('with %j is refused', async (wrong) => {
    await expect(registerTestAgent(api, wrong as never)).rejects.toThrow('invalid-request')
  })
})

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

  test('gives trials of a launcher only to agents that have it', async () => {
    const source = `${SWEEP_YAML}queue: pool-${pools}\nlauncher: docker\ncontainer: {image: x}\n`
    const dockerSweep = await createTestSweep(api, source)
    const [attemptId] = await controller.issue(dockerSweep, 1)
    expect(await claim({ waitMs: 200 })).toEqual([])
    const both = await registerTestAgent(api, { queues: [`pool-${pools}`], launchers: ['process', 'docker'] })
    const [assignment] = await claim({}, both)
    expect(assignment).toMatchObject({ attemptId, launcher: 'docker', container: { image: 'x', pull: 'missing' } })
  })

  test('answers with nothing when the time is up', async () => {
    expect(await claim({ waitMs: 0 })).toEqual([])
    expect(await claim({ waitMs: 50 })).toEqual([])
  })

  test('never gives one attempt to two agents, nor more than there is room for', async () => {
    const others = await Promise.all(
      Array.from({ length: 4 }, () => registerTestAgent(api, { queues: [`pool-${pools}`] })),
    )
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
    const big = await createTestSweep(api, `${SWEEP_YAML}queue: pool-${pools}\nresources: {gpus: 2, memory: 1GB}\n`)
    const [large] = await controller.issue(big, 1)
    const [small] = await controller.issue(sweepId, 1)
    expect((await claim()).map((one) => one.attemptId)).toEqual([small])
    const slots = [0, 1, 2, 3].map((index) => ({ index, gpu: { index } }))
    const host = await registerTestAgent(api, { queues: [`pool-${pools}`], slots })
    const room = { slots: 4, gpuSlots: 4, cpus: 8, memoryBytes: 8_000_000_000 }
    expect((await claim({ room }, host)).map((one) => one.attemptId)).toEqual([large])
  })

  test('leaves to others what requires labels or a GPU that it lacks', async () => {
    const queue = `pool-${pools}`
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

describe('reporting', () => {
  async function running(): Promise<Assignment> {
    await controller.issue(sweepId, 1)
    const [assignment] = await claim()
    if (assignment === undefined) throw new Error('nothing was claimed')
    return assignment
  }

  test('stores points once, however often they are sent', async () => {
    const { attemptId, epoch, trial } = await running()
    const batch = { attemptId, epoch, batches: points([0.5, 0.4]) }
    expect(await report([batch])).toMatchObject([{ status: 'ok', offsets: { metrics: 20 } }])
    expect(await report([batch])).toMatchObject([{ status: 'ok', offsets: { metrics: 20 } }])
    const detail = await api.call('GET', `/sweeps/${sweepId}/trials/${trial}`, { token: api.tokens.viewer })
    expect(detail.body).toMatchObject({ reports: 2, lastValue: 0.4, lastStep: 2 })
  })

  test('answers a gap with the offset to go on from', async () => {
    const { attemptId, epoch } = await running()
    const reply = await report([{ attemptId, epoch, batches: points([0.5], 100) }])
    expect(reply).toMatchObject([{ status: 'ok', offsets: { metrics: 0 } }])
  })

  test('takes NaN and infinite values, and shows them as such', async () => {
    const { attemptId, epoch, trial } = await running()
    await report([{ attemptId, epoch, batches: points(['NaN', 'Infinity', 0.25, '-Infinity']) }])
    const metrics = await api.call('GET', `/sweeps/${sweepId}/trials/${trial}/metrics?name=loss`, {
      token: api.tokens.viewer,
    })
    expect(metrics.body).toMatchObject({ series: [{ name: 'loss', values: ['NaN', 'Infinity', 0.25, '-Infinity'] }] })
    const detail = await api.call('GET', `/sweeps/${sweepId}/trials/${trial}`, { token: api.tokens.viewer })
    expect(detail.body).toMatchObject({ value: 0.25, lastValue: '-Infinity' })
  })

  test('with an old epoch is fenced, and leaves no trace', async () => {
    const { attemptId, epoch, trial } = await running()
    const reply = await report([{ attemptId, epoch: epoch - 1, batches: points([0.1]), ended: ENDED }])
    expect(reply).toMatchObject([{ attemptId, status: 'fenced' }])
    const detail = await api.call('GET', `/sweeps/${sweepId}/trials/${trial}`, { token: api.tokens.viewer })
    expect(detail.body).toMatchObject({ state: 'running', reports: 0 })
  })

  test('the end of an attempt ends its trial, and a second end is fenced', async () => {
    const { attemptId, epoch, trial } = await running()
    await report([{ attemptId, epoch, batches: points([0.5]) }])
    expect(await report([{ attemptId, epoch, ended: ENDED }])).toMatchObject([{ status: 'ok' }])
    const again = await report([{ attemptId, epoch, ended: { ...ENDED, cause: 'user-error' } }])
    expect(again[0]?.status).toBe('fenced')
    const detail = await api.call('GET', `/sweeps/${sweepId}/trials/${trial}`, { token: api.tokens.viewer })
    expect(detail.body).toMatchObject({ state: 'completed', value: 0.5, cause: 'succeeded' })
  })

  test('carries the stop that somebody asked for, and pushes it on the stream', async () => {
    const { attemptId, epoch, trial } = await running()
    const stream = await fetch(`${api.api.url}/api/v1/agents/${agent.id}/stream`, {
      headers: { authorization: `Bearer ${agent.token}` },
    })
    const text = readUntil(stream, '"type":"stop"')
    const asked = await api.call('POST', `/sweeps/${sweepId}/trials/${trial}/prune`, { token: api.tokens.operator })
    expect(asked.status).toBe(200)
    expect(await text).toContain(attemptId)
    const stop = { reason: 'pruned', verdict: { reason: 'user:operator asked for it' } }
    expect(await report([{ attemptId, epoch }])).toMatchObject([{ stop }])
    const heartbeat = { room: ROOM, draining: false, attempts: [{ attemptId, epoch }] }
    const beat = await api.call('POST', `/agents/${agent.id}/heartbeat`, { token: agent.token, body: heartbeat })
    expect(HeartbeatReply.parse(beat.body)).toMatchObject({ drain: false, attempts: [{ status: 'ok', stop }] })
    // A stream that opens later is told, too.
    const late = await fetch(`${api.api.url}/api/v1/agents/${agent.id}/stream`, {
      headers: { authorization: `Bearer ${agent.token}` },
    })
    expect(await readUntil(late, '"type":"stop"')).toContain(attemptId)
  })

  test.each([
    { batches: [{ source: 'metrics', from: 0, to: 1, points: [{ at: 1, step: 1.5, values: { loss: 1 } }] }] },
    { batches: [{ source: 'metrics', from: 0, to: 1, points: [{ at: 1, step: 2 ** 60, values: { loss: 1 } }] }] },
    { batches: [{ source: 'metrics', from: 0, to: 1, points: [{ at: 1, values: { loss: null } }] }] },
    { batches: [{ source: 'metrics', from: 0, to: 1, points: [{ at: 1, values: { loss: 'high' } }] }] },
    { batches: [{ source: 'metrics', from: 0, to: 1, points: [{ at: 1, values: { ['x'.repeat(257)]: 1 } }] }] },
    { batches: [{ source: 'metrics', from: -1, to: 1, points: [] }] },
    { batches: [{ source: '../x', from: 0, to: 1, points: [] }] },
    { batches: [{ source: 'metrics', from: 0, to: 1, points: Array(1001).fill({ at: 1, values: {} }) }] },
    { epoch: 'x' },
    { surprise: true },
  ])('something malformed is refused whole: %#', async (wrong) => {
    const { attemptId, epoch, trial } = await running()
    const body = { attempts: [{ attemptId, epoch, ...wrong }] }
    const reply = await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body })
    expect(reply.status).toBe(400)
    expect(reply.body).toMatchObject({ code: 'invalid-request', message: expect.stringContaining('attempts[0]') })
    const detail = await api.call('GET', `/sweeps/${sweepId}/trials/${trial}`, { token: api.tokens.viewer })
    expect(detail.body).toMatchObject({ reports: 0 })
  })
})

test('a draining agent is told so and gets nothing more', async () => {
  const drained = await api.call('POST', `/agents/${agent.id}/drain`, { token: api.tokens.operator })
  expect(AgentView.parse(drained.body).state).toBe('draining')
  await controller.issue(sweepId, 1)
  expect(await claim({ waitMs: 200 })).toEqual([])
  const body = { room: ROOM, draining: false, attempts: [] }
  const beat = await api.call('POST', `/agents/${agent.id}/heartbeat`, { token: agent.token, body })
  expect(beat.body).toMatchObject({ drain: true })
  expect((await api.call('POST', '/agents/0000000000/drain', { token: api.tokens.operator })).status).toBe(404)
})

test('the sweep counts what runs', async () => {
  await controller.issue(sweepId, 2)
  const [one] = await claim({ max: 1 })
  expect((await getSweep(api.database, SweepId.parse(sweepId)))?.trials).toMatchObject({ running: 1, queued: 1 })
  expect((await getAttempt(api.database, one?.attemptId as never))?.state).toBe('running')
})

async function readUntil(response: Response, wanted: string): Promise<string> {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (reader !== undefined && !text.includes(wanted)) {
    const { value, done } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  await reader?.cancel()
  return text
}
