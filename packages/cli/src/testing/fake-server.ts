import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FactBody } from '@sweep/spec/facts'
import type { LeaderboardRow, SweepDetail, TrialView } from '@sweep/spec/wire/api'

export interface Call {
  readonly method: string
  /** Path and query below `/api/v1`. */
  readonly path: string
  readonly body: unknown
  readonly headers: IncomingMessage['headers']
}

/** Answers one call: a value is 200 with that JSON, `[status, json]` anything else, undefined goes to the next route. */
export type Route = (call: Call, response: ServerResponse) => unknown

export interface FakeServer {
  readonly url: string
  readonly calls: Call[]
  close(): Promise<void>
}

/** An HTTP server that answers from routes, `METHOD /path` without the query. */
export async function startFakeServer(routes: Readonly<Record<string, Route>>, port = 0): Promise<FakeServer> {
  const calls: Call[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const path = (request.url ?? '').replace(/^\/api\/v1/, '')
    const isJson = request.headers['content-type']?.startsWith('application/json') === true
    const body: unknown = isJson && text !== '' ? JSON.parse(text) : undefined
    const call: Call = { method: request.method ?? '', path, body, headers: request.headers }
    calls.push(call)
    const route = routes[`${call.method} ${path.split('?')[0]}`]
    const answer = route?.(call, response)
    if (response.headersSent) return
    // It has every object, so that nothing is uploaded where no test asks for it.
    if (route === undefined && call.method === 'HEAD') {
      response.writeHead(200).end()
      return
    }
    const [status, json] = isStatus(answer)
      ? answer
      : route === undefined
        ? [404, { code: 'not-found', message: `no ${call.method} ${path}` }]
        : [200, answer]
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function isStatus(answer: unknown): answer is [number, unknown] {
  return Array.isArray(answer) && answer.length === 2 && typeof answer[0] === 'number'
}

export const SWEEP_ID = 'k3v9x0abcd'
const CREATED = '2026-01-01T00:00:00.000Z'

export function fakeSweep(changes: Partial<Record<keyof SweepDetail, unknown>> = {}): Record<string, unknown> {
  return {
    id: SWEEP_ID,
    name: 'digits',
    project: 'default',
    state: 'completed',
    reason: null,
    method: 'random',
    metric: { name: 'val_loss', goal: 'minimize' },
    trials: { queued: 0, running: 0, paused: 0, completed: 2, pruned: 1, failed: 0, cancelled: 0 },
    best: { trial: 2, value: 0.125, config: { lr: 0.001, opt: 'adam' } },
    parallelism: null,
    priority: 1,
    budget: { trials: 3 },
    gpuSeconds: 0,
    createdAt: CREATED,
    endedAt: '2026-01-01T00:05:00.000Z',
    document: {
      project: 'default',
      tags: [],
      method: 'random',
      metric: { name: 'val_loss', goal: 'minimize', summary: 'best' },
      space: {
        parameters: [
          { type: 'float', name: 'lr', path: ['lr'], min: 1e-5, max: 0.1, scale: 'log' },
          { type: 'choice', name: 'opt', path: ['opt'], values: ['adam', 'sgd'] },
        ],
      },
      program: 'train.py',
      command: ['${env}', '${interpreter}', '${program}', '${args}'],
      priority: 1,
      resources: {},
      retry: { max: 0, lostMax: 3 },
      budget: { trials: 3 },
      graceMs: 30000,
      env: {},
      seed: 1,
      queue: 'default',
      launcher: 'process',
      capture: { stdout: 'auto', patterns: [] },
    },
    source: 'name: digits\n',
    workdir: '/data',
    code: { kind: 'folder' },
    ...changes,
  }
}

export function fakeTrial(
  number: number,
  changes: Partial<Record<keyof TrialView, unknown>> = {},
): Record<string, unknown> {
  return {
    id: `${SWEEP_ID}-${number}`,
    number,
    state: 'completed',
    config: { lr: number / 1000, opt: 'adam' },
    source: 'sampler',
    value: number / 8,
    lastValue: number / 8,
    lastStep: 9,
    reports: 9,
    attempts: 1,
    reason: null,
    cause: 'succeeded',
    agent: 'local',
    createdAt: CREATED,
    startedAt: CREATED,
    endedAt: CREATED,
    ...changes,
  }
}

export function fakeRow(
  rank: number | null,
  number: number,
  changes: Partial<Record<keyof LeaderboardRow, unknown>> = {},
) {
  return { ...fakeTrial(number, changes), rank }
}

/** Facts as the API sends them, numbered from 1. */
export function fakeFacts(bodies: readonly FactBody[]): { seq: number; at: string; body: unknown }[] {
  return bodies.map((body, i) => ({ seq: i + 1, at: CREATED, body }))
}

/**
 * A server-sent event stream that begins after `Last-Event-ID`, and stays open after the last fact unless told; `sweep`
 * is the state sent before the facts, as the server does.
 */
export function factStream(
  facts: readonly { seq: number; at: string; body: unknown }[],
  options: { end?: boolean; sweep?: unknown; findings?: readonly unknown[] } = {},
): Route {
  return (call, response) => {
    const after = Number(call.headers['last-event-id'] ?? 0)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (options.sweep !== undefined) {
      response.write(`data: ${JSON.stringify({ type: 'sweep', sweep: options.sweep, findings: options.findings })}\n\n`)
    }
    for (const fact of facts.filter(({ seq }) => seq > after)) {
      response.write(`id: ${fact.seq}\ndata: ${JSON.stringify({ type: 'fact', fact })}\n\n`)
    }
    if (options.end === true) response.end()
    return undefined
  }
}

/** What commands ask of every server, and of one sweep, beside `routes`; closed with those in `open`. */
export async function serveSweep(
  open: FakeServer[],
  routes: Record<string, Route>,
): Promise<{ server: FakeServer; env: Record<string, string> }> {
  const server = await startFakeServer({
    'GET /sweeps': (call) => {
      const name = new URL(call.path, 'http://x').searchParams.get('name')
      return { sweeps: name === null || name === 'digits' ? [fakeSweep()] : [], next: null }
    },
    [`GET /sweeps/${SWEEP_ID}`]: () => fakeSweep(),
    'GET /health': () => ({ status: 'ok', version: '0.1.0', database: 'ok', migration: null }),
    ...routes,
  })
  open.push(server)
  return { server, env: { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret' } }
}
