import type Docker from 'dockerode'
import type { Launched } from '../launcher.ts'
import { engineSays, isEngineAway, statusOf } from './engine-errors.ts'
import { type PullEvent, PullProgress } from './pull-progress.ts'
import type { Login } from './registry-login.ts'

/** A pull of which nothing was heard for this long is given up. */
const STALLED_MS = 300_000
const TELL_EVERY_MS = 1000

/** What registries and the engine say of an image that will not be there next time either. */
const NO_SUCH_IMAGE =
  /not found|manifest unknown|does not exist|access denied|denied:|unauthorized|authentication required|no basic auth credentials|invalid reference/i
/** And of one that they would give to somebody else. */
const REFUSED = /denied|unauthorized|authentication required|no basic auth credentials/i

export type Pulled = { readonly kind: 'pulled' } | Extract<Launched, { kind: 'bad-command' | 'node-fault' }>

interface Pull {
  readonly done: Promise<Pulled>
  readonly listeners: Set<(text: string) => void>
}

/** Pulls images, each once at a time however many attempts wait for it. */
export class ImagePuller {
  readonly #engine: Docker
  readonly #loginFor: (image: string) => Promise<Login>
  readonly #pulls = new Map<string, Pull>()

  constructor(engine: Docker, loginFor: (image: string) => Promise<Login>) {
    this.#engine = engine
    this.#loginFor = loginFor
  }

  /** @throws what the socket says when the engine is away */
  async pull(image: string, progress: (text: string) => void): Promise<Pulled> {
    const pull = this.#pulls.get(image) ?? this.#start(image)
    pull.listeners.add(progress)
    try {
      return await pull.done
    } finally {
      pull.listeners.delete(progress)
    }
  }

  #start(image: string): Pull {
    const listeners = new Set<(text: string) => void>()
    const tell = (text: string) => {
      for (const listener of listeners) listener(text)
    }
    const done = this.#pull(image, tell).finally(() => this.#pulls.delete(image))
    const pull = { done, listeners }
    this.#pulls.set(image, pull)
    return pull
  }

  async #pull(image: string, tell: (text: string) => void): Promise<Pulled> {
    const login = await this.#loginFor(image)
    const progress = new PullProgress(image)
    tell(progress.text)
    try {
      const stream = await this.#engine.createImage(login.auth ?? {}, nameOf(image))
      await this.#follow(stream as NodeJS.ReadableStream & { destroy(error: Error): void }, progress, tell)
      return { kind: 'pulled' }
    } catch (error) {
      if (isEngineAway(error)) throw error
      return pullFailure(image, login, error)
    }
  }

  #follow(
    stream: NodeJS.ReadableStream & { destroy(error: Error): void },
    progress: PullProgress,
    tell: (text: string) => void,
  ): Promise<void> {
    let told = performance.now()
    const stalled = () => stream.destroy(new Error(`nothing was heard of it for ${STALLED_MS / 60_000} minutes`))
    let timer = setTimeout(stalled, STALLED_MS)
    return new Promise<void>((resolve, reject) => {
      const finished = (error: Error | null) => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve()
      }
      this.#engine.modem.followProgress(stream, finished, (event: PullEvent) => {
        clearTimeout(timer)
        timer = setTimeout(stalled, STALLED_MS)
        // The stream ends as if all were well; that it is not is one of its lines.
        if (event.error !== undefined) reject(new Error(event.error))
        progress.take(event)
        if (performance.now() - told < TELL_EVERY_MS) return
        told = performance.now()
        tell(progress.text)
      })
    })
  }
}

/** Without a tag the engine would pull all there are. */
function nameOf(image: string): { fromImage: string; tag?: string } {
  const hasTag = image.includes('@') || image.lastIndexOf(':') > image.lastIndexOf('/')
  return hasTag ? { fromImage: image } : { fromImage: image, tag: 'latest' }
}

function pullFailure(image: string, login: Login, error: unknown): Pulled {
  const said = engineSays(error)
  const message = `The image ${image} can't be pulled: ${said}.`
  if (statusOf(error) === 400 || NO_SUCH_IMAGE.test(said)) {
    const hint = REFUSED.test(said) ? hintOf(login) : `Check its name and tag.`
    return { kind: 'bad-command', message: `${message} ${hint}` }
  }
  return { kind: 'node-fault', message }
}

/** Registries say the same of an image that does not exist and of one that is not for us. */
function hintOf({ auth, from, registry }: Login): string {
  const again = `\`${`docker login ${registry}`.trimEnd()}\` as the agent's user`
  if (auth === undefined) return `It was asked for without credentials: ${from}. Check its name, or use ${again}.`
  const who = 'username' in auth ? `The credentials of ${auth.username}` : 'The token'
  return `${who} from ${from} were sent. Check its name, or log in anew with ${again}.`
}
