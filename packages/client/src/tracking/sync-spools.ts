import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SweepError } from '@sweep/spec/errors'
import { leftBehind } from './left-behind.ts'
import type { Say } from './say.ts'
import { Hopeless, SpoolSender, type SpoolTarget } from './send-spool.ts'
import { Spool } from './spool.ts'
import type { Synced } from './tracker-types.ts'

const TRIES = 3

/** Sends what is left in a spool; whether the server has all of it now. */
export async function syncSpool(spool: Spool, tracking: SpoolTarget, say: Say): Promise<boolean> {
  const sender = new SpoolSender(spool, tracking, say)
  let tries = 0
  while (tries < TRIES) {
    try {
      if (!(await sender.sendNext())) break
      tries = 0
    } catch (error) {
      if (error instanceof Hopeless) say(`left ${spool.runId}`, `run ${spool.runId}: ${error.message}`)
      if (!(error instanceof SweepError)) break
      tries += 1
    }
  }
  const { isSent } = spool
  spool.close()
  return isSent
}

/**
 * Sends what is in a folder of spools, or in one spool.
 * @param options.isElsewhere whether the folder was named, and so may be from another machine
 * @param options.trackingOf the server that a spool is to go to, from the address it was made for; undefined: none
 */
export async function syncFolder(
  folder: string,
  options: {
    readonly isElsewhere: boolean
    readonly trackingOf: (url: string | undefined) => Promise<SpoolTarget | undefined>
    readonly say: Say
  },
): Promise<Synced[]> {
  const { isElsewhere, trackingOf, say } = options
  const synced: Synced[] = []
  for (const spool of spoolsOf(folder, !isElsewhere)) {
    const tracking = await trackingOf(spool.url)
    if (tracking === undefined) spool.close()
    const isSent = tracking !== undefined && (await syncSpool(spool, tracking, say))
    synced.push({ runId: spool.runId, isSent })
  }
  return synced
}

function spoolsOf(folder: string, elsewhere: boolean): Iterable<Spool> {
  if (!existsSync(join(folder, 'run.json'))) return leftBehind(folder, { elsewhere })
  const spool = Spool.open(folder, { elsewhere })
  return spool === undefined ? [] : [spool]
}
