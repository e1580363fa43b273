import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readStat } from './process-identity.ts'

/** Every process of an attempt inherits this variable, whatever sessions and groups it makes for itself. */
export const ATTEMPT_TAG = 'SWEEP_ATTEMPT'

/** And this one, the home of the agent that started it: what a killed agent left is found by it. */
export const HOME_TAG = 'SWEEP_AGENT_HOME'

/**
 * Where the numbers of new processes have got to; a smaller number than last time means that they began anew. Undefined
 * where the kernel does not tell. (`/proc/loadavg` has it too, but containers are shown one that somebody made up.)
 */
function lastPid(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/kernel/ns_last_pid', 'utf8'))
  } catch {
    return undefined
  }
}

/** Null when it has none; undefined when there is no environment: in the middle of an exec, and of a zombie. */
function variableOf(pid: number, variable: string): string | null | undefined {
  let environment: string
  try {
    environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return null
  }
  if (environment === '') return undefined
  const key = `${variable}=`
  const start = environment.startsWith(key) ? 0 : environment.indexOf(`\0${key}`) + 1
  if (start === 0 && !environment.startsWith(key)) return null
  const end = environment.indexOf('\0', start)
  return environment.slice(start + key.length, end === -1 ? undefined : end)
}

/** More new numbers than this since the last scan, and to list all processes costs less than to look for each. */
const MANY_PIDS = 100

/**
 * Finds living processes by a variable in the environment they were started with.
 *
 * A scan after every attempt has to be cheap, also where thousands of processes run, so only those born since the last
 * scan are looked at: a process gets the tag from its parent when it is born or never (the launcher's own child, seen
 * between fork and exec, is known by its pid), and the kernel counts their numbers up. When the count wraps around,
 * everything is read afresh. Zombies have no environment and are not found.
 */
export class TaggedProcesses {
  readonly #variable: string
  /** Value of the tag by pid, of those that lived at the last scan. */
  #tagged = new Map<number, string>()
  /** Numbers given away before the last scan whose processes were not there. */
  #unseen: readonly number[] = []
  /** Those that had no environment just then: they are looked at again, since it may have been in the middle of an exec. */
  #unsure: readonly number[] = []
  /** Undefined before the first scan, and where it is unknown. */
  #lastPid: number | undefined

  constructor(variable: string = ATTEMPT_TAG) {
    this.#variable = variable
  }

  /** Pids by value of the tag. Costs some 20 us, and as much for each process born since the last scan. */
  scan(): Map<string, number[]> {
    if (process.platform !== 'linux') return scanWithPs(this.#variable)
    const before = this.#lastPid
    const last = lastPid()
    this.#lastPid = last
    const isAfresh = before === undefined || last === undefined || last < before || last - before > MANY_PIDS
    const pids = isAfresh ? allPids() : [...this.#tagged.keys(), ...this.#unsure, ...this.#born(before, last)]
    const unsure: number[] = []
    this.#tagged = new Map()
    const found = new Map<string, number[]>()
    for (const pid of pids) {
      const value = variableOf(pid, this.#variable)
      // Threads of the kernel never have one, and all are old.
      if (value === undefined && (!isAfresh || pid > (last ?? pid) - MANY_PIDS)) unsure.push(pid)
      if (value === undefined || value === null) continue
      this.#tagged.set(pid, value)
      found.set(value, [...(found.get(value) ?? []), pid])
    }
    this.#unsure = unsure
    return found
  }

  /** Those processes that got a number above `before`, up to `last`. Threads are numbered along and are none. */
  #born(before: number, last: number): number[] {
    const numbers = [...this.#unseen, ...Array.from({ length: last - before }, (_, index) => before + 1 + index)]
    const seen = numbers.filter((pid) => existsSync(`/proc/${pid}`))
    // Ended, mostly; but a number is given away a moment before its process can be seen.
    this.#unseen = numbers.filter((pid) => pid > before && !seen.includes(pid))
    return seen.filter((pid) => !isThread(pid))
  }

  /** Living processes whose tag is `value`. */
  withTag(value: string): number[] {
    return this.scan().get(value) ?? []
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
}

function isThread(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/status`, 'latin1').includes(`\nTgid:\t${pid}\n`)
  } catch {
    return true
  }
}

/** Living processes of one process group. Slow (reads every process): for the rare group that outlives its leader. */
export function groupMembers(group: number): number[] {
  if (process.platform !== 'linux') {
    return psLines('pid=,pgid=,stat=')
      .map((line) => line.split(/\s+/))
      .filter(([, pgid, state]) => Number(pgid) === group && !state?.startsWith('Z'))
      .map(([pid]) => Number(pid))
  }
  return allPids().filter((pid) => {
    const stat = readStat(pid)
    return stat !== null && stat.group === group && stat.state !== 'Z' && stat.state !== 'X'
  })
}

function psLines(columns: string, environment = false): string[] {
  try {
    const options = environment ? ['-E'] : []
    return execFileSync('ps', [...options, '-axww', '-o', columns], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
  } catch {
    return []
  }
}

/** macOS shows the environment of one's own processes behind the command. */
function scanWithPs(variable: string): Map<string, number[]> {
  const found = new Map<string, number[]>()
  const pattern = new RegExp(`\\s${variable}=(\\S+)`)
  for (const line of psLines('pid=,command=', true)) {
    const value = pattern.exec(line)?.[1]
    if (value !== undefined) found.set(value, [...(found.get(value) ?? []), Number.parseInt(line, 10)])
  }
  return found
}
