import { setTimeout as sleep } from 'node:timers/promises'
import { type KubeClient, KubeError } from './kube-client.ts'
import { Pod } from './objects.ts'
import { RunLog } from './run-log.ts'

const SAVE_EVERY_MS = 1000
const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 2000
/** Once the program has ended and nothing more comes, the stream that follows its output ends by itself within this. */
const STREAM_END_MS = 3000

/** Brings what a pod prints into the run folder, for as long as it runs and through every cut of the connection. */
export class LogFollower {
  readonly #client: KubeClient
  /** Of the pod. */
  readonly #path: string
  readonly #uid: string
  readonly #container: string
  readonly #log: RunLog
  readonly #onTrouble: (error: unknown) => void
  readonly #closed = new AbortController()
  readonly #following: Promise<void>
  #stream = new AbortController()
  #isEnded = false
  /** Run once the program has ended, and anew with each piece of output. */
  #patience: NodeJS.Timeout[] = []
  #savedAt = 0

  constructor(client: KubeClient, pod: Pod, outputPath: string, onTrouble: (error: unknown) => void) {
    const { name, namespace, uid } = pod.metadata
    this.#client = client
    this.#path = `/api/v1/namespaces/${namespace}/pods/${name}`
    this.#uid = uid
    this.#container = pod.spec.containers[0]?.name ?? ''
    this.#onTrouble = onTrouble
    this.#log = new RunLog(outputPath, uid)
    this.#following = this.#follow()
  }

  /**
   * The program has ended. Resolves once all that it printed is in the run folder, or can't be had any more.
   * @param patienceMs how long to wait for more of it from a node that does not answer
   */
  async finish(patienceMs: number): Promise<void> {
    this.#isEnded = true
    this.#patience = [
      setTimeout(() => this.#stream.abort(), STREAM_END_MS),
      setTimeout(() => this.#closed.abort(), patienceMs),
    ]
    await this.#following
    for (const timer of this.#patience) clearTimeout(timer)
  }

  /** Reads no further; another agent may go on from here. */
  close(): void {
    this.#closed.abort()
  }

  async #follow(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS
    for (;;) {
      // Once the program has ended, one reading that began after that has everything.
      const isLast = this.#isEnded
      try {
        const bytes = await this.#read(!isLast)
        if (isLast) break
        if (bytes > 0) backoffMs = FIRST_BACKOFF_MS
      } catch (error) {
        if (this.#closed.signal.aborted || (await this.#isGone(error, isLast))) break
        if (!this.#isEnded) this.#onTrouble(error)
      }
      await sleep(this.#isEnded ? FIRST_BACKOFF_MS : backoffMs, undefined, { signal: this.#closed.signal }).catch(
        () => undefined,
      )
      backoffMs = Math.min(LONGEST_BACKOFF_MS, backoffMs * 2)
    }
    this.#log.close()
  }

  /** Whether what a reading failed with is final. */
  async #isGone(error: unknown, isLast: boolean): Promise<boolean> {
    if (!(error instanceof KubeError)) return false
    if (error.status !== 404) return error.status === 400 && isLast
    // A kubelet that has just been started knows no pods yet, and says of each that there is none; so does one that has
    // removed the containers of a pod that is being deleted.
    try {
      const { metadata } = Pod.parse(await this.#client.call('GET', this.#path, { signal: this.#closed.signal }))
      return metadata.uid !== this.#uid || (isLast && metadata.deletionTimestamp !== undefined)
    } catch (cause) {
      return cause instanceof KubeError && cause.status === 404
    }
  }

  /** One reading, from where the log is known up to; with `follow` until it ends or breaks. */
  async #read(follow: boolean): Promise<number> {
    const sinceTime = this.#log.restart()
    this.#stream = new AbortController()
    const signal = AbortSignal.any([this.#closed.signal, this.#stream.signal])
    const query = {
      ...{ container: this.#container, timestamps: 'true', follow: String(follow) },
      ...(sinceTime === undefined ? {} : { sinceTime }),
    }
    let bytes = 0
    try {
      for await (const chunk of await this.#client.stream(`${this.#path}/log`, query, signal)) {
        this.#log.push(chunk)
        bytes += chunk.length
        for (const timer of this.#patience) timer.refresh()
        if (performance.now() - this.#savedAt >= SAVE_EVERY_MS) this.#save()
      }
      if (!follow) this.#log.push(Buffer.alloc(0), true)
      return bytes
    } finally {
      this.#save()
    }
  }

  #save(): void {
    this.#savedAt = performance.now()
    try {
      this.#log.savePosition()
    } catch (error) {
      // A full disk: what was read since is read again.
      this.#onTrouble(error)
    }
  }
}
