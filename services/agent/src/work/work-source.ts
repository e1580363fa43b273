import type { Assignment } from '@sweep/spec/wire/agent-protocol'
import type { RoomOffer } from '../server/server-api.ts'

/** Where an agent's work comes from. However it hears of it, what it gets was claimed for it at its server. */
export interface WorkSource {
  /**
   * Waits up to `waitMs` for attempts that fit into the offer, and claims them; empty when none came in time. Several may
   * wait at once, for different parts of the agent. Rejects when the signal aborts, or may return nothing.
   */
  claim(offer: RoomOffer, waitMs: number, signal: AbortSignal): Promise<readonly Assignment[]>
}
