import type { AgentId } from '@sweep/spec/ids'
import type { Room } from '@sweep/spec/wire/agent-protocol'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import { howManyFit, takeRoom } from './room.ts'
import type { TicketLine } from './ticket-line.ts'

export interface ClaimRequest {
  readonly agentId: AgentId
  /** Pools that the agent serves. */
  readonly queues: readonly string[]
  readonly room: Room
  readonly max: number
  readonly waitMs: number
  /** Aborts when nobody waits for the answer any more. */
  readonly gone: AbortSignal
}

/** An agent that waits for work, from its request to the answer. */
export class WaitingAgent {
  readonly request: ClaimRequest
  readonly #onAnswer: (claimed: ClaimedAttempt[]) => void
  readonly #claimed: ClaimedAttempt[] = []
  /** Attempts it may still take, and the room for them, less what is being claimed for it just now. */
  #left: number
  #room: Room
  /** Claims under way for it. */
  #busy = 0
  #isOver = false

  constructor(request: ClaimRequest, onAnswer: (claimed: ClaimedAttempt[]) => void) {
    this.request = request
    this.#onAnswer = onAnswer
    this.#left = request.max
    this.#room = request.room
  }

  get isBusy(): boolean {
    return this.#busy > 0
  }

  /** How many tickets of a line it could use now. */
  wants({ queue, shape }: TicketLine): number {
    if (this.#isOver || this.#claimed.length > 0 || !this.request.queues.includes(queue)) return 0
    return Math.min(this.#left, howManyFit(this.#room, shape))
  }

  /** So many tickets of a line are being claimed for it; `claimed` must be called. */
  reserve({ shape }: TicketLine, count: number): void {
    this.#left -= count
    this.#room = takeRoom(this.#room, shape, count)
    this.#busy += 1
  }

  /** What came of `count` tickets that were reserved. */
  claimed({ shape }: TicketLine, count: number, claimed: readonly ClaimedAttempt[]): void {
    this.#claimed.push(...claimed)
    this.#left -= claimed.length - count
    this.#room = takeRoom(this.#room, shape, claimed.length - count)
    this.#busy -= 1
    if (this.#busy === 0 && (this.#claimed.length > 0 || this.#isOver)) this.#answer()
  }

  /** It waits no longer. A claim that is under way may still bring something, which must not be lost. */
  finish(): void {
    this.#isOver = true
    if (this.#busy === 0) this.#answer()
  }

  #answer(): void {
    this.#isOver = true
    this.#onAnswer(this.#claimed)
  }
}
