import { resolve } from 'node:path'
import type { Container } from '@sweep/spec/document/sweep-document'
import type { ContainerCreateOptions, MountSettings } from 'dockerode'
import { forgetServer } from '../forget-server.ts'
import type { BoundGpu, LaunchSpec } from '../launcher.ts'

/** What our containers are found by again: the agent's id, the attempt's, and the claim's. */
export const AGENT_LABEL = 'sweep.agent'
export const ATTEMPT_LABEL = 'sweep.attempt-id'
export const EPOCH_LABEL = 'sweep.epoch'

/** Docker gives 64 MB, and data loaders that hand batches over in shared memory die of that. */
const SHM_BYTES = 1024 ** 3
/**
 * Docker keeps what a container prints until the container is removed, and we copy from there: so nothing of it may be
 * thrown away, as the engine's own settings may say.
 */
const LOG_CONFIG = { Type: 'json-file', Config: { 'max-size': '1t' } }

/** The container of an attempt, apart from what it shares with all others. */
export interface ContainerFacts {
  readonly container: Container
  /** Variables that the image sets. */
  readonly imageEnv: readonly string[]
  /** `uid:gid` for sweeps that name none: what it writes must be ours to read and to delete. */
  readonly user: string | undefined
}

/** What `POST /containers/create` is to be sent for an attempt. */
export function containerOptions(spec: LaunchSpec, facts: ContainerFacts): ContainerCreateOptions {
  const { container, user } = facts
  const { sweep, trial, attempt, epoch } = spec.labels
  const { cpus, memoryBytes } = spec.resources
  return {
    name: containerName(spec),
    Image: container.image,
    Cmd: [...spec.argv],
    // One empty string takes the image's away; an empty list would leave it.
    ...(container.entrypoint && { Entrypoint: container.entrypoint.length === 0 ? [''] : container.entrypoint }),
    WorkingDir: container.workdir ?? spec.cwd,
    ...((container.user ?? user) && { User: container.user ?? user }),
    Env: Object.entries(containerEnv(spec, facts)).map(([name, value]) => `${name}=${value}`),
    Labels: {
      [AGENT_LABEL]: spec.agent.id,
      [ATTEMPT_LABEL]: spec.id,
      'sweep.id': sweep,
      'sweep.trial': String(trial),
      'sweep.attempt': String(attempt),
      [EPOCH_LABEL]: String(epoch),
    },
    HostConfig: {
      // As the first process a program would be deaf to every signal that it does not handle, and reap no orphans.
      Init: true,
      Mounts: mounts(spec, container),
      NetworkMode: container.network,
      ShmSize: container.shmBytes ?? SHM_BYTES,
      LogConfig: LOG_CONFIG,
      ...(cpus !== undefined && { NanoCpus: Math.round(cpus * 1e9) }),
      // No swap on top of it: a trial that swaps takes the host's time, and never ends by `oom`.
      ...(memoryBytes !== undefined && { Memory: memoryBytes, MemorySwap: memoryBytes }),
      ...(spec.gpus?.length && { DeviceRequests: [deviceRequest(spec.gpus)] }),
    },
  }
}

export function containerName({ id, labels }: LaunchSpec): string {
  return `sweep-${id}-${labels.epoch}`
}

/** Folders and files of this host that the container sees, each of which must exist. */
export function mountSources(spec: LaunchSpec, container: Container): string[] {
  return mounts(spec, container).map(({ Source }) => Source)
}

/** Ours at their own paths, so that every path that the program is told means the same inside. */
function mounts(spec: LaunchSpec, container: Container): MountSettings[] {
  const bind = (source: string, target = source, readOnly = false): MountSettings => ({
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: readOnly,
  })
  const given = container.mounts.map(({ source, target, readOnly }) =>
    bind(resolve(spec.cwd, source), target, readOnly),
  )
  const ours = [
    bind(spec.runFolder),
    ...(container.workdir === undefined ? [bind(spec.cwd)] : []),
    ...(spec.sdkFolder === undefined ? [] : [bind(spec.sdkFolder, spec.sdkFolder, true)]),
    ...(spec.restore === undefined ? [] : [bind(spec.restore, spec.restore, true)]),
  ]
  // Who mounts something else there wants that.
  const taken = new Set(given.map(({ Target }) => Target))
  return [...given, ...ours.filter(({ Target }) => !taken.has(Target))]
}

function containerEnv(spec: LaunchSpec, { container, imageEnv, user }: ContainerFacts): Record<string, string> {
  // A signal to the container then reaches all of its process group and not the program alone, as it does on the host.
  const env: Record<string, string> = { TINI_KILL_PROCESS_GROUP: '1', ...spec.env }
  // A user without a home of its own would write its caches to /.
  if (container.user === undefined && user !== undefined && user !== '0:0') env['HOME'] ??= '/tmp'
  const imagePath = imageEnv.find((item) => item.startsWith('PYTHONPATH='))?.slice('PYTHONPATH='.length)
  if (imagePath && env['PYTHONPATH'] !== undefined && env['PYTHONPATH'] === spec.sdkFolder) {
    env['PYTHONPATH'] = `${env['PYTHONPATH']}:${imagePath}`
  }
  const told = isReachable(env['SWEEP_URL'], container.network) ? env : forgetServer(env)
  return { ...told, ...gpuVariables(spec.gpus) }
}

/** Whether the server can be reached from inside: not by this host's own address, unless they share that. */
function isReachable(url: string | undefined, network: Container['network']): boolean {
  if (url === undefined || network === 'none') return false
  return network === 'host' || !/^(localhost|127\..*|\[::1\])$/.test(new URL(url).hostname)
}

/** The container sees only its own devices, and counts them from 0. */
function gpuVariables(gpus: readonly BoundGpu[] | undefined): Record<string, string> {
  if (gpus === undefined) return {}
  const visible = gpus.map((_, index) => index).join(',')
  // Images made for NVIDIA's runtime ask for all devices by default.
  return { CUDA_VISIBLE_DEVICES: visible, ...(gpus.length === 0 && { NVIDIA_VISIBLE_DEVICES: 'void' }) }
}

function deviceRequest(gpus: readonly BoundGpu[]) {
  const ids = gpus.map(({ index, uuid }) => uuid ?? String(index))
  return { Driver: 'nvidia', DeviceIDs: ids, Capabilities: [['gpu']] }
}
