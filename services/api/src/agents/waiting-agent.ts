import type { AgentId } from '@sweep/spec/ids'
import { type FreeRoom, howManyFit, takeRoom } from '@sweep/spec/room'
import type { Shape } from '@sweep/spec/wire/agent-protocol'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import { type Served, serves, type TicketLine } from './ticket-line.ts'

export interface ClaimRequest extends Served {
  readonly agentId: AgentId
  readonly room: FreeRoom
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
  /** What is, or was, claimed for it. */
  readonly #reserved = new Map<Shape, number>()
  /** Attempts it may still take, and the room for them, less what is being claimed for it just now. */
  #left: number
  #room: FreeRoom
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
  wants(line: TicketLine): number {
    if (this.#isOver || this.#claimed.length > 0 || !serves(this.request, line)) return 0
    return Math.min(this.#left, howManyFit(this.#room, line.shape))
  }

  /** So many tickets of a line are being claimed for it; `claimed` must be called. */
  reserve({ shape }: TicketLine, count: number): void {
    this.#left -= count
    this.#reserved.set(shape, (this.#reserved.get(shape) ?? 0) + count)
    this.#room = takeRoom(this.#room, shape, count)
    this.#busy += 1
  }

  /** What came of `count` tickets that were reserved. */
  claimed({ shape }: TicketLine, count: number, claimed: readonly ClaimedAttempt[]): void {
    this.#claimed.push(...claimed)
    if (claimed.length < count) {
      this.#left += count - claimed.length
      this.#reserved.set(shape, (this.#reserved.get(shape) ?? 0) + claimed.length - count)
      this.#room = [...this.#reserved].reduce((room, [one, taken]) => takeRoom(room, one, taken), this.request.room)
    }
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
