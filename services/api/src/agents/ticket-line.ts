import type { AttemptId } from '@sweep/spec/ids'
import { hasLabels } from '@sweep/spec/placement'
import type { Shape } from '@sweep/spec/wire/agent-protocol'

/** One ticket queue, that is one pool, one shape (with what it requires) and one launcher, and what this process has taken out of it. */
export interface TicketLine {
  readonly name: string
  readonly queue: string
  readonly shape: Shape
  readonly launcher: string
  /** There may be tickets in it. */
  mayHaveTickets: boolean
  isTaking: boolean
  /** Tickets that we took and have not tried yet, in the order they came. */
  readonly ready: AttemptId[]
  /** Attempts whose ticket we took and whose sweep held them back: it is paused or at its parallelism. */
  readonly held: Set<AttemptId>
  heldTimer: NodeJS.Timeout | undefined
  /** When a ticket was last tried, by a clock that does not jump. */
  usedAt: number
  /** Runs while there are ready tickets; what nobody here wants for a while goes back. */
  idleTimer: NodeJS.Timeout | undefined
}

export function newTicketLine(line: Pick<TicketLine, 'name' | 'queue' | 'shape' | 'launcher'>): TicketLine {
  return {
    ...line,
    ...{ mayHaveTickets: false, isTaking: false, ready: [], held: new Set<AttemptId>() },
    ...{ heldTimer: undefined, idleTimer: undefined, usedAt: Number.NEGATIVE_INFINITY },
  }
}

/** Of an agent, what decides which lines it is served from. */
export interface Served {
  /** Pools that the agent serves. */
  readonly queues: readonly string[]
  /** What it can launch. */
  readonly launchers: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** Whether an agent may have what is in a line, if there is room. */
export function serves(
  agent: Served,
  { queue, launcher, shape }: Pick<TicketLine, 'queue' | 'launcher' | 'shape'>,
): boolean {
  return agent.queues.includes(queue) && agent.launchers.includes(launcher) && hasLabels(agent.labels, shape.requires)
}

/** Tries the attempts that were held back once more, before the others. */
export function retryHeld(line: TicketLine): void {
  line.ready.unshift(...line.held)
  line.held.clear()
}

/** Everything that was taken and not used, no longer kept here. */
export function withdrawTickets(line: TicketLine): AttemptId[] {
  clearTimeout(line.heldTimer)
  clearTimeout(line.idleTimer)
  line.heldTimer = undefined
  line.idleTimer = undefined
  const ids = [...line.held, ...line.ready]
  line.held.clear()
  line.ready.length = 0
  return ids
}
