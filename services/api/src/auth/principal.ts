import { type AgentId, type AttemptId, attemptParts, RunId, trialId } from '@sweep/spec/ids'

export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who a request comes from. */
export type Principal =
  | { readonly kind: 'nobody' }
  /** Somebody at this machine without a token, where the settings let such readers in. */
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly tokenId: number; readonly name: string; readonly role: Role }
  /** `queues`: those that agents may serve which join with it, null for any. */
  | {
      readonly kind: 'join'
      readonly tokenId: number
      readonly name: string
      readonly queues: readonly string[] | null
    }
  | { readonly kind: 'agent'; readonly tokenId: number; readonly agentId: AgentId }
  /** The program of an attempt; `agentId` runs it. */
  | { readonly kind: 'trial'; readonly attemptId: AttemptId; readonly epoch: number; readonly agentId: AgentId }

/** What stands in facts and logs as the one who asked. */
export function principalName(principal: Principal): string {
  switch (principal.kind) {
    case 'nobody':
    case 'anonymous':
      return principal.kind
    case 'user':
    case 'join':
      return `${principal.kind}:${principal.name}`
    case 'agent':
      return `agent:${principal.agentId}`
    case 'trial':
      return `trial:${principal.attemptId}`
  }
}

export function hasRole(principal: Principal, least: Role): boolean {
  if (principal.kind === 'anonymous') return least === 'viewer'
  return principal.kind === 'user' && ROLES.indexOf(principal.role) >= ROLES.indexOf(least)
}

/** The run of the trial whose program it is. */
export function runOfTrial({ attemptId }: Extract<Principal, { kind: 'trial' }>): RunId {
  const { sweepId, trial } = attemptParts(attemptId)
  return RunId.parse(trialId(sweepId, trial))
}
