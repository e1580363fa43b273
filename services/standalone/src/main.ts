import { randomBytes } from 'node:crypto'
import { startTimeOf } from '@sweep/launchers/process/process-identity'
import { openLog } from '@sweep/log/open-log'
import { SweepError } from '@sweep/spec/errors'
import { VERSION } from '@sweep/spec/version'
import { readSettings } from './settings.ts'
import { type Standalone, startStandalone } from './standalone.ts'

/** The standalone server as a process: everything a laptop needs. */
async function main(): Promise<void> {
  const settings = readSettings(process.env, VERSION)
  const log = openLog({ name: 'sweep', level: settings.logLevel })
  let standalone: Standalone | undefined
  let asked = 0

  const stop = async (signal: NodeJS.Signals) => {
    asked += 1
    // Told twice: whoever asks does not want to wait for trials to drain. The reaper and the leases clean up.
    if (asked > 1) process.exit(130)
    log.info({ signal }, 'stopping')
    await standalone?.stop()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  standalone = await startStandalone(settings, {
    clock: { now: () => Date.now() },
    randomBytes,
    log,
    version: VERSION,
    startTime: startTimeOf(process.pid) ?? '',
    say: (message) => process.stderr.write(`${message}\n`),
  })
  log.info({ url: standalone.url, home: settings.home, version: VERSION }, 'server started')
  if (asked > 0) await stop('SIGTERM')
}

main().catch((error: unknown) => {
  const hint = error instanceof SweepError && error.hint ? `\n${error.hint}` : ''
  const text =
    error instanceof SweepError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error)
  process.stderr.write(`${text}${hint}\n`)
  process.exit(1)
})
