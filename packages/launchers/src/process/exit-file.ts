import { readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'

/**
 * Leaves how a program ended in a file, as a shell counts it (128 and its number for a signal), and which process it was,
 * for an agent that comes later. The line is one `write`, and counts only with its newline, so nobody reads half of it. What can't be written
 * (a full disk, a folder that is gone) is unknown to that agent.
 */
export function writeExitFile(path: string, pid: number, code: number | null, signal: NodeJS.Signals | null): void {
  const counted = code ?? (signal === null ? undefined : 128 + constants.signals[signal])
  if (counted === undefined) return
  try {
    writeFileSync(path, `${counted} ${pid}\n`)
  } catch {
    // Unknown, then.
  }
}

export interface LeftExit {
  /** As a shell counts it. */
  readonly code: number
  /** Undefined in a file of an agent that did not write it yet. */
  readonly pid: number | undefined
}

/** What was left, or null when nothing was (its spawner was killed too, or the host went down). */
export function readExitFile(path: string): LeftExit | null {
  try {
    const [, code, pid] = /^(\d+)(?: (\d+))?\n$/.exec(readFileSync(path, 'utf8')) ?? []
    return code === undefined ? null : { code: Number(code), pid: pid === undefined ? undefined : Number(pid) }
  } catch {
    return null
  }
}
