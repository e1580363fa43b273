import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Metadata } from '@grpc/grpc-js'
import { SweepError } from '@sweep/spec/errors'
import { ErrorBody } from '@sweep/spec/wire/api'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { App } from '../http/app.ts'
import type { Route, Values } from './routes.ts'

/** Who calls a method, and until when. */
export interface Caller {
  readonly metadata: Metadata
  /** `address:port`. */
  getPeer(): string
}

/** What a route said instead of an answer. */
export class RouteRefusal extends Error {
  readonly body: ErrorBody
  readonly retryable: boolean

  constructor(body: ErrorBody, retryable: boolean) {
    super(body.message)
    this.name = 'RouteRefusal'
    this.body = body
    this.retryable = retryable
  }
}

/** Metadata that the routes look at: who asks, and whether a proxy stands in between. */
const PASSED_ON = ['authorization', 'forwarded', 'x-forwarded-for', 'user-agent']

/** Calls routes of the HTTP API in this process, so that each rule has one place: access, checks, limits, errors, counts. */
export class RouteCaller {
  readonly #app: App

  constructor(app: App) {
    this.#app = app
  }

  /** @throws RouteRefusal; SweepError `invalid-request` where a part of the address is missing */
  async call(route: Route, fields: Values, caller: Caller, signal: AbortSignal): Promise<Values> {
    const { url, body } = requestOf(route, fields)
    const sent = body === undefined ? undefined : { type: 'application/json', payload: JSON.stringify(body) }
    const response = await this.#inject({ method: route.method, url, signal }, sent, caller)
    if (response.statusCode >= 400) throw refusal(response, response.payload)
    const reply: Values = response.payload === '' ? {} : JSON.parse(response.payload)
    return route.reply?.(reply) ?? reply
  }

  async upload(route: Route, fields: Values, bytes: Readable, caller: Caller, signal: AbortSignal): Promise<Values> {
    const { url } = requestOf(route, fields)
    const sent = { type: 'application/octet-stream', payload: bytes }
    const response = await this.#inject({ method: route.method, url, signal }, sent, caller)
    if (response.statusCode >= 400) throw refusal(response, response.payload)
    return JSON.parse(response.payload)
  }

  async download(route: Route, fields: Values, caller: Caller, signal: AbortSignal): Promise<Download> {
    const { url } = requestOf(route, fields)
    const response = await this.#inject({ method: route.method, url, signal, payloadAsStream: true }, undefined, caller)
    if (response.statusCode >= 400) throw refusal(response, await text(response.stream()))
    return {
      sha256: String(response.headers['x-content-sha256']),
      sizeBytes: Number(response.headers['content-length']),
      bytes: response.stream(),
    }
  }

  #inject(
    options: InjectOptions,
    sent: { readonly type: string; readonly payload: string | Readable } | undefined,
    caller: Caller,
  ): Promise<LightMyRequestResponse> {
    return this.#app.inject({
      ...options,
      remoteAddress: addressOf(caller.getPeer()),
      headers: { ...headersOf(caller.metadata), ...(sent === undefined ? {} : { 'content-type': sent.type }) },
      ...(sent === undefined ? {} : { payload: sent.payload }),
    })
  }
}

export interface Download {
  readonly sha256: string
  readonly sizeBytes: number
  readonly bytes: Readable
}

function requestOf(route: Route, fields: Values): { readonly url: string; readonly body: Values | undefined } {
  const inPath = new Set<string>()
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    inPath.add(name)
    return segment(name, fields[name])
  })
  const given = Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      inPath.has(name) ? [] : [[route.renamed?.[name] ?? name, value]],
    ),
  )
  const rest = route.request?.(given) ?? given
  const hasBody = route.method !== 'GET' && route.method !== 'DELETE'
  const isInQuery = (name: string) => !hasBody || route.query?.includes(name) === true
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(rest).filter(([name]) => isInQuery(name))) {
    for (const one of [value].flat()) query.append(name, String(one))
  }
  const body = Object.fromEntries(Object.entries(rest).filter(([name]) => !isInQuery(name)))
  return { url: `/api/v1${path}${query.size === 0 ? '' : `?${query}`}`, body: hasBody ? body : undefined }
}

function segment(name: string, value: unknown): string {
  const text = value === undefined ? '' : String(value)
  // These would lead to another route, however they are encoded.
  const isWrong = text === '.' || text === '..' || /\p{Surrogate}/u.test(text)
  if (isWrong) throw new SweepError('invalid-request', `${name}: ${JSON.stringify(text)} can't be one`)
  if (text === '') throw new SweepError('invalid-request', `${name}: is missing`)
  return encodeURIComponent(text)
}

function headersOf(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => {
      const values = metadata.get(name)
      return values.length === 0 ? [] : [[name, values.map(String).join(', ')]]
    }),
  )
}

/** `[::1]:50000` -> `::1`. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

function refusal({ statusCode, headers }: LightMyRequestResponse, payload: string): RouteRefusal {
  const parsed = ErrorBody.safeParse(parseJson(payload))
  const body = parsed.success ? parsed.data : { code: 'internal', message: `the route answered ${statusCode}` }
  return new RouteRefusal(body, headers['retry-after'] !== undefined)
}

function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}
