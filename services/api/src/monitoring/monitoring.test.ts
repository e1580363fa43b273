import { ClaimReply } from '@sweep/spec/wire/agent-protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestSweep, ROOM, registerTestAgent, type TestApi, TestController, testApi } from '../testing/test-api.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

async function scrape(token?: string): Promise<Response> {
  const headers = new Headers(token === undefined ? [] : [['authorization', `Bearer ${token}`]])
  return await fetch(`${api.api.url}/metrics`, { headers })
}

test('what there is, and how long reports took, is told to whoever may read', async () => {
  expect((await scrape()).status).toBe(401)
  expect((await scrape(api.tokens.join)).status).toBe(403)

  const agent = await registerTestAgent(api, { queues: ['gpu'] })
  const sweepId = await createTestSweep(
    api,
    'queue: gpu\nmetric: {name: loss}\nparameters: {lr: {min: 0.0, max: 1.0}}\ncommand: [train]',
  )
  await new TestController(api).issue(sweepId, 3)
  const body = { room: ROOM, max: 1, waitMs: 20_000 }
  const claimed = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body })
  const [assignment] = ClaimReply.parse(claimed.body).assignments
  const { attemptId, epoch } = assignment ?? { attemptId: '', epoch: 0 }
  const points = [{ step: 1, at: Date.now() - 4000, values: { loss: 1 } }]
  const attempts = [{ attemptId, epoch, batches: [{ source: 'metrics', from: 0, to: 10, points }], samples: [] }]
  const room = { ...ROOM, slots: 1 }
  await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body: { attempts } })
  await api.call('POST', `/agents/${agent.id}/heartbeat`, {
    token: agent.token,
    body: { room, draining: false, attempts: [{ attemptId, epoch }] },
  })

  const reply = await scrape(api.tokens.viewer)
  expect(reply.headers.get('content-type')).toMatch(/^application\/openmetrics-text/)
  const lines = (await reply.text()).split('\n')
  expect(lines).toEqual(
    expect.arrayContaining([
      'sweep_trials{state="queued"} 2',
      'sweep_trials{state="running"} 1',
      'sweep_attempts_queued{queue="gpu"} 2',
      'sweep_agents{state="ready"} 1',
      'sweep_slots{state="free"} 1',
      // Four seconds late: over 2.5, at most 5.
      'sweep_report_lag_seconds_bucket{le="2.5"} 0',
      'sweep_report_lag_seconds_bucket{le="5"} 1',
    ]),
  )
  // By the pattern of the route, not by the ids in its address.
  expect(lines.some((line) => line.includes('route="/api/v1/agents/:id/reports",status="200"'))).toBe(true)
  expect(lines.some((line) => line.includes(agent.id))).toBe(false)
})
