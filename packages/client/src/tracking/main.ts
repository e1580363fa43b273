import { randomBytes } from 'node:crypto'
import { findServer } from '../connection.ts'
import { StrictWarning } from './say.ts'
import { spoolRoot } from './spool-root.ts'
import { startTrackedRun, type TrackerWorld, trackingAt } from './start-run.ts'
import { syncFolder } from './sync-spools.ts'
import type { SpooledRun } from './tracked-run.ts'
import type { StartRun, SyncRuns } from './tracker-types.ts'

/** The tracker as programs import it: `@sweep-hpo/sweep/tracker`. */

export type * from './tracker-types.ts'

const MOST_WARNINGS = 20

const warned = new Set<string>()
const world: TrackerWorld = {
  env: process.env,
  argv: process.argv,
  clock: { now: () => Date.now() },
  randomBytes,
  warn(cause, text) {
    if (process.env['SWEEP_STRICT'] && process.env['SWEEP_STRICT'] !== '0') throw new StrictWarning(text)
    // Names made up by the program must not fill the log.
    if (warned.has(cause) || warned.size > MOST_WARNINGS) return
    warned.add(cause)
    process.stderr.write(`sweep: ${warned.size > MOST_WARNINGS ? 'further warnings are not shown' : text}\n`)
  },
}

const open = new Set<SpooledRun>()
let isWatching = false

export const startRun: StartRun = async (options = {}) => {
  const run = await startTrackedRun(world, options)
  open.add(run)
  watchExit()
  return run
}

export const syncRuns: SyncRuns = async (folder, { url, token } = {}) => {
  const trackingOf = async (made: string | undefined) => {
    const server = await findServer({ env: process.env, url: url ?? made, token })
    return server && trackingAt(server)
  }
  const options = { isElsewhere: folder !== undefined, trackingOf, say: world.warn }
  return syncFolder(folder ?? spoolRoot(process.env), options)
}

/** A run that nobody has ended ends with the program. */
function watchExit(): void {
  if (isWatching) return
  isWatching = true
  const status = () => (process.exitCode === undefined || Number(process.exitCode) === 0 ? 'completed' : 'failed')
  process.on('beforeExit', () => {
    for (const run of open) if (!run.isOver) void run.end({ status: status() })
  })
  // After process.exit() and errors that nobody caught there is no time to send it; the next run does.
  process.on('exit', (code) => {
    for (const run of open) run.endNow(code === 0 ? 'completed' : 'failed')
  })
}
