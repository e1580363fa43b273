import { readFileSync } from 'node:fs'

/** How often the kernel has killed for memory: on this host, and in this process's own control group. */
export type ReadOomKills = () => number

function counter(path: string): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

let eventsPath: string | undefined

function ownEventsPath(): string {
  if (eventsPath === undefined) {
    let group = '/'
    try {
      group = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/'
    } catch {
      // Not Linux, or no control groups: the counter stays 0.
    }
    eventsPath = `/sys/fs/cgroup${group}/memory.events`
  }
  return eventsPath
}

export const readOomKills: ReadOomKills = () => counter('/proc/vmstat') + counter(ownEventsPath())
