import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** True when the process is there and not a zombie: in a container nobody may collect it. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return (await statFields(pid))?.[0] !== 'Z'
}

/** Tells a process from a later one with the same number, as `server.json` spells it: boot and ticks, or a time. */
export async function processIdentity(pid: number): Promise<string | undefined> {
  const fields = await statFields(pid)
  if (fields !== undefined) {
    const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
    // Field 22 of proc(5).
    return `${bootId.trim().slice(0, 8)}:${fields[19]}`
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.trim().split(/\s+/).join(' ') || undefined
}

/** Fields of /proc/PID/stat from the third on: those before hold the program's name, which may hold anything. */
async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}
