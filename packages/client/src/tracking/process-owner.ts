import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { z } from 'zod'

/** Who writes a spool. */
export const Owner = z.object({ host: z.string(), pid: z.int(), start: z.string().nullish() })
export type Owner = z.infer<typeof Owner>

export function thisProcess(): Owner {
  return { host: here(), pid: process.pid, start: startOf(process.pid) }
}

/**
 * Whether the process may still write. Another host's can't be seen.
 * @param elsewhere what those of other hosts count as
 */
export function lives(owner: Owner, elsewhere: boolean): boolean {
  if (owner.host !== here()) return elsewhere
  const start = startOf(owner.pid)
  if (start !== '' || existsSync('/proc/self')) return start !== '' && (!owner.start || owner.start === start)
  try {
    process.kill(owner.pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Where process numbers mean what they mean to us: a container with the host's name has others. */
function here(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

/** When a process began, where the system tells; empty for one that is gone or waits to be reaped. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, in brackets, may have spaces and brackets in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '')
  } catch {
    return ''
  }
}
