import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import type { Json } from '@sweep/spec/number'
import { z } from 'zod'
import type { Manifest, ServerVersion } from './job-manifest.ts'
import { Status } from './objects.ts'

/** An API server that does not answer is asked again; it must not hold up what waits for the answer. */
const CALL_MS = 15_000
/** An answer of several megabytes is a list; more is a mistake. */
const MOST_BYTES = 256 * 1024 * 1024

/** The API server refused, or could not be reached (`status` 0). */
export class KubeError extends Error {
  readonly status: number
  /** One word of Kubernetes', such as `AlreadyExists`. */
  readonly reason: string

  constructor(status: number, reason: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'KubeError'
    this.status = status
    this.reason = reason
  }

  /** The same call may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

/** One step of RFC 6902. */
export interface PatchStep {
  readonly op: 'add' | 'replace' | 'test' | 'remove'
  readonly path: string
  readonly value?: Json
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string>> | undefined
  readonly body?: Manifest | undefined
  /** Of PATCH, in place of a body. */
  readonly patch?: readonly PatchStep[] | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Plain HTTP to an API server: the client library's typed calls drop the fields of a template that are newer than they
 * are, and its log stream tells neither errors nor its end. Which server, and who we are to it, is the library's to say.
 */
export class KubeClient {
  readonly #config: KubeConfig

  constructor(config: KubeConfig) {
    this.#config = config
  }

  /** Such as `https://10.0.0.1:6443`, for people. */
  get server(): string {
    return this.#config.getCurrentCluster()?.server ?? ''
  }

  /** Of the context in use; `default` where it names none. */
  get namespace(): string {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace ?? 'default'
  }

  async version(): Promise<ServerVersion> {
    // Managed clusters write things like "31+".
    const text = z.object({ major: z.string(), minor: z.string() }).parse(await this.call('GET', '/version'))
    return { major: Number.parseInt(text.major, 10), minor: Number.parseInt(text.minor, 10) }
  }

  /**
   * One call, answered with JSON.
   * @throws KubeError
   */
  async call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options: CallOptions = {}): Promise<unknown> {
    const deadline = AbortSignal.timeout(CALL_MS)
    const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline])
    const response = await this.#send(method, path, { ...options, signal })
    const text = await read(response)
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new KubeError(0, 'NotJson', `${this.server} answered something that is no JSON.`, cause)
    }
  }

  /**
   * A call whose answer has no end, for as long as `signal` lets it.
   * @throws KubeError
   */
  async stream(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage> {
    const unanswered = new AbortController()
    const timer = setTimeout(() => unanswered.abort(), CALL_MS)
    try {
      return await this.#send('GET', path, { query, signal: AbortSignal.any([signal, unanswered.signal]) })
    } finally {
      clearTimeout(timer)
    }
  }

  async #send(method: string, path: string, { query, body, patch, signal }: CallOptions): Promise<IncomingMessage> {
    const url = new URL(this.server.replace(/\/+$/, '') + path)
    for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value)
    const options: RequestOptions = { method, headers: { accept: 'application/json' }, signal }
    const sent = patch ?? body
    const text = sent === undefined ? undefined : JSON.stringify(sent)
    if (text !== undefined) {
      // Node announces no body of a DELETE by itself, and the server would orphan the pods of a Job.
      const length = { 'content-length': Buffer.byteLength(text) }
      const type = patch === undefined ? 'application/json' : 'application/json-patch+json'
      options.headers = { ...options.headers, 'content-type': type, ...length }
    }
    let response: IncomingMessage
    try {
      await this.#config.applyToHTTPSOptions(options)
      response = await new Promise<IncomingMessage>((resolve, reject) => {
        const send = url.protocol === 'http:' ? httpRequest : httpsRequest
        const request = send(url, options, resolve)
        request.on('error', reject)
        // Else a server that vanishes without a word is never missed.
        request.on('socket', (socket) => socket.setKeepAlive(true, 10_000))
        request.end(text)
      })
    } catch (cause) {
      throw new KubeError(0, 'Unreachable', `${this.server} does not answer: ${(cause as Error).message}`, cause)
    }
    if (response.statusCode === 200 || response.statusCode === 201 || response.statusCode === 202) return response
    throw await refusal(response, `${method} ${path}`)
  }
}

async function refusal(response: IncomingMessage, what: string): Promise<KubeError> {
  const code = response.statusCode ?? 0
  const text = await read(response)
  try {
    const { reason = '', message } = Status.parse(JSON.parse(text))
    return new KubeError(code, reason, message ?? `${what}: ${code}`)
  } catch {
    return new KubeError(code, '', `${what}: ${code} ${text.slice(0, 200)}`)
  }
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > MOST_BYTES) throw new Error(`more than ${MOST_BYTES} bytes`)
    }
  } catch (cause) {
    throw new KubeError(0, 'CutOff', `An answer of the API server was cut off: ${(cause as Error).message}`, cause)
  }
  return Buffer.concat(chunks).toString('utf8')
}
