import { readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'

/**
 * Leaves how a program ended in a file, as a shell counts it (128 and its number for a signal), for an agent that comes
 * later. The line is one `write`, and counts only with its newline, so nobody reads half of it. What can't be written
 * (a full disk, a folder that is gone) is unknown to that agent.
 */
export function writeExitFile(path: string, code: number | null, signal: NodeJS.Signals | null): void {
  const counted = code ?? (signal === null ? undefined : 128 + constants.signals[signal])
  if (counted === undefined) return
  try {
    writeFileSync(path, `${counted}\n`)
  } catch {
    // Unknown, then.
  }
}

/** The exit code that was left, or null when none was (its spawner was killed too, or the host went down). */
export function readExitFile(path: string): number | null {
  try {
    const code = /^(\d+)\n$/.exec(readFileSync(path, 'utf8'))?.[1]
    return code === undefined ? null : Number(code)
  } catch {
    return null
  }
}
