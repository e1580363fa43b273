import { existsSync } from 'node:fs'
import { engineSocket } from '@sweep/launchers/docker/engine-socket'
import type { Launcher } from '@sweep/launchers/launcher'
import { ProcessLauncher } from '@sweep/launchers/process/process-launcher'
import type { Spawner } from '@sweep/launchers/process/spawner'
import { LAUNCHERS } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import type { AgentDeps } from './agent-handle.ts'
import type { AgentHome } from './home/agent-home.ts'
import type { AgentSettings } from './settings.ts'

export interface AgentLaunchers {
  /** By the name that sweeps call them by, those included that are there only for what runs already. */
  readonly all: ReadonlyMap<string, Launcher>
  /** Names of those that take new trials. */
  readonly offered: readonly string[]
}

export type MakeDeps = Pick<AgentDeps, 'clock' | 'log'> & {
  /** Who starts the processes of this host. */
  readonly spawner: Spawner
}

/** What it takes to make a launcher, or why it can't be made. */
type Make = (settings: AgentSettings, isInUse: boolean, deps: MakeDeps) => Promise<Launcher | string>

const MAKERS: Readonly<Record<(typeof LAUNCHERS)[number], Make>> = {
  process: async (_settings, _isInUse, { spawner }) => new ProcessLauncher({ spawner }),
  docker: async ({ env }, isInUse) => {
    const socket = engineSocket(env['DOCKER_HOST'])
    if (socket === undefined)
      return `DOCKER_HOST is ${env['DOCKER_HOST']}, but containers must share this host's folders`
    if (!isInUse && !existsSync(socket)) return `there is no ${socket}`
    // Its client takes a while to load, and an agent without an engine can do without.
    const { DockerLauncher } = await import('@sweep/launchers/docker/docker-launcher')
    return new DockerLauncher(socket, env)
  },
  kubernetes: async ({ kubeconfig, kubernetesNamespace, launchers }, isInUse, { clock, log }) => {
    // Whoever has a kubeconfig does not have an agent for that cluster yet.
    if (!isInUse && launchers === undefined) return 'it was not named'
    const { connect } = await import('@sweep/launchers/kubernetes/connect')
    const { KubernetesLauncher } = await import('@sweep/launchers/kubernetes/kubernetes-launcher')
    try {
      const client = connect(kubeconfig)
      const onTrouble = (err: unknown) => log.warn({ err }, 'trouble with the cluster')
      const namespace = kubernetesNamespace ?? client.namespace
      return new KubernetesLauncher({ client, clock, namespace, onTrouble })
    } catch (error) {
      return `no cluster is configured: ${(error as Error).message}`
    }
  },
}

/**
 * The launchers that an agent is to have: those named, or else all that answer now. What an earlier agent of the home
 * left running is looked after whatever is named and whatever answers.
 * @throws SweepError `unavailable` when one that was named can't be used
 */
export async function makeLaunchers(settings: AgentSettings, home: AgentHome, deps: MakeDeps): Promise<AgentLaunchers> {
  if (settings.launchers?.includes('kubernetes') && settings.launchers.length > 1) {
    throw new SweepError('invalid-request', 'An agent launches either on its own host or on a cluster.', {
      hint: 'Start a second agent with --launchers kubernetes (SWEEP_LAUNCHERS); its slots are not those of this host.',
    })
  }
  const inUse = new Set<string>(home.live().map(({ assignment }) => assignment.launcher))
  const all = new Map<string, Launcher>()
  const offered: string[] = []
  for (const name of LAUNCHERS) {
    const isWanted = settings.launchers === undefined || settings.launchers.includes(name)
    if (!isWanted && !inUse.has(name)) continue
    const made = await MAKERS[name](settings, inUse.has(name), deps)
    const why = typeof made === 'string' ? made : await made.unavailable?.()
    if (why === undefined && isWanted) offered.push(name)
    if (why !== undefined && settings.launchers?.includes(name) && !inUse.has(name)) {
      throw new SweepError('unavailable', `This host can't launch ${name}: ${why}.`, {
        hint: `Leave ${name} out of --launchers (SWEEP_LAUNCHERS), or make it answer.`,
      })
    }
    if (typeof made !== 'string' && (why === undefined || inUse.has(name))) all.set(name, made)
  }
  return { all, offered }
}
