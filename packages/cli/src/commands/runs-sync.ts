import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { findServer } from '@sweep/client/connection'
import { spoolRoot } from '@sweep/client/tracking/spool-root'
import { trackingAt } from '@sweep/client/tracking/start-run'
import { syncFolder } from '@sweep/client/tracking/sync-spools'
import type { Synced } from '@sweep/client/tracking/tracker-types'
import { SweepError } from '@sweep/spec/errors'
import type { Command } from '../command.ts'
import type { Column } from '../output.ts'

const COLUMNS: readonly Column<Synced>[] = [
  { name: 'run', value: (synced) => synced.runId },
  { name: 'sent', value: (synced) => (synced.isSent ? 'yes' : 'no') },
]

export const command: Command = {
  async run(context, [folder]) {
    const { cwd, environment: env } = context.process
    const path = folder === undefined ? spoolRoot(env) : resolve(cwd, folder)
    if (folder !== undefined && !existsSync(path)) {
      throw new SweepError('not-found', `There is no folder ${path}.`)
    }
    const { server, token } = context.flags
    const { home } = context.settings
    const synced = await syncFolder(path, {
      isElsewhere: folder !== undefined,
      say: (_, text) => context.warn(text),
      trackingOf: async (made) => {
        const found = await findServer({ url: server ?? made, token, env, home })
        return found && trackingAt(found)
      },
    })
    await context.printRows(synced, COLUMNS, (one) => one.runId)
    if (synced.length === 0) context.say('There is nothing to send.')
    if (synced.every((one) => one.isSent)) return undefined
    context.say('What is not sent stays where it is. Is the server up (sweep server status), and the token right?')
    return 1
  },
}
