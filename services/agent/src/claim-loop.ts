import { setTimeout as sleep } from 'node:timers/promises'
import type { Assignment, Room } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import { Backoff } from './server/backoff.ts'
import type { RoomOffer } from './server/server-api.ts'
import type { Held, SlotTable } from './slots/slot-table.ts'
import type { WorkSource } from './work/work-source.ts'

/** A poll that offers the whole agent has nothing to wait for but work. */
const WAIT_MS = 10_000
/** One that offers a part of it ends sooner, so that the parts come together and bigger trials get their chance. */
const PART_WAIT_MS = 1000
/** A poll about to end is waited for rather than joined by another. */
const ENDS_SOON_MS = 20
const MOST_CLAIMS = 64
const FIRST_FAULT_MS = 1000
const LONGEST_FAULT_MS = 60_000

interface Poll {
  readonly room: Room
  /** When it is answered at the latest; infinite for a claim that rides on a report, which nobody need wait for. */
  readonly endsAt: number
}

/** A claim that goes along with a report. */
export interface ClaimRide {
  readonly offer: RoomOffer
  /** Told the answer, or null when there was none. */
  settle(assignments: readonly Assignment[] | null): void
}

export interface ClaimLoopOptions {
  readonly source: WorkSource
  readonly slots: SlotTable
  /** Whether a trial could be started now, if there is a slot. */
  readonly mayStart: () => boolean
  readonly steady: () => number
  readonly random: () => number
  readonly log: Logger
  readonly onAssignment: (assignment: Assignment) => Promise<void>
}

/**
 * Asks for work as long as there is room. A poll is never broken off while the agent lives, since its answer may be on
 * the way; room that becomes free meanwhile is offered by another poll, which ends together with the first.
 */
export class ClaimLoop {
  readonly #options: ClaimLoopOptions
  readonly #backoff: Backoff
  readonly #polls = new Set<Poll>()
  readonly #stopped = new AbortController()
  #isStarted = false
  #pausedUntil = 0
  #faultMs = FIRST_FAULT_MS

  constructor(options: ClaimLoopOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.random)
  }

  start(): void {
    this.#isStarted = true
    this.onFree()
  }

  get isStopped(): boolean {
    return this.#stopped.signal.aborted
  }

  /** No further claims; polls under way are given up (the server takes back what it had for them). */
  stop(): void {
    this.#stopped.abort()
  }

  /** This host could not start a program: more of them would fail the same way, so wait, longer each time. */
  pauseForFault(): void {
    this.#pausedUntil = this.#options.steady() + this.#faultMs
    this.#faultMs = Math.min(LONGEST_FAULT_MS, this.#faultMs * 2)
    this.#options.log.warn(
      { ms: Math.round(this.#pausedUntil - this.#options.steady()) },
      'claiming paused after a fault of this host',
    )
  }

  faultIsOver(): void {
    this.#faultMs = FIRST_FAULT_MS
  }

  /** There may be room that no poll offers yet. */
  onFree(): void {
    if (!this.#isStarted || this.isStopped) return
    const room = this.#unoffered(this.#options.slots.room)
    if (room.slots < 1 || !this.#options.mayStart()) return
    // Whichever poll comes back last then offers everything.
    const soon = this.#options.steady() + ENDS_SOON_MS
    if ([...this.#polls].some((poll) => poll.endsAt <= soon)) return
    void this.#poll(room)
  }

  /**
   * A claim that rides on a report of attempts that have ended, whose slots the server counts as free once it has
   * taken the report: one round trip from the end of an attempt to the next.
   * @param released the slots of these attempts
   * @returns undefined when there is nothing to offer; `settle` must be called
   */
  ride(released: readonly Held[]): ClaimRide | undefined {
    const { mayStart, slots, steady } = this.#options
    if (!this.#isStarted || this.isStopped || this.#pausedUntil > steady()) return undefined
    const room = this.#unoffered(slots.roomWithout(released))
    if (room.slots < 1 || !mayStart()) return undefined
    const poll = { room, endsAt: Number.POSITIVE_INFINITY }
    this.#polls.add(poll)
    const settle = (assignments: readonly Assignment[] | null) => {
      this.#polls.delete(poll)
      if (assignments !== null) {
        for (const held of released) slots.release(held)
        for (const assignment of assignments) void this.#options.onAssignment(assignment)
      }
      this.onFree()
    }
    return { offer: { room, max: Math.min(room.slots, MOST_CLAIMS) }, settle }
  }

  #unoffered(room: Room): Room {
    let { slots, gpuSlots, cpus, memoryBytes } = room
    const offered = new Set([...this.#polls].flatMap((poll) => poll.room.free ?? []))
    for (const poll of this.#polls) {
      slots -= poll.room.slots
      gpuSlots -= poll.room.gpuSlots
      cpus -= poll.room.cpus
      memoryBytes -= poll.room.memoryBytes
    }
    return {
      slots,
      gpuSlots: Math.max(0, gpuSlots),
      cpus: Math.max(0, cpus),
      memoryBytes: Math.max(0, memoryBytes),
      free: room.free?.filter((index) => !offered.has(index)),
    }
  }

  async #poll(room: Room): Promise<void> {
    const { log, slots, source, steady } = this.#options
    const { signal } = this.#stopped
    const now = steady()
    const waitMs = room.slots === slots.slots.length ? WAIT_MS : PART_WAIT_MS
    const endsAt = Math.max(now + 1, Math.min(now + waitMs, ...[...this.#polls].map((poll) => poll.endsAt)))
    const poll = { room, endsAt }
    this.#polls.add(poll)
    try {
      if (this.#pausedUntil > now) await sleep(this.#pausedUntil - now, undefined, { signal })
      const leftMs = Math.max(0, Math.round(endsAt - steady()))
      const offer = { room, max: Math.min(room.slots, MOST_CLAIMS) }
      const assignments = await source.claim(offer, leftMs, signal)
      this.#backoff.reset()
      this.#polls.delete(poll)
      // Slots are taken before the first await in there, so the room below is what is left.
      const started = assignments.map((assignment) => this.#options.onAssignment(assignment))
      this.onFree()
      await Promise.all(started)
    } catch (error) {
      this.#polls.delete(poll)
      if (signal.aborted) return
      log.warn({ err: error }, 'no answer to a claim')
      await this.#backoff.wait(signal)
      this.onFree()
    }
  }
}
