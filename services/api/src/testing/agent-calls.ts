import type { SweepId } from '@sweep/spec/ids'
import {
  type Assignment,
  type AttemptReport,
  type Claim,
  ClaimReply,
  ReportsReply,
} from '@sweep/spec/wire/agent-protocol'
import { expect } from 'vitest'
import type { z } from 'zod'
import { createTestSweep, ROOM, registerTestAgent, SWEEP_YAML, type TestAgent, type TestApi } from './test-api.ts'

let pools = 0

/** A pool of its own, so that no test takes another's attempts: with an agent, and a sweep that has no trial yet. */
export async function newPool(api: TestApi): Promise<{ queue: string; agent: TestAgent; sweepId: SweepId }> {
  pools += 1
  const queue = `pool-${pools}`
  const agent = await registerTestAgent(api, { queues: [queue] })
  return { queue, agent, sweepId: await createTestSweep(api, `${SWEEP_YAML}queue: ${queue}\n`) }
}

export async function claimBy(api: TestApi, who: TestAgent, changes: Partial<Claim> = {}): Promise<Assignment[]> {
  const body = { room: ROOM, max: 2, waitMs: 20_000, ...changes }
  const reply = await api.call('POST', `/agents/${who.id}/claim`, { token: who.token, body })
  return ClaimReply.parse(reply.body).assignments
}

export async function reportBy(
  api: TestApi,
  who: TestAgent,
  attempts: readonly Partial<z.input<typeof AttemptReport>>[],
): Promise<z.infer<typeof ReportsReply>['attempts']> {
  const reply = await api.call('POST', `/agents/${who.id}/reports`, { token: who.token, body: { attempts } })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return ReportsReply.parse(reply.body).attempts
}

export const ENDED = {
  at: 1,
  cause: 'succeeded',
  message: 'ran to its end',
  exitCode: 0,
  signal: null,
  seconds: 1,
} as const

/** Values of `loss`, a line of 10 bytes each. */
export function points(values: readonly (number | string)[], from = 0) {
  const list = values.map((loss, i) => ({ step: i + 1, at: 1, values: { loss: loss as number } }))
  return [{ source: 'metrics' as const, from, to: from + values.length * 10, points: list }]
}
