import { ATTEMPT_TAG, TaggedProcesses } from '@sweep/launchers/process/tagged-processes'
import type { Logger } from 'pino'
import { HOME_TAG } from '../home/agent-home.ts'

/**
 * Ends programs of a home that no record tells of: an agent was killed in the moment between start and record.
 * @param known ids of the attempts that there are records of
 */
export function endStrays(home: string, known: ReadonlySet<string>, log: Logger): void {
  const attempts = new TaggedProcesses(ATTEMPT_TAG).scan()
  const ours = new Set(new TaggedProcesses(HOME_TAG).withTag(home))
  for (const [id, pids] of attempts) {
    if (known.has(id)) continue
    for (const pid of pids) {
      if (!ours.has(pid) || pid === process.pid) continue
      log.warn({ attemptId: id, pid }, 'stray process killed')
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone already.
      }
    }
  }
}
