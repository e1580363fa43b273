import { randomBytes } from 'node:crypto'
import { openLog } from '@sweep/log/open-log'
import { startMonitor } from '@sweep/monitoring/monitor-server'
import { openMetrics } from '@sweep/monitoring/registry'
import { ERROR_KINDS, SweepError } from '@sweep/spec/errors'
import { VERSION } from '@sweep/spec/version'
import { ENDS_WITH_STDIN, whenParentEnds } from './parent-pipe.ts'
import { readSettings } from './settings.ts'
import { startAgent } from './start-agent.ts'

/** The agent as a process of its own. SIGTERM or SIGINT stops it within half a minute, a second one hurries. */
async function main(): Promise<void> {
  const settings = readSettings(process.env, VERSION)
  const log = openLog({ level: settings.logLevel })
  if (process.env[ENDS_WITH_STDIN] === '1') whenParentEnds(process.stdin, () => process.exit(0))
  const metrics = openMetrics()
  const agent = await startAgent(settings, {
    clock: { now: Date.now },
    random: Math.random,
    randomBytes,
    log,
    metrics,
  })
  if (settings.monitor !== undefined) {
    await startMonitor({ ...settings.monitor, metrics, whyUnhealthy: () => agent.whyUnhealthy() })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void agent.stop())
  // A terminal that closes is no reason to end training: the signal means what SIGTERM means only when asked.
  process.on('SIGHUP', () => undefined)
  let refusal: unknown
  agent.ready.catch((error: unknown) => {
    refusal = error
  })
  await agent.done
  if (refusal !== undefined) throw refusal
  process.exit(0)
}

main().catch((error: unknown) => {
  const isOurs = error instanceof SweepError
  process.stderr.write(`${isOurs ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  if (isOurs && error.hint !== undefined) process.stderr.write(`${error.hint}\n`)
  process.exit(isOurs ? ERROR_KINDS[error.code].exit : 1)
})
