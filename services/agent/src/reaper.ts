import { existsSync } from 'node:fs'
import { engineSocket } from '@sweep/launchers/docker/engine-socket'
import { hasMadeJobs } from '@sweep/launchers/kubernetes/namespaces'
import { endTagged } from '@sweep/launchers/process/process-group'
import { LocalSpawner, type SpawnRequest } from '@sweep/launchers/process/spawner'
import { type FromSpawner, MessageLines, type ToSpawner, toLine } from '@sweep/launchers/process/spawner-messages'
import { HOME_TAG } from '@sweep/launchers/process/tagged-processes'
import { readHomeId } from './home/home-id.ts'
import { homeHolder } from './home/home-lock.ts'

/**
 * Starts the agent's programs and outlives it. Two reasons for a process of its own: it is small, and a `fork` copies
 * the page tables of whoever asks for it; and as the programs' parent it learns how each ended and leaves that in a
 * file, for an agent that was killed and came back.
 *
 * It also ends them when no agent comes back: without anybody to renew their lease, the server gives their trials to
 * others, and the GPUs here would be in use for nothing. The agent holds the other end of our standard input and tells
 * of each lease it was granted; when that end closes without `bye`, we wait until the last lease is about to run out,
 * and end every program, container and Kubernetes Job of that home, unless another agent has taken it over.
 *
 * Arguments: the agent's home, and what the agent marked its lock of the home with: the kernel closes the files of a
 * dying process a moment before it counts as dead, and in that moment its lock must not be taken for that of a successor.
 */
/** How long before the end of a lease to act, at most; and at most a fifth of the lease. */
const MARGIN_MS = 5000
const GRACE_MS = 2000
const LOOK_EVERY_MS = 250
/** A cluster that does not answer is asked again this often, for so long; then its Jobs are left to the next agent. */
const CLUSTER_AGAIN_MS = 2000
const CLUSTER_PATIENCE_MS = 120_000
/** Until the agent has told us of a lease. */
const FIRST_LEASE_MS = 30_000

const spawner = new LocalSpawner()

async function reap(home: string, nonce: string): Promise<void> {
  const isTakenOver = () => {
    const holder = homeHolder(home)
    return holder !== null && holder.nonce !== nonce
  }
  const actAt = await untilAgentIsGone()
  if (actAt === null) return
  while (performance.now() < actAt) {
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

/** When to act, by the clock of `performance.now`, or null when the agent said goodbye. */
async function untilAgentIsGone(): Promise<number | null> {
  const agent = process.ppid
  let actAt = performance.now() + FIRST_LEASE_MS
  const messages = new MessageLines<ToSpawner>()
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) {
    for (const message of messages.read(chunk)) {
      switch (message.kind) {
        case 'bye':
          return null
        case 'lease':
          actAt = performance.now() + message.ms - Math.min(MARGIN_MS, message.ms / 5)
          break
        case 'spawn':
          // A successor has looked for what it must take over already, and would never learn of this one.
          if (process.ppid === agent) void spawnFor(message.turn, message.request)
          break
      }
    }
  }
  return actAt
}

async function spawnFor(turn: number, request: SpawnRequest): Promise<void> {
  const spawned = await spawner.spawn(request)
  if (spawned.kind === 'failed') {
    tell({ kind: 'failed', turn, failure: spawned.failure })
    return
  }
  const { pid, startTime, ended } = spawned
  tell({ kind: 'started', turn, pid, startTime })
  tell({ kind: 'ended', turn, end: await ended })
}

function tell(message: FromSpawner): void {
  process.stdout.write(toLine(message))
}

// An agent that is gone listens no more.
process.stdout.on('error', () => undefined)
// Whoever stops the agent by a signal to its group or terminal must not stop us with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const [home, nonce] = process.argv.slice(2)
if (home !== undefined) {
  await reap(home, nonce ?? '')
  // Their exit codes are waited for by whoever has them now.
  await spawner.idle()
  process.exit(0)
}
