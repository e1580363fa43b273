import type { AttemptId } from '@sweep/spec/ids'
import type { Shape } from '@sweep/spec/wire/agent-protocol'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import { expect, test } from 'vitest'
import { newTicketLine } from './ticket-line.ts'
import { type ClaimRequest, WaitingAgent } from './waiting-agent.ts'

const line = (shape: Shape) => newTicketLine({ name: 'line', queue: 'default', shape, launcher: 'process' })

/** An agent with two GPUs of three shares each. */
function waiting(onAnswer: (claimed: ClaimedAttempt[]) => void = () => undefined): WaitingAgent {
  const free = [0, 0, 0, 1, 1, 1].map((gpu, index) => ({ index, gpu: { index: gpu }, shares: 3 }))
  const request: ClaimRequest = {
    ...{ agentId: '0000000001' as ClaimRequest['agentId'], queues: ['default'], launchers: ['process'], labels: {} },
    ...{ room: { free, cpus: 8, memoryBytes: 1e9 }, max: 64, waitMs: 0, gone: new AbortController().signal },
  }
  return new WaitingAgent(request, onAnswer)
}

test('what is reserved for one line is no room for another: a whole GPU is shared with nobody', () => {
  const agent = waiting()
  const [share, whole] = [line({ gpus: 0.33 }), line({ gpus: 1 })]
  expect([agent.wants(share), agent.wants(whole)]).toEqual([6, 2])
  agent.reserve(share, 1)
  expect([agent.wants(share), agent.wants(whole)]).toEqual([5, 1])
  agent.reserve(whole, 1)
  expect([agent.wants(share), agent.wants(whole)]).toEqual([2, 0])
})

test('what was reserved and not claimed is room again', () => {
  const agent = waiting()
  const [share, whole] = [line({ gpus: 0.33 }), line({ gpus: 1 })]
  agent.reserve(share, 2)
  agent.reserve(whole, 1)
  agent.claimed(whole, 1, [])
  expect([agent.wants(share), agent.wants(whole)]).toEqual([4, 1])
  agent.claimed(share, 2, [])
  expect([agent.wants(share), agent.wants(whole)]).toEqual([6, 2])
})

test('it is answered once nothing is being claimed for it any more', () => {
  const answers: ClaimedAttempt[][] = []
  const agent = waiting((claimed) => answers.push(claimed))
  const share = line({ gpus: 0.33 })
  const one = { result: 'claimed', attemptId: 'a' as AttemptId } as ClaimedAttempt
  agent.reserve(share, 2)
  agent.reserve(share, 1)
  agent.claimed(share, 2, [one])
  expect(answers).toEqual([])
  agent.claimed(share, 1, [])
  expect(answers).toEqual([[one]])
  expect(agent.wants(share)).toBe(0)
})
