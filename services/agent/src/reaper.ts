import { existsSync } from 'node:fs'
import { engineSocket } from '@sweep/launchers/docker/engine-socket'
import { hasMadeJobs } from '@sweep/launchers/kubernetes/namespaces'
import { endTagged } from '@sweep/launchers/process/process-group'
import { HOME_TAG } from '@sweep/launchers/process/tagged-processes'
import { readHomeId } from './home/home-id.ts'
import { homeHolder } from './home/home-lock.ts'

/**
 * Outlives an agent that was killed, so that its programs don't outlive their lease: without anybody to renew it, the
 * server gives their trials to others, and the GPUs here would be in use for nothing. The agent holds the other end of
 * our standard input and writes a line for each lease it was granted; when that end closes without `bye`, we wait until
 * the last lease is about to run out, and end every program, container and Kubernetes Job of that home, unless another
 * agent has taken it over.
 *
 * Arguments: the agent's home, how long before the end of the lease to act (ms), and what the agent marked its lock of
 * the home with: the kernel closes the files of a dying process a moment before it counts as dead, and in that moment
 * its lock must not be taken for that of a successor.
 */
const GRACE_MS = 2000
const LOOK_EVERY_MS = 250
/** A cluster that does not answer is asked again this often, for so long; then its Jobs are left to the next agent. */
const CLUSTER_AGAIN_MS = 2000
const CLUSTER_PATIENCE_MS = 120_000
/** Until the agent has told us of a lease. */
const FIRST_LEASE_MS = 30_000

async function reap(home: string, marginMs: number, nonce: string): Promise<void> {
  const isTakenOver = () => {
    const holder = homeHolder(home)
    return holder !== null && holder.nonce !== nonce
  }
  const leaseEnd = await untilAgentIsGone()
  if (leaseEnd === null) return
  while (performance.now() < leaseEnd - marginMs) {
    // Whoever has the home now knows what runs, and decides.
    if (isTakenOver()) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  if (isTakenOver()) return
  await Promise.allSettled([endTagged(HOME_TAG, home, GRACE_MS), reapContainers(home), reapJobs(home, isTakenOver)])
}

/** The engine's client is loaded only now: until then it would take up memory for nothing. */
async function reapContainers(home: string): Promise<void> {
  const agentId = readHomeId(home)
  const socket = engineSocket(process.env['DOCKER_HOST'])
  if (agentId === undefined || socket === undefined || !existsSync(socket)) return
  const { endContainers } = await import('@sweep/launchers/docker/end-containers')
  // Without an engine that answers, the next agent of this home finds them.
  await endContainers(socket, agentId, GRACE_MS).catch(() => undefined)
}

/** A cluster is another machine, which may be away for a moment. */
async function reapJobs(home: string, isTakenOver: () => boolean): Promise<void> {
  const id = readHomeId(home)
  if (id === undefined || !hasMadeJobs(home)) return
  const { connect } = await import('@sweep/launchers/kubernetes/connect')
  const { KubernetesLauncher } = await import('@sweep/launchers/kubernetes/kubernetes-launcher')
  const client = connect(process.env['SWEEP_KUBECONFIG'] || process.env['KUBECONFIG'] || undefined)
  const { namespace } = client
  const launcher = new KubernetesLauncher({ client, clock: { now: Date.now }, namespace, onTrouble: () => undefined })
  const end = performance.now() + CLUSTER_PATIENCE_MS
  while (performance.now() < end && !isTakenOver()) {
    try {
      await launcher.endStrays({ id, home }, new Set())
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, CLUSTER_AGAIN_MS))
    }
  }
}

/** When the last lease ends, by the clock of `performance.now`, or null when the agent said goodbye. */
async function untilAgentIsGone(): Promise<number | null> {
  let leaseEnd = performance.now() + FIRST_LEASE_MS
  let rest = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === 'bye') return null
      const leaseMs = Number(/^lease (\d+)$/.exec(line)?.[1])
      if (Number.isFinite(leaseMs)) leaseEnd = performance.now() + leaseMs
    }
  }
  return leaseEnd
}

// Whoever stops the agent by a signal to its group or terminal must not stop us with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const [home, marginMs, nonce] = process.argv.slice(2)
if (home !== undefined) {
  await reap(home, Number(marginMs), nonce ?? '')
  process.exit(0)
}
