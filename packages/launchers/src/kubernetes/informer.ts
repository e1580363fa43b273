import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type KubeClient, KubeError } from './kube-client.ts'
import { Status } from './objects.ts'

/** The server ends a watch after this by itself; one that is still silent a while later is dead. */
const WATCH_S = 240
const WATCH_MARGIN_MS = 15_000
const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 5000

const List = z.object({ metadata: z.object({ resourceVersion: z.string() }), items: z.array(z.unknown()) })
const Event = z.object({ type: z.string(), object: z.unknown() })
const Versioned = z.object({ metadata: z.object({ resourceVersion: z.string() }) })

interface Named {
  readonly metadata: { readonly uid: string }
}

export interface InformerOptions<T> {
  readonly client: KubeClient
  /** Of the collection, such as `/api/v1/namespaces/team-a/pods`. */
  readonly path: string
  readonly labelSelector: string
  readonly schema: z.ZodType<T>
  /** An object is new or different, or gone; then it is as it was last. */
  readonly onChange: (object: T, isGone: boolean) => void
  /** All that there is has been told: what is not known now does not exist. */
  readonly onListed: () => void
  /** The cluster tells what changes from now on; told each time that it can be asked again. */
  readonly onWatching?: () => void
  /** The cluster can't be asked; told each time. */
  readonly onTrouble: (error: unknown) => void
}

/**
 * Knows the objects of one collection, by a list and then a watch from there. A watch that is cut is resumed from the
 * last version seen; where the server no longer has what came after it (410 Gone), everything is listed again. The client
 * library's informer ends at the first error and leaves both to its caller.
 */
export class Informer<T extends Named> {
  readonly #options: InformerOptions<T>
  readonly #closed = new AbortController()
  #objects = new Map<string, T>()
  #version: string | undefined
  #backoffMs = FIRST_BACKOFF_MS
  #isListed = false

  constructor(options: InformerOptions<T>) {
    this.#options = options
    void this.#run()
  }

  /** By uid. */
  get objects(): ReadonlyMap<string, T> {
    return this.#objects
  }

  /** Everything has been listed at least once. */
  get isListed(): boolean {
    return this.#isListed
  }

  close(): void {
    this.#closed.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list()
        await this.#watch()
        // A server that ends every watch at once is not asked without a pause.
        await sleep(FIRST_BACKOFF_MS, undefined, { signal })
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof KubeError && (error.status === 410 || error.reason === 'Expired')) {
          this.#version = undefined
          continue
        }
        this.#options.onTrouble(error)
        await sleep(this.#backoffMs, undefined, { signal }).catch(() => undefined)
        this.#backoffMs = Math.min(LONGEST_BACKOFF_MS, this.#backoffMs * 2)
      }
    }
  }

  async #list(): Promise<void> {
    const { client, labelSelector, path, schema } = this.#options
    const answer = await client.call('GET', path, { query: { labelSelector }, signal: this.#closed.signal })
    const list = List.parse(answer)
    const objects = list.items.map((item) => schema.parse(item))
    const before = this.#objects
    this.#objects = new Map(objects.map((object) => [object.metadata.uid, object]))
    this.#version = list.metadata.resourceVersion
    this.#isListed = true
    for (const [uid, object] of before) if (!this.#objects.has(uid)) this.#options.onChange(object, true)
    for (const object of this.#objects.values()) this.#options.onChange(object, false)
    this.#options.onListed()
  }

  async #watch(): Promise<void> {
    const { client, labelSelector, path } = this.#options
    const query = {
      ...{ watch: 'true', labelSelector, allowWatchBookmarks: 'true', timeoutSeconds: String(WATCH_S) },
      resourceVersion: this.#version ?? '',
    }
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(WATCH_S * 1000 + WATCH_MARGIN_MS)])
    const stream = await client.stream(path, query, signal)
    this.#options.onWatching?.()
    stream.setEncoding('utf8')
    let rest = ''
    for await (const chunk of stream) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#take(Event.parse(JSON.parse(line)))
    }
  }

  #take({ type, object }: z.infer<typeof Event>): void {
    if (type === 'ERROR') {
      const { code = 0, reason = '', message = 'the watch ended' } = Status.parse(object)
      throw new KubeError(code, reason, message)
    }
    if (type !== 'BOOKMARK') {
      const parsed = this.#options.schema.parse(object)
      const { uid } = parsed.metadata
      if (type === 'DELETED') this.#objects.delete(uid)
      else this.#objects.set(uid, parsed)
      this.#options.onChange(parsed, type === 'DELETED')
    }
    // Only now: what went wrong before is told again.
    this.#version = Versioned.parse(object).metadata.resourceVersion
    this.#backoffMs = FIRST_BACKOFF_MS
  }
}
