import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ERROR_KINDS, type ErrorCode, SweepError } from '@sweep/spec/errors'
import { ErrorBody } from '@sweep/spec/wire/api'
import type { z } from 'zod'

/** A refused upload breaks a little before its refusal arrives. */
const REFUSAL_MS = 1000
/** Replies are a few kilobytes; a page of a stranger on that port may be anything. */
const LONGEST_REPLY_BYTES = 64 * 1024 * 1024

export interface CallOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/**
 * JSON over kept-alive connections by node:http, which takes a fifth of the CPU that fetch does for the small
 * requests an agent sends all day.
 */
export class HttpClient {
  readonly #base: string
  readonly #request: typeof httpRequest
  readonly #agent: HttpAgent
  token: string | undefined

  constructor(url: string, token: string | undefined) {
    this.#base = `${url}/api/v1`
    const isSecure = url.startsWith('https:')
    this.#request = isSecure ? httpsRequest : httpRequest
    const options = { keepAlive: true, keepAliveMsecs: 30_000, scheduling: 'lifo' } as const
    this.#agent = isSecure ? new HttpsAgent(options) : new HttpAgent(options)
    this.token = token
  }

  /**
   * @param body a value, or its JSON
   * @throws SweepError `unreachable` when there is no answer, the server's own code when it refuses, `internal` when
   * what comes back is no answer of ours
   */
  async post<T>(path: string, body: unknown, reply: z.ZodType<T>, options: CallOptions): Promise<T> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const { status, body: answer } = await this.#send(path, text, options)
    const parsed = parseJson(answer)
    if (status >= 400) throw refusal(status, parsed)
    const checked = reply.safeParse(parsed)
    if (checked.success) return checked.data
    throw new SweepError(
      'internal',
      `The server's answer to POST ${path} is not understood: ${checked.error.issues[0]?.path.join('.')} ${checked.error.issues[0]?.message}`,
      {
        hint: 'Are server and agent of the same version?',
      },
    )
  }

  /** Whether something is there; a refusal counts as no, as the reply to HEAD can't say why. */
  async exists(path: string, options: CallOptions): Promise<boolean> {
    const response = await this.#call(this.#open('HEAD', path, {}, options.signal), options.timeoutMs)
    response.resume()
    if ((response.statusCode ?? 0) >= 500) throw refusal(response.statusCode ?? 0, undefined)
    return response.statusCode === 200
  }

  /** Sends bytes as they come. `timeoutMs` is the longest that nothing may move. */
  async put(path: string, bytes: Readable, options: CallOptions): Promise<void> {
    const headers = { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' }
    const request = this.#open('PUT', path, headers, options.signal)
    const answered = this.#call(request, options.timeoutMs, false)
    answered.catch(() => undefined)
    const broken = new Promise<never>((_, reject) => {
      pipeline(bytes, request).catch(async (error: unknown) => {
        // A refusal may be on its way while bytes are sent; it says more than the broken pipe.
        if (isOfConnection(error)) await sleep(REFUSAL_MS, undefined, { ref: false })
        reject(isOfConnection(error) ? this.#noAnswer(error) : error)
      })
    })
    broken.catch(() => undefined)
    let fault: unknown
    bytes.once('error', (error) => {
      fault = error
    })
    try {
      const response = await Promise.race([answered, broken])
      const answer = await read(response)
      if (response.statusCode !== 200) throw refusal(response.statusCode ?? 0, parseJson(answer))
    } catch (error) {
      // Of bytes that could not be read the connection breaks as well.
      throw fault === undefined || isOfConnection(fault) ? error : fault
    } finally {
      // Does nothing once all is sent.
      bytes.destroy()
    }
  }

  /** The bytes of a reply. `timeoutMs` is the longest that none may come. */
  async download(path: string, options: CallOptions): Promise<Readable> {
    const response = await this.#call(this.#open('GET', path, {}, options.signal), options.timeoutMs)
    if (response.statusCode === 200) return response
    throw refusal(response.statusCode ?? 0, parseJson(await read(response)))
  }

  /** Follows a stream of server-sent events until it ends; rejects when it breaks or stays silent for `silenceMs`. */
  async follow(
    path: string,
    onData: (data: string) => void,
    options: { silenceMs: number; signal: AbortSignal; onOpen: () => void },
  ): Promise<void> {
    const request = this.#open('GET', path, { accept: 'text/event-stream' }, options.signal)
    request.setTimeout(options.silenceMs, () => request.destroy(new Error('the stream fell silent')))
    request.end()
    const response = await responseOf(request)
    if (response.statusCode !== 200) {
      throw refusal(response.statusCode ?? 0, parseJson(await read(response)))
    }
    options.onOpen()
    response.setEncoding('utf8')
    let rest = ''
    for await (const chunk of response) {
      const events = (rest + chunk).split(/\r?\n\r?\n/)
      rest = events.pop() ?? ''
      for (const event of events) {
        const data = event
          .split(/\r?\n/)
          .filter((line) => line.startsWith('data:'))
          .map((line) => line.slice(5).trimStart())
        if (data.length > 0) onData(data.join('\n'))
      }
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #send(path: string, text: string, options: CallOptions): Promise<{ status: number; body: string }> {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const request = this.#open('POST', path, headers, options.signal)
    request.setTimeout(options.timeoutMs, () => request.destroy(new Error(`no answer within ${options.timeoutMs} ms`)))
    request.end(text)
    try {
      const response = await responseOf(request)
      return { status: response.statusCode ?? 0, body: await read(response) }
    } catch (error) {
      throw this.#noAnswer(error)
    }
  }

  async #call(request: ClientRequest, timeoutMs: number, isWhole = true): Promise<IncomingMessage> {
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`nothing moved for ${timeoutMs} ms`)))
    if (isWhole) request.end()
    try {
      return await responseOf(request)
    } catch (error) {
      throw this.#noAnswer(error)
    }
  }

  #noAnswer(error: unknown): SweepError {
    const message = (error as Error).message || String((error as NodeJS.ErrnoException).code)
    return new SweepError('unreachable', `No answer from ${this.#base}: ${message}`, { cause: error })
  }

  #open(
    method: string,
    path: string,
    headers: Readonly<Record<string, string | number>>,
    signal: AbortSignal | undefined,
  ): ClientRequest {
    return this.#request(`${this.#base}${path}`, {
      method,
      agent: this.#agent,
      ...(signal === undefined ? {} : { signal }),
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...headers,
      },
    })
  }
}

/** What went wrong with the connection, and not with the bytes to be sent. */
function isOfConnection(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^(ECONN|EPIPE|ERR_STREAM_PREMATURE_CLOSE|ETIMEDOUT|ABORT_ERR|ENOTFOUND|EHOST|ENET)/.test(code)
}

function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
  })
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += (chunk as Buffer).length
    if (size > LONGEST_REPLY_BYTES) throw new Error('the answer is too long')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refusal(status: number, body: unknown): SweepError {
  const parsed = ErrorBody.safeParse(body)
  if (parsed.success) {
    const { code, message, hint } = parsed.data
    const known = (Object.hasOwn(ERROR_KINDS, code) ? code : 'internal') as ErrorCode
    return new SweepError(known, message, {
      ...(hint === undefined ? {} : { hint }),
      retryable: status >= 500 || status === 429,
    })
  }
  const code =
    status === 413
      ? 'too-large'
      : status === 401
        ? 'unauthenticated'
        : status === 404
          ? 'not-found'
          : status >= 500
            ? 'unavailable'
            : 'internal'
  return new SweepError(code, `The server answered ${status}.`)
}
