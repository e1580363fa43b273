import type { TicketQueue } from '@sweep/queue/ticket-queue'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import type { Database } from '@sweep/store/database'
import type { Logger } from 'pino'
import type { AgentStreams } from './agents/agent-streams.ts'
import type { ClaimBroker } from './agents/claim-broker.ts'
import type { KnownAgents } from './agents/known-agents.ts'
import type { AttemptTokens } from './auth/attempt-tokens.ts'
import type { Authenticator } from './auth/authenticator.ts'
import type { EventHub } from './events/event-hub.ts'
import type { Notifier } from './events/notifier.ts'
import type { ApiSettings } from './settings.ts'

/** What the service is given from outside. */
export interface ApiDependencies {
  readonly database: Database
  readonly queue: TicketQueue
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly log: Logger
}

/** What the routes share. */
export interface ApiContext extends ApiDependencies {
  readonly settings: ApiSettings
  readonly notifier: Notifier
  readonly hub: EventHub
  readonly broker: ClaimBroker
  readonly knownAgents: KnownAgents
  readonly agentStreams: AgentStreams
  readonly authenticator: Authenticator
  readonly attemptTokens: AttemptTokens
}
