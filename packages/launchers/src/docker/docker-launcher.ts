import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container } from '@sweep/spec/document/sweep-document'
import type { Environment } from '@sweep/spec/environment'
import type { ContainerInfo, default as Docker, ImageInspectInfo } from 'dockerode'
import type {
  AgentIdentity,
  FoundOfOthers,
  LaunchCalls,
  Launched,
  Launcher,
  LaunchRecord,
  LaunchSpec,
  LaunchUnderWay,
  Running,
  Usage,
} from '../launcher.ts'
import type { Place } from '../place.ts'
import { connectEngine } from './connect-engine.ts'
import {
  AGENT_LABEL,
  ATTEMPT_LABEL,
  containerName,
  containerOptions,
  EPOCH_LABEL,
  mountSources,
} from './container-options.ts'
import { engineSays, isEngineAway, statusOf } from './engine-errors.ts'
import { ImagePuller } from './image-puller.ts'
import { registryLogin } from './registry-login.ts'
import { RunningContainer } from './running-container.ts'

const PING_MS = 3000
const AGAIN_MS = 1000
/** A start waits this long for an engine that is away, and is a fault of the host after that. */
const AWAY_MS = 300_000

/** What the engine says of a container that can't be started from this image with these settings, wherever it is tried. */
const BAD_CONTAINER =
  /OCI runtime create failed|unable to find user|executable file not found|no such file or directory|permission denied|not a directory|invalid/i

/** One that it can't start here: the runtime for its devices is missing. */
const NO_DEVICES = /could not select device driver|nvidia-container|unresolvable CDI devices/i

type Failed = Exclude<Launched, { kind: 'started' }>

/**
 * Attempts as containers of this host's engine. They outlive the agent; each is removed by us, once its output and its
 * end are kept: the engine's own `AutoRemove` would take the exit code along.
 */
export class DockerLauncher implements Launcher {
  readonly name = 'docker'
  readonly runsOnHost = false
  readonly #engine: Docker
  readonly #puller: ImagePuller
  #user: string | undefined

  /** @param env tells where the credentials for registries are, as to Docker's own command */
  constructor(socketPath: string, env: Environment = {}) {
    this.#engine = connectEngine(socketPath)
    this.#puller = new ImagePuller(this.#engine, (image) => registryLogin(image, env))
  }

  async unavailable(): Promise<string | undefined> {
    try {
      const isThere = this.#engine.ping().then(() => undefined)
      return await Promise.race([isThere, sleep(PING_MS, 'the Docker engine takes long to answer', { ref: false })])
    } catch (error) {
      return `no Docker engine answers: ${engineSays(error)}`
    }
  }

  async launch(spec: LaunchSpec, calls: LaunchCalls): Promise<Launched> {
    const { container } = spec
    if (container === undefined) return { kind: 'bad-command', message: 'Name an image: container: {image: …}.' }
    const missing = mountSources(spec, container).find((source) => !existsSync(source))
    if (missing !== undefined) {
      const what = missing === spec.cwd ? 'Trials run in the folder of the sweep file' : 'The sweep mounts it'
      return {
        kind: 'bad-command',
        message: `${missing} does not exist on this host. ${what}; make it available here.`,
      }
    }
    const aborted = new Promise<Failed>((resolve) => {
      calls.aborted.addEventListener('abort', () => resolve({ kind: 'aborted' }), { once: true })
    })
    const awaited = await Promise.race([aborted, this.#overOutages(calls, () => this.#image(container, calls))])
    if ('kind' in awaited) return awaited
    if (calls.aborted.aborted) return { kind: 'aborted' }
    return this.#overOutages(calls, () => this.#start(spec, container, awaited, calls))
  }

  async adopt(record: LaunchRecord, calls: LaunchCalls): Promise<Running> {
    return new RunningContainer(this.#engine, record, calls.progress)
  }

  async find({ id, epoch, agent }: LaunchUnderWay): Promise<Place | undefined> {
    const isIt = ({ Labels }: ContainerInfo) => Labels[ATTEMPT_LABEL] === id && Labels[EPOCH_LABEL] === String(epoch)
    const container = (await containersOf(this.#engine, agent.id)).find(isIt)
    if (container === undefined) return undefined
    if (container.State !== 'created') return { kind: 'container', id: container.Id }
    await removeContainer(this.#engine, container.Id)
    return undefined
  }

  async endStrays(agent: AgentIdentity, known: ReadonlySet<string>): Promise<string[]> {
    const ended: string[] = []
    for (const { Id, Labels } of await containersOf(this.#engine, agent.id)) {
      const id = Labels[ATTEMPT_LABEL] ?? Id
      if (known.has(id)) continue
      await removeContainer(this.#engine, Id)
      ended.push(id)
    }
    return ended
  }

  async ofOthers(agent: AgentIdentity): Promise<FoundOfOthers> {
    const containers = await this.#engine.listContainers({ all: true, filters: { label: [AGENT_LABEL] } })
    const leftovers = containers
      .filter(({ Labels }) => Labels[AGENT_LABEL] !== agent.id)
      .map(({ Id, Labels }) => ({
        id: Labels[ATTEMPT_LABEL] ?? '',
        epoch: Number(Labels[EPOCH_LABEL]),
        end: () => removeContainer(this.#engine, Id),
      }))
    return { leftovers, closed: new Map() }
  }

  async usage({ place }: Running): Promise<Usage | undefined> {
    if (place.kind !== 'container') return undefined
    try {
      const stats = await this.#engine.getContainer(place.id).stats({ stream: false, 'one-shot': true })
      const { usage, stats: parts } = stats.memory_stats
      if (usage === undefined) return undefined
      // As `docker stats` shows it: what the kernel would give back at once does not count. v1 and v2 name it differently.
      const cache = parts?.total_inactive_file ?? parts?.inactive_file ?? 0
      return { cpuSeconds: stats.cpu_stats.cpu_usage.total_usage / 1e9, memoryBytes: Math.max(0, usage - cache) }
    } catch {
      return undefined
    }
  }

  /** What is there now, or what kept it from being there. */
  async #image({ image, pull }: Container, { progress }: LaunchCalls): Promise<ImageInspectInfo | Failed> {
    if (pull !== 'always') {
      const known = await this.#inspectImage(image)
      if (known !== undefined) return known
      if (pull === 'never') {
        return {
          kind: 'bad-command',
          message: `The image ${image} is not on this host, and pull is never. Pull it here.`,
        }
      }
    }
    const pulled = await this.#puller.pull(image, progress)
    if (pulled.kind !== 'pulled') return pulled
    const known = await this.#inspectImage(image)
    return known ?? { kind: 'node-fault', message: `The image ${image} was pulled, and is not on this host now.` }
  }

  async #inspectImage(image: string): Promise<ImageInspectInfo | undefined> {
    try {
      return await this.#engine.getImage(image).inspect()
    } catch (error) {
      // 400: a name that no image can have; the pull says so.
      if (statusOf(error) === 404 || statusOf(error) === 400) return undefined
      throw error
    }
  }

  async #start(spec: LaunchSpec, container: Container, image: ImageInspectInfo, calls: LaunchCalls): Promise<Launched> {
    const options = containerOptions(spec, { container, imageEnv: image.Config.Env ?? [], user: await this.#ownUser() })
    // A try before this one may have made it before the engine went away.
    await removeContainer(this.#engine, containerName(spec))
    try {
      const { id } = await this.#engine.createContainer(options)
      await this.#engine.getContainer(id).start()
      const { outputPath, exitPath } = spec
      calls.progress('')
      const record = { id: spec.id, place: { kind: 'container', id }, outputPath, exitPath } as const
      return { kind: 'started', running: new RunningContainer(this.#engine, record, calls.progress) }
    } catch (error) {
      if (isEngineAway(error)) throw error
      await removeContainer(this.#engine, containerName(spec))
      return startFailure(container.image, error)
    }
  }

  /** Whoever the agent is; in an engine without root, its root is that user outside. */
  async #ownUser(): Promise<string | undefined> {
    if (this.#user === undefined && process.getuid !== undefined && process.getgid !== undefined) {
      const { SecurityOptions } = (await this.#engine.info()) as { SecurityOptions?: string[] }
      const isRootless = SecurityOptions?.some((option) => option.includes('rootless')) ?? false
      this.#user = isRootless ? '0:0' : `${process.getuid()}:${process.getgid()}`
    }
    return this.#user
  }

  /** Tries again while the engine is away: its restart is no reason to use up the retries of trials. */
  async #overOutages<T>({ aborted, progress }: LaunchCalls, act: () => Promise<T>): Promise<T | Failed> {
    let awaySince: number | undefined
    for (;;) {
      try {
        return await act()
      } catch (error) {
        const said = engineSays(error)
        if (!isEngineAway(error)) return { kind: 'node-fault', message: `The Docker engine can't start it: ${said}.` }
        if (aborted.aborted) return { kind: 'aborted' }
        awaySince ??= performance.now()
        if (performance.now() - awaySince > AWAY_MS) {
          return { kind: 'node-fault', message: `The Docker engine does not answer: ${said}.` }
        }
        progress(`waiting for the Docker engine: ${said}`)
        await sleep(AGAIN_MS)
      }
    }
  }
}

/** The containers of an agent, ended or not. */
export function containersOf(engine: Docker, agentId: string) {
  return engine.listContainers({ all: true, filters: { label: [`${AGENT_LABEL}=${agentId}`] } })
}

/** With SIGKILL if it still runs. Nothing to do when there is none. */
export async function removeContainer(engine: Docker, name: string): Promise<void> {
  try {
    await engine.getContainer(name).remove({ force: true, v: true })
  } catch (error) {
    // 409: somebody else is at it.
    if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
  }
}

function startFailure(image: string, error: unknown): Launched {
  const said = engineSays(error)
  if (NO_DEVICES.test(said)) {
    const hint = 'Install the NVIDIA Container Toolkit on this host, or ask for gpus: 0.'
    return { kind: 'node-fault', message: `The Docker engine can't give containers GPUs here: ${said}. ${hint}` }
  }
  const message = `A container of ${image} can't be started: ${said}.`
  return { kind: statusOf(error) === 400 || BAD_CONTAINER.test(said) ? 'bad-command' : 'node-fault', message }
}
