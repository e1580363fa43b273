import { createClient } from '@sweep/client/client'
import { connect } from '@sweep/launchers/kubernetes/connect'
import { openLog } from '@sweep/log/open-log'
import { startMonitor } from '@sweep/monitoring/monitor-server'
import { openMetrics } from '@sweep/monitoring/registry'
import { ERROR_KINDS, SweepError } from '@sweep/spec/errors'
import { Operator } from './operator.ts'
import { readSettings } from './settings.ts'

/** The operator as a service of its own: `SWEEP_URL`, `SWEEP_TOKEN`, and a cluster. */
async function main(): Promise<void> {
  const settings = readSettings(process.env)
  const log = openLog({ name: 'operator', level: settings.logLevel })
  const metrics = openMetrics()
  const kube = connect(settings.kubeconfig)
  const operator = new Operator({
    kube,
    client: createClient({ url: settings.url, token: settings.token }),
    clock: { now: Date.now },
    random: Math.random,
    log,
    metrics,
    namespaces: settings.namespaces?.length === 0 ? [kube.namespace] : settings.namespaces,
  })
  if (settings.monitor !== undefined) {
    await startMonitor({ ...settings.monitor, metrics, whyUnhealthy: () => operator.whyUnhealthy() })
  }
  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping')
    await operator.close()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  log.info({ cluster: kube.server, server: settings.url }, 'operator started')
}

await main().catch((error: unknown) => {
  const hint = error instanceof SweepError && error.hint ? `\n${error.hint}` : ''
  process.stderr.write(`sweep-operator: ${error instanceof Error ? error.message : String(error)}${hint}\n`)
  process.exit(error instanceof SweepError ? ERROR_KINDS[error.code].exit : 1)
})
