import { createHash } from 'node:crypto'
import type { Claim } from '@sweep/spec/wire/agent-protocol'
import { BatchTaken, MetricSummaries } from '@sweep/spec/wire/tracking/metrics'
import { RunDetail, RunList, RunView } from '@sweep/spec/wire/tracking/runs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createTestSweep,
  type Reply,
  ROOM,
  registerTestAgent,
  type TestApi,
  TestController,
  testApi,
} from '../testing/test-api.ts'
import { trackingCalls } from '../testing/tracking-calls.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

const { call, ok, refused, newRun, upload } = trackingCalls(() => api)

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe("a trial's run", () => {
  test('takes what its own program logs, and what its program logs only', async () => {
    const sweep = await createTestSweep(api)
    await new TestController(api).issue(sweep, 2)
    const agent = await registerTestAgent(api)
    const claim: Claim = { room: { ...ROOM, slots: 1 }, max: 1, waitMs: 10_000 }
    const claimed = await call('POST', `/agents/${agent.id}/claim`, claim, agent.token)
    const [assignment] = (claimed.body as { assignments: { token: string; trial: number }[] }).assignments
    const { token, trial } = assignment ?? { token: '', trial: 0 }
    const own = `${sweep}-${trial}`
    const foreign = `${sweep}-${3 - trial}`
    const { id: outside } = await newRun()

    expect(await ok(call('GET', `/runs/${own}`, undefined, token), RunDetail)).toMatchObject({
      status: 'running',
      experimentId: sweep,
      trial: { sweepId: sweep, number: trial, state: 'running' },
      params: { optimizer: 'sgd' },
      source: { type: 'local', entryPoint: 'python3 train.py' },
    })
    const bytes = Buffer.from('weights')
    const writes = (run: string): Promise<Reply>[] => [
      call('POST', `/runs/${run}/params`, { params: { extra: 1 } }, token),
      call('POST', `/runs/${run}/tags`, { set: { k: 'v' } }, token),
      call('POST', `/runs/${run}/metrics/batch`, { points: [{ values: { mine: 1 } }] }, token),
      call('PATCH', `/runs/${run}`, { notes: 'n' }, token),
      upload(run, 'weights.bin', bytes, { token }),
    ]
    for (const reply of await Promise.all(writes(own))) expect(reply.status).toBeLessThan(300)
    for (const run of [foreign, outside]) {
      for (const reply of await Promise.all(writes(run))) expect(reply.status).toBe(403)
      expect((await call('GET', `/runs/${run}`, undefined, token)).status).toBe(403)
    }
    // What is somebody's to decide who has more rights, or the trial's own.
    for (const reply of [
      call('DELETE', `/runs/${own}`, undefined, token),
      call('POST', '/runs', {}, token),
      call('GET', `/runs?experiment=${sweep}`, undefined, token),
      call('POST', `/runs/${own}/artifacts`, { path: 'x', sha256: hashOf(bytes) }, token),
    ]) {
      expect((await reply).status).toBe(403)
    }
    await refused(call('POST', `/runs/${own}/end`, {}, token), 409)
    await refused(call('PATCH', `/runs/${own}`, { status: 'running' }, token), 409)
    await refused(call('POST', `/runs/${own}/params`, { params: { optimizer: 'adam' } }, token), 409)
    await refused(call('POST', `/runs/${own}/end`, {}), 409)
    await refused(call('DELETE', `/runs/${own}`), 409)
    const { metrics } = await ok(call('GET', `/runs/${own}/metrics`), MetricSummaries)
    expect(metrics).toMatchObject([{ key: 'mine', last: 1 }])
    const list = await ok(call('GET', `/runs?experiment=${sweep}&status=running`), RunList)
    expect(list.runs.map(({ id }) => id)).toEqual([own])
    const trialFiles = await call('GET', `/sweeps/${sweep}/trials/${trial}/artifacts`)
    expect(trialFiles.body).toMatchObject({ artifacts: [{ path: 'weights.bin', attempt: 1 }] })
  })

  test('has runs below it that its program makes, logs to and ends, and no others', async () => {
    await new TestController(api).issue(await createTestSweep(api), 2)
    const agent = await registerTestAgent(api)
    const claim: Claim = { room: { ...ROOM, slots: 1 }, max: 1, waitMs: 10_000 }
    const claimed = await call('POST', `/agents/${agent.id}/claim`, claim, agent.token)
    const [assignment] = (claimed.body as { assignments: { token: string; sweepId: string; trial: number }[] })
      .assignments
    // Of whichever sweep of this file has one to give.
    const { token, sweepId: sweep, trial } = assignment ?? { token: '', sweepId: '', trial: 0 }
    const parentRunId = `${sweep}-${trial}`
    const child = await ok(call('POST', '/runs', { parentRunId, name: 'fold 1' }, token), RunView, 201)
    expect(child).toMatchObject({ experimentId: sweep, parentRunId, trial: null, createdBy: `trial:${parentRunId}-1` })
    const grandchild = await ok(call('POST', '/runs', { parentRunId: child.id }, token), RunView, 201)
    for (const { id } of [child, grandchild]) {
      await ok(call('POST', `/runs/${id}/metrics/batch`, { points: [{ values: { x: 1 } }] }, token), BatchTaken)
      await ok(call('GET', `/runs/${id}`, undefined, token), RunDetail)
      await ok(call('POST', `/runs/${id}/end`, {}, token), RunView)
      await refused(call('DELETE', `/runs/${id}`, undefined, token), 403)
    }
    const { id: outside, experimentId } = await newRun()
    for (const body of [
      {},
      { parentRunId: outside },
      { parentRunId: `${sweep}-${3 - trial}` },
      { parentRunId: 'zzzzzzzzzz' },
      { parentRunId, experimentId },
      { parentRunId, experiment: 'tests' },
    ]) {
      await refused(call('POST', '/runs', body, token), 403)
    }
    // Nor does it get another's run by taking it for a child of its own.
    await refused(call('PATCH', `/runs/${outside}`, { parentRunId }, token), 403)
    await refused(call('PATCH', `/runs/${child.id}`, { parentRunId: outside }, token), 403)
    await refused(call('POST', `/runs/${outside}/tags`, { set: { a: 'b' } }, token), 403)
    const list = await ok(call('GET', `/runs?experiment=${sweep}&parent=${parentRunId}`), RunList)
    expect(list.runs.map(({ id }) => id)).toEqual([child.id])
  })

  test.each([
    ['GET', '/projects', 200, 200],
    ['POST', '/projects', 403, 400],
    ['GET', '/experiments', 200, 200],
    ['POST', '/experiments', 403, 400],
    ['POST', '/runs', 403, 201],
    ['GET', '/runs/zzzzzzzzzz', 404, 404],
    ['PATCH', '/runs/zzzzzzzzzz', 403, 404],
    ['POST', '/runs/zzzzzzzzzz/tags', 403, 404],
    ['POST', '/runs/zzzzzzzzzz/restore', 403, 404],
    ['GET', '/runs/zzzzzzzzzz/metrics', 404, 404],
    ['GET', '/runs/zzzzzzzzzz/artifacts', 404, 404],
  ] as const)('and others: %s %s is for viewers %i, for operators %i', async (method, path, viewer, operator) => {
    const body = method === 'GET' ? undefined : {}
    expect((await call(method, path, body, api.tokens.viewer)).status).toBe(viewer)
    expect((await call(method, path, body, api.tokens.operator)).status).toBe(operator)
    expect((await api.call(method, path, body === undefined ? {} : { body })).status).toBe(401)
  })
})
