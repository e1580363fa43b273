import { isAlive } from './process-identity.ts'
import { groupMembers, TaggedProcesses } from './tagged-processes.ts'

/** How often a dying attempt is looked at; the first looks are close together because most die at once. */
const LOOK_AGAIN_MS = [2, 5, 10, 20, 50, 100, 200] as const
const LOOK_SLOWLY_MS = 500

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone already, or not ours to signal; the next look tells.
  }
}

/**
 * SIGTERM to a set of processes, after `graceMs` SIGKILL; resolves when none of it lives, to how many there were.
 * `members` is asked anew each time, so a process that forks while it is being killed leaves no child behind.
 */
export async function endProcesses(
  set: { members(): readonly number[]; signal(signal: 'SIGTERM' | 'SIGKILL'): void },
  graceMs: number,
): Promise<number> {
  const found = set.members().length
  if (found === 0) return 0
  set.signal(graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
  let waitedMs = 0
  for (let look = 0; set.members().length > 0; look += 1) {
    const ms = LOOK_AGAIN_MS[look] ?? LOOK_SLOWLY_MS
    await wait(ms)
    waitedMs += ms
    if (waitedMs >= graceMs) set.signal('SIGKILL')
  }
  return found
}

/** Ends every process whose environment has `variable` set to `value`; see `endProcesses`. */
export function endTagged(variable: string, value: string, graceMs: number): Promise<number> {
  const tagged = new TaggedProcesses(variable)
  const members = () => tagged.withTag(value).filter((pid) => pid !== process.pid)
  return endProcesses(
    {
      members,
      signal: (signal) => {
        for (const pid of members()) send(pid, signal)
      },
    },
    graceMs,
  )
}

/**
 * All that one attempt consists of: the process group of its leader, and whatever carries its tag in other groups and
 * sessions.
 */
export class ProcessGroup {
  readonly #id: string
  readonly #leader: number
  readonly #startTime: string
  readonly #tagged: TaggedProcesses
  /**
   * Whether the group's number is known to be this attempt's: its leader was seen alive, and a number is not given away
   * while a group has it. Not so for an attempt whose leader died while no agent was looking.
   */
  readonly #trusted: boolean
  /** Once seen empty, the group's number may be given to somebody else, so it is never signalled again. */
  #groupGone = false

  /**
   * @param leader the process whose pid is the group's number
   * @param isOwnChild the leader was started by us just now
   */
  constructor(
    id: string,
    leader: { readonly pid: number; readonly startTime: string },
    tagged: TaggedProcesses,
    isOwnChild: boolean,
  ) {
    this.#id = id
    this.#leader = leader.pid
    this.#startTime = leader.startTime
    this.#tagged = tagged
    this.#trusted = isOwnChild || isAlive(leader.pid, leader.startTime)
  }

  /** Everything of the attempt that lives. */
  members(): number[] {
    const tagged = this.#tagged.withTag(this.#id)
    return this.#groupHasMembers() ? [...new Set([...tagged, ...groupMembers(this.#leader)])] : tagged
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    // The group first and in one call, so that a fork in between can't get away.
    if (this.#groupHasMembers()) send(-this.#leader, signal)
    for (const pid of this.#tagged.withTag(this.#id)) send(pid, signal)
  }

  /** See `Running.clear`. */
  clear(graceMs: number): Promise<number> {
    return endProcesses(this, graceMs)
  }

  #groupHasMembers(): boolean {
    if (this.#groupGone) return false
    try {
      process.kill(-this.#leader, 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') {
        this.#groupGone = true
        return false
      }
    }
    if (isAlive(this.#leader, this.#startTime)) return true
    const members = groupMembers(this.#leader)
    if (members.length === 0 || this.#trusted) return members.length > 0
    const tagged = this.#tagged.withTag(this.#id)
    return members.some((pid) => tagged.includes(pid))
  }
}
