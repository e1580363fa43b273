import { SweepId } from '@sweep/spec/ids'
import type { Assignment, Claim } from '@sweep/spec/wire/agent-protocol'
import { AgentRegistered, HeartbeatReply } from '@sweep/spec/wire/agent-protocol'
import { AgentView } from '@sweep/spec/wire/api'
import { getAttempt } from '@sweep/store/attempt-record'
import { getSweep } from '@sweep/store/sweeps'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { claimBy, ENDED, newPool, points, reportBy } from '../testing/agent-calls.ts'
import { ROOM, registerTestAgent, type TestAgent, type TestApi, TestController, testApi } from '../testing/test-api.ts'

let api: TestApi
let controller: TestController
let agent: TestAgent
let sweepId: SweepId
beforeAll(async () => {
  api = await testApi()
  controller = new TestController(api)
})
afterAll(() => api.close())
beforeEach(async () => {
  const pool = await newPool(api)
  agent = pool.agent
  sweepId = pool.sweepId
})

const claim = (changes: Partial<Claim> = {}, who = agent) => claimBy(api, who, changes)
const report = (attempts: Parameters<typeof reportBy>[2], who = agent) => reportBy(api, who, attempts)

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

  test('what an agent that was started anew has not taken over is queued again at once', async () => {
    await controller.issue(sweepId, 2)
    const [kept, left] = await claim({ max: 2 })
    if (kept === undefined || left === undefined) throw new Error('there are two')
    const body = {
      ...{ agentId: agent.id, name: 'back', host: 'h', slots: [{ index: 0 }, { index: 1 }], cpus: 4, memoryBytes: 8e9 },
      ...{ queues: ['default'], launchers: ['process'], version: '2' },
    }
    const register = (more: object) => api.call('POST', '/agents', { token: agent.token, body: { ...body, ...more } })
    await register({})
    expect((await getAttempt(api.database, left.attemptId))?.state).toBe('running')
    await register({ attempts: [kept.attemptId] })
    expect(await getAttempt(api.database, left.attemptId)).toMatchObject({ state: 'ended', cause: 'lost' })
    expect((await getAttempt(api.database, kept.attemptId))?.state).toBe('running')
    expect((await getSweep(api.database, sweepId))?.trials).toMatchObject({ queued: 1, running: 1 })
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

test('run folders are free once their trials are over, but for those of the best', async () => {
  const issued = await controller.issue(sweepId, 8)
  for (let n = 0; n < 7; n += 1) {
    const [one] = await claim({ max: 1 })
    await report([{ attemptId: one!.attemptId, epoch: one!.epoch, batches: points([n]), ended: ENDED }])
  }
  const body = { attempts: [...issued, 'zzzzzzzzzz-1-1'] }
  const reply = await api.call('POST', `/agents/${agent.id}/free-runs`, { token: agent.token, body })
  expect([reply.status, (reply.body as { free: string[] }).free.sort()]).toEqual([200, issued.slice(5, 7).sort()])
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
