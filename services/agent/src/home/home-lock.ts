import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, startTimeOf } from '@sweep/launchers/process/process-identity'
import { z } from 'zod'

const Holder = z.object({ pid: z.int(), startTime: z.string(), nonce: z.string() })
type Holder = z.infer<typeof Holder>

/** The living process that has a home, or null. */
export function homeHolder(home: string): Holder | null {
  try {
    const holder = Holder.parse(JSON.parse(readFileSync(join(home, 'lock'), 'utf8')))
    return isAlive(holder.pid, holder.startTime) ? holder : null
  } catch {
    return null
  }
}

/**
 * Takes a home for this process, so that no two agents work on the same runs; null when another living one has it. What
 * a killed agent left is taken over. The folder must exist.
 * @param nonce tells two agents of one process apart
 */
export function lockHome(home: string, nonce: string): { release(): void } | null {
  const lock = join(home, 'lock')
  const own = join(home, `lock.${process.pid}.${nonce}`)
  writeFileSync(own, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) ?? '', nonce }))
  try {
    for (let tries = 0; tries < 10; tries += 1) {
      try {
        // A link appears whole or not at all, unlike a file that is still being written.
        linkSync(own, lock)
        return {
          release: () => {
            if (homeHolder(home)?.nonce === nonce) rmSync(lock, { force: true })
          },
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      if (homeHolder(home) !== null) return null
      moveAside(home, lock, `${own}.stale`)
    }
    return null
  } finally {
    rmSync(own, { force: true })
  }
}

/** Removes a lock whose holder is dead. Of two agents that find it, one may move the other's new lock: it puts it back. */
function moveAside(home: string, lock: string, stale: string): void {
  try {
    renameSync(lock, stale)
  } catch {
    return
  }
  try {
    const moved = Holder.safeParse(JSON.parse(readFileSync(stale, 'utf8')))
    if (moved.success && isAlive(moved.data.pid, moved.data.startTime)) linkSync(stale, join(home, 'lock'))
  } catch {
    // Unreadable, so nobody's; or somebody has locked meanwhile.
  }
  rmSync(stale, { force: true })
}
