import type { Metrics } from '@sweep/monitoring/registry'
import type { ObjectStore } from '@sweep/objects/object-store'
import type { TicketQueue } from '@sweep/queue/ticket-queue'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import type { Database } from '@sweep/store/database'
import type { Logger } from 'pino'
import type { AgentQueues } from './agents/agent-queues.ts'
import type { AgentStreams } from './agents/agent-streams.ts'
import type { AgentUsers } from './agents/agent-users.ts'
import type { ClaimBroker } from './agents/claim-broker.ts'
import type { HeartbeatLine } from './agents/heartbeat-line.ts'
import type { IngestLine } from './agents/ingest-line.ts'
import type { KnownAgents } from './agents/known-agents.ts'
import type { AttemptTokens } from './auth/attempt-tokens.ts'
import type { Authenticator } from './auth/authenticator.ts'
import type { EventHub } from './events/event-hub.ts'
import type { Notifier } from './events/notifier.ts'
import type { ApiMonitoring } from './monitoring/api-monitoring.ts'
import type { ApiSettings } from './settings.ts'

/** What the service is given from outside. */
export interface ApiDependencies {
  readonly database: Database
  readonly queue: TicketQueue
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly log: Logger
  /** Where it counts what it does; only for its own route when absent. */
  readonly metrics?: Metrics
}

/** What the routes share. */
export interface ApiContext extends ApiDependencies {
  readonly settings: ApiSettings
  readonly monitoring: ApiMonitoring
  readonly objects: ObjectStore
  readonly notifier: Notifier
  readonly hub: EventHub
  readonly broker: ClaimBroker
  readonly ingestLine: IngestLine
  readonly heartbeatLine: HeartbeatLine
  readonly knownAgents: KnownAgents
  readonly agentQueues: AgentQueues
  /** Absent where agents have no users of their own in Redis. */
  readonly agentUsers: AgentUsers | undefined
  readonly agentStreams: AgentStreams
  readonly authenticator: Authenticator
  readonly attemptTokens: AttemptTokens
}
