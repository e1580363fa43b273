import { createHmac } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { EventBody } from '@sweep/spec/webhooks'
import { type CheckedAddress, checkedAddress, parseWebhookUrl, type Resolve } from './public-address.ts'

export interface Target {
  readonly id: string
  readonly url: string
  readonly secret: string
  readonly format: 'json' | 'slack'
}

export interface SendOptions {
  readonly allowPrivate: boolean
  /** For the whole of a try, from the connection to the end of the reply. */
  readonly timeoutMs: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly resolve?: Resolve
}

/** `error` says why it was not delivered; null when it was. */
export interface Sent {
  readonly status: number | null
  readonly error: string | null
}

/** Longest reply that is read; nobody looks at it. */
const MOST_REPLY = 65_536

/**
 * Sends one event and waits for the reply: any 2xx has taken it. Redirects are not followed. Never throws: what goes
 * wrong is the receiver's, and is told.
 */
export async function sendWebhook(target: Target, seq: number, body: EventBody, options: SendOptions): Promise<Sent> {
  try {
    const url = parseWebhookUrl(target.url)
    const address = await checkedAddress(url, options)
    const text = JSON.stringify(target.format === 'slack' ? slackMessage(body) : { id: seq, ...body })
    const seconds = Math.floor(options.now / 1000)
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(text)),
      'user-agent': 'sweep-webhook',
      'sweep-event': body.kind,
      'sweep-delivery': `${target.id}-${seq}`,
      'sweep-timestamp': String(seconds),
      'sweep-signature': `v1=${signature(target.secret, seconds, text)}`,
    }
    return await post(url, address, headers, text, options.timeoutMs)
  } catch (error) {
    return { status: null, error: error instanceof Error ? error.message : String(error) }
  }
}

/** Hexadecimal HMAC-SHA256 of `<timestamp>.<body>`. */
export function signature(secret: string, seconds: number, text: string): string {
  return createHmac('sha256', secret).update(`${seconds}.${text}`).digest('hex')
}

function slackMessage({ kind, project, text }: EventBody): unknown {
  // Of Slack's own markup only these three begin anything; names of people's sweeps must not mention channels.
  const plain = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return {
    text: `[${kind}] ${plain}${project === null || project === 'default' ? '' : ` (${project.replaceAll(/[&<>]/g, ' ')})`}`,
  }
}

function post(
  url: URL,
  { address, family }: CheckedAddress,
  headers: Record<string, string>,
  text: string,
  timeoutMs: number,
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = send(
      url,
      {
        method: 'POST',
        headers,
        // No connection is kept: the next one is checked anew.
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
        // The name stays that of the address for TLS and the Host header, but is not looked up again.
        lookup: (_host, options, done) => {
          if (options.all === true) done(null, [{ address, family }])
          else done(null, address, family)
        },
      },
      (response) => {
        const status = response.statusCode ?? 0
        let bytes = 0
        const answered = () => {
          const isTaken = status >= 200 && status < 300
          const hint = status >= 300 && status < 400 ? '; redirects are not followed' : ''
          resolve({ status, error: isTaken ? null : `the receiver answered ${status}${hint}` })
        }
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes <= MOST_REPLY) return
          answered()
          response.destroy()
        })
        response.on('end', answered)
        response.on('error', reject)
      },
    )
    request.on('error', (error) => {
      const isLate = error.name === 'TimeoutError' || error.name === 'AbortError'
      reject(isLate ? new Error(`no answer within ${timeoutMs / 1000} s`) : error)
    })
    request.end(text)
  })
}
