import type { Exit } from '@sweep/launchers/launcher'
import type { Cause, StopReason } from '@sweep/spec/attempt'

const LONGEST_MESSAGE = 2000

/** What programs in all languages print for ENOSPC and EDQUOT. */
const NO_SPACE = /no space left on device|disk quota exceeded|ENOSPC|EDQUOT/i

/** What is looked at only when a program has failed. */
export interface EndClues {
  /** The last line that it printed. */
  readonly lastLine: () => string | undefined
  /** That its disk is full, in words that go on from "while". */
  readonly fullDisk: () => string | undefined
}

/** Why an attempt ended, from what its program did and what it had been asked. */
export function endCause(
  exit: Exit,
  stop: { readonly reason: StopReason; readonly why: string } | null,
  clues: EndClues,
): { readonly cause: Cause; readonly message: string } {
  if (stop !== null) return { cause: stop.reason, message: fit(stop.why) }
  if (exit.failure !== undefined) return { cause: exit.failure.cause, message: fit(exit.failure.message) }
  if (exit.outOfMemory) {
    return {
      cause: 'oom',
      message:
        'Killed by the kernel because memory ran out. Use less (a smaller batch), or give trials more by resources.memory.',
    }
  }
  if (exit.code === 0) return { cause: 'succeeded', message: 'The program ended with 0.' }
  const said = clues.lastLine()
  const lastWords = said === undefined ? 'It printed nothing.' : `Last line of its output: ${said}`
  if (exit.code === 126 || exit.code === 127) {
    return {
      cause: 'bad-command',
      message: fit(
        `The program ended with ${exit.code}, which means that a command was ${exit.code === 127 ? 'not found' : 'not executable'}. ${lastWords}`,
      ),
    }
  }
  const full = clues.fullDisk() ?? (NO_SPACE.test(said ?? '') ? 'a disk that it writes to was full' : undefined)
  if (full !== undefined && (exit.code !== null || exit.signal !== null)) {
    const how = exit.code === null ? `was ended by ${exit.signal}` : `ended with ${exit.code}`
    const message = `The program ${how} while ${full}. ${lastWords} Free some disk space on this host.`
    return { cause: 'node-fault', message: fit(message) }
  }
  if (exit.code !== null)
    return { cause: 'user-error', message: fit(`The program ended with ${exit.code}. ${lastWords}`) }
  if (exit.signal !== null) {
    const byWhom = exit.signal === 'SIGKILL' ? ', not by sweep; often that is the host running out of memory' : ''
    return { cause: 'user-error', message: fit(`The program was ended by ${exit.signal}${byWhom}. ${lastWords}`) }
  }
  return {
    cause: 'node-fault',
    message:
      'The program ended while no agent watched it, and left no exit code: it was killed, or the host went down.',
  }
}

function fit(text: string): string {
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE - 1)}…` : text
}
