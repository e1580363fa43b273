import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '@sweep/client/make-folder'
import { isAlive, startTimeOf } from '@sweep/launchers/process/process-identity'
import { SweepError } from '@sweep/spec/errors'
import { z } from 'zod'

/** What `server.json` says of the server that has the home; the command and the tests read it. */
export interface ServerRecord {
  readonly url: string
  /** Where gRPC is served, if it is. */
  readonly grpc: string | undefined
  readonly pid: number
  readonly startTime: string
  readonly startedAt: string
  readonly version: string
}

const LockRecord = z.object({ pid: z.int(), startTime: z.string() })

/**
 * Takes the home for this process: two servers on one home would share a database folder.
 * @throws SweepError `conflict` when another living process has it
 */
export async function lockHome(home: string): Promise<{ release(): Promise<void> }> {
  try {
    makeFolder(home, 0o755)
  } catch (cause) {
    throw new SweepError('invalid-request', `The folder ${home} can't be made: ${(cause as Error).message}`, {
      hint: 'Set SWEEP_HOME to a folder that can be written to.',
      cause,
    })
  }
  const file = join(home, 'server.lock')
  const mine = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) ?? '' })
  for (;;) {
    try {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(mine)
      await handle.close()
      return { release: () => rm(file, { force: true }) }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new SweepError('invalid-request', `The folder ${home} can't be written to: ${(cause as Error).message}`, {
          hint: 'Free some disk space, or set SWEEP_HOME to a folder that can be written to.',
          cause,
        })
      }
    }
    const holder = LockRecord.safeParse(parse(await readFile(file, 'utf8').catch(() => '')))
    if (holder.success && isAlive(holder.data.pid, holder.data.startTime)) {
      throw new SweepError('conflict', `A sweep server (process ${holder.data.pid}) already runs on ${home}.`, {
        hint: 'Use it, stop it with `sweep server stop`, or set SWEEP_HOME to another folder.',
      })
    }
    // Left by a server that was killed. Renamed first: of two that find it, one gets it, and neither removes a new one.
    const stale = `${file}.${process.pid}`
    await rename(file, stale).catch(() => undefined)
    await rm(stale, { force: true })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The admin token of the home: kept in a file that only its owner reads, made the first time. */
export async function homeToken(home: string): Promise<string> {
  const file = join(home, 'token')
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim()
  if (kept !== '') return kept
  const token = `swp_user_${randomBytes(32).toString('base64url')}`
  await writeFile(file, `${token}\n`, { mode: 0o600 })
  return token
}

/** Replaced in one step, so that a reader never sees half of it. */
export async function writeServerRecord(home: string, record: ServerRecord): Promise<void> {
  const file = join(home, 'server.json')
  await writeFile(`${file}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

export async function removeServerRecord(home: string): Promise<void> {
  await rm(join(home, 'server.json'), { force: true })
}
