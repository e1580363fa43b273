import { ERROR_KINDS, type ErrorCode, SweepError } from '@sweep/spec/errors'

/** The part of `fetch` that the client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface HttpOptions {
  /** Address of the server, such as `http://127.0.0.1:4600`. */
  readonly url: string
  readonly token?: string | undefined
  readonly fetch?: Fetch
}

export interface Call {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly body?: unknown
  /** Instead of a body: bytes that are sent as they come. */
  readonly bytes?: AsyncIterable<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** Requests to one server, with its errors turned into `SweepError`s. */
export class Http {
  readonly url: string
  readonly #token: string | undefined
  readonly #fetch: Fetch

  constructor(options: HttpOptions) {
    this.url = options.url.replace(/\/+$/, '')
    this.#token = options.token
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init))
  }

  /**
   * The reply, body unread.
   *
   * @throws SweepError with the server's code, or `unreachable` when nothing answers
   */
  async send(call: Call): Promise<Response> {
    const response = await this.#fetchReply(call)
    if (response.ok) return response
    throw await this.#errorOf(response, call.signal)
  }

  /** Whether something is there for us. A refusal counts as no: the reply to HEAD can't say why, the next call will. */
  async exists(path: string): Promise<boolean> {
    const response = await this.#fetchReply({ method: 'HEAD', path })
    if (response.status >= 500) throw this.#notOurs(response)
    return response.ok
  }

  async #fetchReply(call: Call): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json', ...call.headers }
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`
    if (call.body !== undefined) headers['content-type'] = 'application/json'
    if (call.bytes !== undefined) headers['content-type'] = 'application/octet-stream'
    const init: RequestInit = { method: call.method ?? 'GET', headers, redirect: 'error' }
    if (call.body !== undefined) init.body = JSON.stringify(call.body)
    if (call.bytes !== undefined) Object.assign(init, { body: call.bytes, duplex: 'half' })
    if (call.signal !== undefined) init.signal = call.signal
    return this.#fetch(`${this.url}/api/v1${call.path}${queryText(call.query)}`, init).catch((error: unknown) => {
      throw this.#unreachable(error, call.signal)
    })
  }

  /** The reply's JSON. The server's own schemas describe it; what travels is not checked a second time here. */
  async json(call: Call): Promise<unknown> {
    const response = await this.send(call)
    if (response.status === 204) return undefined
    const text = await this.#textOf(response, call.signal)
    try {
      return JSON.parse(text)
    } catch (error) {
      throw this.#notOurs(response, error)
    }
  }

  async text(call: Call): Promise<string> {
    return this.#textOf(await this.send({ ...call, headers: { accept: 'text/plain', ...call.headers } }), call.signal)
  }

  async #textOf(response: Response, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await response.text()
    } catch (error) {
      throw this.#unreachable(error, signal)
    }
  }

  async #errorOf(response: Response, signal: AbortSignal | undefined): Promise<SweepError> {
    const text = await this.#textOf(response, signal)
    const body = errorFields(text)
    if (body === undefined) return this.#notOurs(response)
    return new SweepError(body.code, body.message, {
      ...(body.hint === undefined ? {} : { hint: body.hint }),
      details: body.details,
      retryable: response.status === 503 || response.status === 429,
    })
  }

  #notOurs(response: Response, cause?: unknown): SweepError {
    return new SweepError(
      'unreachable',
      `what answers at ${this.url} is not a sweep server (HTTP ${response.status})`,
      {
        hint: 'Check the address, and any proxy on the way.',
        retryable: response.status >= 500,
        cause,
      },
    )
  }

  #unreachable(error: unknown, signal: AbortSignal | undefined): unknown {
    // What the caller aborted is not the server's fault.
    if (signal?.aborted) return signal.reason
    // Nor is what went wrong with the bytes that were to be sent.
    if (error instanceof Error && error.cause instanceof SweepError) return error.cause
    return new SweepError('unreachable', `no server answers at ${this.url} (${reasonOf(error)})`, {
      hint: 'Start one with `sweep server start`, or set SWEEP_URL to where it runs.',
      cause: error,
    })
  }
}

function errorFields(
  text: string,
): { code: ErrorCode; message: string; hint: string | undefined; details: unknown } | undefined {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof body !== 'object' || body === null) return undefined
  if (!('code' in body) || !('message' in body) || typeof body.message !== 'string') return undefined
  return {
    // A newer server may know codes that this client does not.
    code: isErrorCode(body.code) ? body.code : 'internal',
    message: body.message,
    hint: 'hint' in body && typeof body.hint === 'string' ? body.hint : undefined,
    details: 'details' in body ? body.details : undefined,
  }
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_KINDS, code)
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0])
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
    return cause.code === 'ECONNREFUSED' ? 'connection refused' : cause.code
  }
  return cause instanceof Error ? cause.message : String(cause)
}

function queryText(query: Call['query']): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue
    for (const item of Array.isArray(value) ? value : [value]) search.append(name, String(item))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}
