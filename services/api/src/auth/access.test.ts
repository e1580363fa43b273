import { randomBytes } from 'node:crypto'
import { newId } from '@sweep/spec/ids'
import { AgentRegistered, type Claim } from '@sweep/spec/wire/agent-protocol'
import { createToken, keepToken } from '@sweep/store/tokens'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createTestSweep,
  ROOM,
  registerTestAgent,
  type TestAgent,
  type TestApi,
  TestController,
  testApi,
} from '../testing/test-api.ts'

let api: TestApi
let sweepId: string
let agent: TestAgent
let other: TestAgent
beforeAll(async () => {
  api = await testApi()
  sweepId = await createTestSweep(api)
  agent = await registerTestAgent(api)
  other = await registerTestAgent(api)
})
afterAll(() => api.close())

type Who = 'nobody' | 'unknown' | 'join' | 'other' | 'agent' | 'viewer' | 'operator' | 'admin'

function tokenOf(who: Who): string | undefined {
  switch (who) {
    case 'nobody':
      return undefined
    case 'unknown':
      return 'swp_user_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    case 'agent':
      return agent.token
    case 'other':
      return other.token
    default:
      return api.tokens[who]
  }
}

const EVERYBODY: readonly Who[] = ['nobody', 'unknown', 'join', 'other', 'agent', 'viewer', 'operator', 'admin']
const USERS: readonly Who[] = ['viewer', 'operator', 'admin']
const OPERATORS: readonly Who[] = ['operator', 'admin']

describe('who may do what', () => {
  test.each([
    ['GET', '/sweeps', USERS],
    ['GET', '/sweeps/:sweep', USERS],
    ['GET', '/sweeps/:sweep/leaderboard', USERS],
    ['GET', '/sweeps/:sweep/trials', USERS],
    ['GET', '/sweeps/:sweep/trials/1', USERS],
    ['GET', '/sweeps/:sweep/trials/1/metrics', USERS],
    ['GET', '/sweeps/:sweep/trials/1/logs', USERS],
    ['GET', '/sweeps/:sweep/facts', USERS],
    ['GET', '/agents', USERS],
    ['POST', '/validate', USERS],
    ['POST', '/sweeps', OPERATORS],
    ['PATCH', '/sweeps/:sweep', OPERATORS],
    ['POST', '/sweeps/:sweep/pause', OPERATORS],
    ['POST', '/sweeps/:sweep/resume', OPERATORS],
    ['POST', '/sweeps/:sweep/trials', OPERATORS],
    ['POST', '/sweeps/:sweep/trials/1/stop', OPERATORS],
    ['POST', '/sweeps/:sweep/trials/1/prune', OPERATORS],
    ['POST', '/sweeps/:sweep/trials/1/cancel', OPERATORS],
    ['POST', '/sweeps/:sweep/trials/1/retry', OPERATORS],
    ['POST', '/agents/0000000000/drain', OPERATORS],
    ['GET', '/tokens', ['admin']],
    ['POST', '/tokens', ['admin']],
    ['DELETE', '/tokens/999999', ['admin']],
    ['POST', '/agents', ['join', 'other', 'agent', 'operator', 'admin']],
    ['POST', '/agents/:agent/claim', ['agent']],
    ['POST', '/agents/:agent/reports', ['agent']],
    ['POST', '/agents/:agent/heartbeat', ['agent']],
  ] as const)('%s %s: %j', async (method, path, allowed) => {
    const url = path.replace(':sweep', sweepId).replace(':agent', agent.id)
    for (const who of EVERYBODY) {
      const token = tokenOf(who)
      const body = method === 'GET' || method === 'DELETE' ? {} : { body: {} }
      const reply = await api.call(method, url, { token, ...body })
      const expected = (allowed as readonly Who[]).includes(who)
        ? 'let in'
        : who === 'nobody' || who === 'unknown'
          ? 401
          : 403
      const got = reply.status === 401 || reply.status === 403 ? reply.status : 'let in'
      expect([who, got]).toEqual([who, expected])
    }
  })

  test('the stream of an agent is for that agent alone', async () => {
    for (const [who, status] of [
      ['other', 403],
      ['admin', 403],
      ['nobody', 401],
    ] as const) {
      expect((await api.call('GET', `/agents/${agent.id}/stream`, { token: tokenOf(who) })).status).toBe(status)
    }
  })

  test("an agent can't report another agent's attempt", async () => {
    const [attemptId] = await new TestController(api).issue(await createTestSweep(api), 1)
    const claim: Claim = { room: ROOM, max: 1, waitMs: 10_000 }
    const claimed = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body: claim })
    expect(claimed.body).toMatchObject({ assignments: [{ attemptId }] })
    const { assignments } = claimed.body as { assignments: { epoch: number }[] }
    const body = { attempts: [{ attemptId, epoch: assignments[0]?.epoch }] }
    const reply = await api.call('POST', `/agents/${other.id}/reports`, { token: other.token, body })
    expect(reply.body).toMatchObject({ attempts: [{ attemptId, status: 'fenced' }] })
  })
})

describe('tokens', () => {
  test('of a trial read that trial and nothing else', async () => {
    const id = await createTestSweep(api)
    await new TestController(api).issue(id, 2)
    const body: Claim = { room: { ...ROOM, slots: 1 }, max: 1, waitMs: 10_000 }
    const { body: claimed } = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body })
    const [assignment] = (
      claimed as { assignments: { token: string; trial: number; attemptId: string; epoch: number }[] }
    ).assignments
    const token = assignment?.token ?? ''
    const own = assignment?.trial ?? 0
    expect((await api.call('GET', `/sweeps/${id}/trials/${own}`, { token })).status).toBe(200)
    expect((await api.call('GET', `/sweeps/${id}/trials/${3 - own}`, { token })).status).toBe(403)
    expect((await api.call('GET', `/sweeps/${id}`, { token })).status).toBe(403)
    expect((await api.call('POST', `/sweeps/${id}/cancel`, { token })).status).toBe(403)
    expect((await api.call('POST', `/agents/${agent.id}/heartbeat`, { token, body: {} })).status).toBe(403)
    for (const forged of [token.replace(/\.\d+\./, '.99.'), `${token.slice(0, -2)}AA`, token.slice(0, -1)]) {
      expect((await api.call('GET', `/sweeps/${id}/trials/${own}`, { token: forged })).status).toBe(401)
    }
  })

  test('stop working when they are revoked', async () => {
    const body = { kind: 'user', name: 'short', role: 'viewer' }
    const made = await api.call('POST', '/tokens', { token: api.tokens.admin, body })
    expect(made.status).toBe(201)
    const { id, token } = made.body as { id: number; token: string }
    expect(token).toMatch(/^swp_user_/)
    expect((await api.call('GET', '/sweeps', { token })).status).toBe(200)
    const listed = await api.call('GET', '/tokens', { token: api.tokens.admin })
    expect(listed.text).toContain('"short"')
    expect(listed.text).not.toContain(token)
    expect((await api.call('DELETE', `/tokens/${id}`, { token: api.tokens.admin })).status).toBe(204)
    expect((await api.call('GET', '/sweeps', { token })).status).toBe(401)
    expect((await api.call('DELETE', `/tokens/${id}`, { token: api.tokens.admin })).status).toBe(404)
  })

  test('expire', async () => {
    const { text } = await createToken(api.database, randomBytes, {
      kind: 'user',
      role: 'admin',
      name: 'past',
      expiresInMs: -1,
    })
    expect((await api.call('GET', '/sweeps', { token: text })).status).toBe(401)
  })

  test('to join with are good for as many agents as they say', async () => {
    const body = { kind: 'join', name: 'once', uses: 1 }
    const made = await api.call('POST', '/tokens', { token: api.tokens.admin, body })
    const { token } = made.body as { token: string }
    const register = {
      ...{ name: 'a', host: 'h', slots: [{ index: 0 }], cpus: 1, memoryBytes: 1, queues: ['default'] },
      ...{ launchers: ['process'], version: '1' },
    }
    expect((await api.call('POST', '/agents', { token, body: register })).status).toBe(200)
    expect((await api.call('POST', '/agents', { token, body: register })).status).toBe(401)
  })

  test('to join with for some queues let an agent serve no others, then or when it comes back', async () => {
    const body = { kind: 'join', name: 'gpus', queues: ['a100', 'h100'], uses: 2 }
    const made = await api.call('POST', '/tokens', { token: api.tokens.admin, body })
    const { id, token } = made.body as { id: number; token: string }
    const register = (queues: string[], using: string, agentId?: string) => {
      const about = { name: 'a', host: 'h', slots: [{ index: 0 }], cpus: 1, memoryBytes: 1, version: '1' }
      const body = { ...about, launchers: ['process'], queues, ...(agentId === undefined ? {} : { agentId }) }
      return api.call('POST', '/agents', { token: using, body })
    }
    const refused = await register(['a100', 'default'], token)
    expect(refused.status).toBe(403)
    expect(refused.body).toMatchObject({
      code: 'forbidden',
      message: 'an agent with this token may serve a100, h100, but not default',
    })
    const joined = await register(['a100'], token)
    const { agentId, token: own } = AgentRegistered.parse(joined.body)
    // The refusal has cost no use.
    const listed = await api.call('GET', '/tokens', { token: api.tokens.admin })
    expect(listed.body).toMatchObject({
      tokens: expect.arrayContaining([expect.objectContaining({ id, queues: ['a100', 'h100'], usesLeft: 1 })]),
    })
    expect((await register(['default'], own, agentId)).status).toBe(403)
    expect((await register(['h100', 'a100'], own, agentId)).status).toBe(200)
    expect((await register(['default'], own, agentId)).status).toBe(403)
    expect((await api.call('DELETE', `/tokens/${id}`, { token: api.tokens.admin })).status).toBe(204)
    expect((await register(['a100'], token)).status).toBe(401)
    expect((await register(['a100'], own, agentId)).status).toBe(200)
    // Somebody with rights of their own may lift the limit.
    expect((await register(['default'], api.tokens.operator, agentId)).status).toBe(200)
    expect((await register(['default'], own, agentId)).status).toBe(200)
  })

  test.each([{ queues: [] }, { queues: ['No Queue'] }, { uses: 0 }, { uses: 1.5 }])(
    'to join with are refused with %j',
    async (wrong) => {
      const body = { kind: 'join', name: 'wrong', ...wrong }
      expect((await api.call('POST', '/tokens', { token: api.tokens.admin, body })).status).toBe(400)
    },
  )

  test.each(['Basic YTpi', 'Bearer', 'Bearer  ', 'Bearer a b', `Bearer ${'x'.repeat(500)}`, 'swp_user_x'])(
    'in the header %j are refused',
    async (authorization) => {
      expect((await api.call('GET', '/sweeps', { headers: { authorization } })).status).toBe(401)
    },
  )

  test('are slowed down for whoever tries many that are not known, not for others', async () => {
    const fresh = await testApi()
    try {
      const statuses = new Set<number>()
      for (let i = 0; i < 80; i += 1) {
        const token = `swp_user_${newId(randomBytes)}${newId(randomBytes)}`
        statuses.add((await fresh.call('GET', '/sweeps', { token })).status)
      }
      expect(statuses).toEqual(new Set([401, 429]))
    } finally {
      await fresh.close()
    }
  })
})

describe('readers without a token', () => {
  test('are let in from this machine where the settings say so, for reading only', async () => {
    const open = await testApi({ anonymousRead: 'loopback' })
    try {
      expect((await open.call('GET', '/sweeps')).status).toBe(200)
      expect((await open.call('GET', '/whoami')).body).toEqual({ kind: 'anonymous', name: 'anonymous', role: 'viewer' })
      expect((await open.call('POST', '/sweeps', { body: {} })).status).toBe(401)
      expect((await open.call('GET', '/tokens')).status).toBe(401)
      expect((await open.call('GET', '/sweeps', { token: 'swp_user_wrongwrongwrong' })).status).toBe(401)
      for (const header of ['x-forwarded-for', 'forwarded']) {
        expect((await open.call('GET', '/sweeps', { headers: { [header]: '1.2.3.4' } })).status).toBe(401)
      }
    } finally {
      await open.close()
    }
  })

  test('are let in by the cookie of a browser session, which reads and never writes', async () => {
    const session = await api.call('POST', '/session', { token: api.tokens.admin })
    expect(session.status).toBe(204)
    const cookie = String(session.headers['set-cookie'])
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict/)
    expect(cookie).not.toContain(api.tokens.admin)
    const headers = { cookie: cookie.split(';')[0] ?? '' }
    expect((await api.call('GET', '/sweeps', { headers })).status).toBe(200)
    expect((await api.call('GET', '/tokens', { headers })).status).toBe(403)
    expect((await api.call('POST', `/sweeps/${sweepId}/pause`, { headers })).status).toBe(401)
  })
})

test('a token made elsewhere works once it is kept', async () => {
  const text = 'swp_user_bWFkZS1lbHNld2hlcmUtMTIzNDU2Nzg5MA'
  await keepToken(api.database, text, { kind: 'user', name: 'home', role: 'admin' })
  expect((await api.call('GET', '/whoami', { token: text })).body).toMatchObject({ kind: 'user', role: 'admin' })
})
