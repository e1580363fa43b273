import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Who a process is: its pid together with the time it started, because pids are reused. On Linux the start time is field
 * 22 of `/proc/<pid>/stat` (ticks since boot) behind the boot's id, elsewhere what `ps -o lstart` prints.
 */
export interface ProcessStat {
  readonly pid: number
  /** One letter: R, S, D, Z (dead, not yet reaped), … */
  readonly state: string
  readonly parent: number
  readonly group: number
  /** User and system time, in clock ticks. */
  readonly cpuTicks: number
  readonly startTicks: string
  readonly residentPages: number
}

/** Fields of `/proc/<pid>/stat`, counted behind the last `)` because a program's name may hold anything. */
export function readStat(pid: number): ProcessStat | null {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    pid,
    state: fields[0] ?? '?',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    startTicks: fields[19] ?? '',
    residentPages: Number(fields[21]),
  }
}

let bootId: string | undefined

function readBootId(): string {
  if (bootId === undefined) {
    try {
      bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 8)
    } catch {
      bootId = 'boot'
    }
  }
  return bootId
}

/** The start time of a living process, or null when no living process has this pid. A zombie is not living. */
export function startTimeOf(pid: number): string | null {
  if (process.platform === 'linux') {
    const stat = readStat(pid)
    return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : `${readBootId()}:${stat.startTicks}`
  }
  try {
    const [state, ...start] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
    return state === undefined || state.startsWith('Z') ? null : start.join(' ')
  } catch {
    return null
  }
}

/** Whether the very process that had this pid at this start time still lives. */
export function isAlive(pid: number, startTime: string): boolean {
  return startTimeOf(pid) === startTime
}
