import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { StopReason } from '@sweep/spec/attempt'
import { AttemptId, SweepId } from '@sweep/spec/ids'
import {
  type Assignment,
  type AttemptReport,
  type AttemptStatus,
  Claim,
  type Ended,
  Heartbeat,
  Leftovers,
  type Point,
  RegisterAgent,
  Reports,
  type Sample,
  type Started,
} from '@sweep/spec/wire/agent-protocol'

/** All that the server knows of one attempt. */
export interface Known {
  readonly assignment: Assignment
  agentId: string | undefined
  /** What it waits for. */
  note: string | undefined
  started: Started | undefined
  ended: Ended | undefined
  readonly points: { readonly metrics: Point[]; readonly output: Point[] }
  readonly samples: Sample[]
  readonly offsets: { metrics: number; output: number; log: number }
  log: string
  stop: AttemptStatus['stop']
  isFenced: boolean
  claimedAt: number
  /** When each report came that said something of it. */
  readonly reportedAt: number[]
}

let count = 0

/**
 * The server's side of the agent protocol, for tests of the agent alone: it hands out assignments in order, keeps what it
 * is told the way the store does (by offset, fenced by epoch), and can be told to be away.
 */
export class FakeServer {
  readonly #server: Server
  readonly attempts = new Map<string, Known>()
  readonly requests: { readonly path: string; readonly token: string | undefined; readonly at: number }[] = []
  readonly registrations: RegisterAgent[] = []
  readonly heartbeats: Heartbeat[] = []
  readonly #queue: Assignment[] = []
  readonly #polls = new Set<() => void>()
  readonly #streams = new Set<ServerResponse>()
  /** Answers every request with 503 while set. */
  isAway = false
  /** Attempts that were handed out with the answer to a report. */
  readonly ridden = new Set<AttemptId>()
  /** The most attempts that one agent has had at once, as the server sees it. */
  mostOpen = 0
  /**
   * Answers reports with this status: 400 or 500 as it would to a report that it can't take, another one as something
   * between it and the agent would. `count` came in one request.
   */
  refuseReports: ((report: AttemptReport, count: number) => number | undefined) | undefined
  /** Reports that free a slot wait for `releaseReports` after they were taken, with work in hand for the agent. */
  holdReports = false
  heldReports = 0
  releaseReports: () => void = () => undefined
  userToken = 'swp_user_test'
  heartbeatMs = 200
  leaseMs = 2000

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.writeHead(400, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ code: 'invalid-request', message: String(error) }))
      })
    })
  }

  static async start(port = 0): Promise<FakeServer> {
    const server = new FakeServer()
    await new Promise<void>((resolve) => server.#server.listen(port, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async close(): Promise<void> {
    for (const poll of this.#polls) poll()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Queues one attempt that runs `command`; returns what will be known of it. */
  enqueue(command: readonly string[], given: Partial<Assignment> = {}): Known {
    count += 1
    const sweepId = SweepId.parse('testsweep0'.replace(/[^0-9a-hjkmnp-tv-z]/g, 'x'))
    const attemptId = AttemptId.parse(`${sweepId}-${process.pid % 10_000_000}${count}-1`)
    const assignment: Assignment = {
      attemptId,
      epoch: 1,
      token: `swp_trial_${attemptId}.1.secret`,
      sweepId,
      sweepName: 'test',
      trial: count,
      attempt: 1,
      seed: 7,
      config: { lr: 0.1 },
      space: { parameters: [{ name: 'lr', path: ['lr'], type: 'float', min: 0, max: 1, scale: 'linear' }] },
      command: [...command],
      workdir: '/tmp',
      launcher: 'process',
      env: {},
      shape: {},
      capture: { stdout: 'auto', patterns: [] },
      metric: 'val_loss',
      graceMs: 2000,
      ...given,
    }
    const known: Known = {
      assignment,
      agentId: undefined,
      note: undefined,
      started: undefined,
      ended: undefined,
      points: { metrics: [], output: [] },
      samples: [],
      offsets: { metrics: 0, output: 0, log: 0 },
      log: '',
      stop: null,
      isFenced: false,
      claimedAt: 0,
      reportedAt: [],
    }
    this.attempts.set(attemptId, known)
    this.#queue.push(assignment)
    for (const poll of this.#polls) poll()
    return known
  }

  /** Decides that an attempt is to stop; pushed on the stream unless `quietly`, when only replies carry it. */
  stop(known: Known, reason: StopReason, quietly = false): void {
    known.stop = { reason, verdict: { reason: `test says ${reason}` } }
    const { attemptId, epoch } = known.assignment
    if (!quietly) this.push({ type: 'stop', attemptId, epoch, ...known.stop })
  }

  push(event: unknown): void {
    for (const stream of this.#streams) stream.write(`event: x\ndata: ${JSON.stringify(event)}\n\n`)
  }

  get streams(): number {
    return this.#streams.size
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    const token = request.headers.authorization?.replace('Bearer ', '')
    this.requests.push({ path, token, at: performance.now() })
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const reply = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (this.isAway) return reply(503, { code: 'unavailable', message: 'away' })
    const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (path === '/api/v1/agents') {
      const registration = RegisterAgent.parse(body)
      const isKnown = registration.agentId !== undefined && token === `swp_agent_${registration.agentId}`
      if (token !== this.userToken && !isKnown) return reply(401, { code: 'unauthenticated', message: 'wrong token' })
      this.registrations.push(registration)
      const agentId = registration.agentId ?? `agent0000${this.registrations.length % 10}`
      return reply(200, {
        agentId,
        token: `swp_agent_${agentId}`,
        heartbeatMs: this.heartbeatMs,
        leaseMs: this.leaseMs,
      })
    }
    const [, agentId, action] = /^\/api\/v1\/agents\/([^/]+)\/(.+)$/.exec(path) ?? []
    if (token !== `swp_agent_${agentId}`) return reply(401, { code: 'unauthenticated', message: 'wrong token' })
    switch (action) {
      case 'claim':
        return reply(200, { assignments: await this.#claim(agentId ?? '', Claim.parse(body), response) })
      case 'reports':
        return this.#report(agentId ?? '', Reports.parse(body), reply, response)
      case 'heartbeat': {
        const heartbeat = Heartbeat.parse(body)
        this.heartbeats.push(heartbeat)
        return reply(200, {
          drain: false,
          attempts: heartbeat.attempts.map((one) => this.#status(one.attemptId, one.epoch)),
        })
      }
      case 'leftovers': {
        const { attempts } = Leftovers.parse(body)
        return reply(200, { attempts: attempts.filter(({ attemptId }) => this.attempts.get(attemptId)?.ended) })
      }
      case 'stream':
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(': hello\n\n')
        this.#streams.add(response)
        response.on('close', () => this.#streams.delete(response))
        return
      default:
        return reply(404, { code: 'not-found', message: path })
    }
  }

  async #claim(agentId: string, claim: Claim, response: ServerResponse): Promise<Assignment[]> {
    const deadline = performance.now() + claim.waitMs
    while (this.#queue.length === 0 && performance.now() < deadline && !response.destroyed && !this.isAway) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.max(1, deadline - performance.now()))
        const polls = this.#polls
        function done() {
          clearTimeout(timer)
          polls.delete(done)
          resolve()
        }
        polls.add(done)
        response.once('close', done)
      })
    }
    if (response.destroyed) return []
    const assignments: Assignment[] = []
    let { slots } = claim.room
    for (const assignment of [...this.#queue]) {
      const wants = Math.max(1, assignment.shape.gpus ?? 1)
      if (assignments.length >= claim.max || wants > slots) continue
      slots -= wants
      this.#queue.splice(this.#queue.indexOf(assignment), 1)
      assignments.push(assignment)
      const known = this.attempts.get(assignment.attemptId)
      if (known !== undefined) Object.assign(known, { agentId, claimedAt: performance.now() })
    }
    const isOpen = (known: Known) => known.agentId === agentId && known.ended === undefined && !known.isFenced
    this.mostOpen = Math.max(this.mostOpen, [...this.attempts.values()].filter(isOpen).length)
    return assignments
  }

  async #report(
    agentId: string,
    { attempts: reports, claim }: Reports,
    reply: (status: number, body: unknown) => void,
    response: ServerResponse,
  ): Promise<void> {
    for (const report of reports) {
      const status = this.refuseReports?.(report, reports.length)
      if (status === undefined) continue
      if (status !== 400 && status !== 500) {
        response.writeHead(status, { 'content-type': 'text/html' }).end('<html>not here</html>')
        return
      }
      reply(status, { code: status === 500 ? 'internal' : 'invalid-request', message: 'not this one' })
      return
    }
    const attempts = reports.map((report) => {
      const known = this.attempts.get(report.attemptId)
      if (known !== undefined && !known.isFenced && known.assignment.epoch === report.epoch) take(known, report)
      return this.#status(report.attemptId, report.epoch)
    })
    if (claim === undefined) return reply(200, { attempts })
    const assignments = await this.#claim(agentId, { ...claim, waitMs: 0 }, response)
    for (const { attemptId } of assignments) this.ridden.add(attemptId)
    if (this.holdReports && assignments.length > 0) {
      this.heldReports += 1
      await new Promise<void>((resolve) => {
        this.releaseReports = resolve
      })
    }
    reply(200, assignments.length === 0 ? { attempts } : { attempts, assignments })
  }

  #status(attemptId: AttemptId, epoch: number): AttemptStatus {
    const known = this.attempts.get(attemptId)
    if (known === undefined || known.isFenced || known.assignment.epoch !== epoch)
      return { attemptId, status: 'fenced', stop: null }
    return { attemptId, status: 'ok', offsets: { ...known.offsets }, stop: known.stop }
  }
}

function take(known: Known, report: AttemptReport): void {
  known.reportedAt.push(performance.now())
  known.note = report.note ?? known.note
  known.started ??= report.started
  known.samples.push(...report.samples)
  for (const batch of report.batches) {
    if (batch.from !== known.offsets[batch.source]) continue
    known.points[batch.source].push(...batch.points)
    known.offsets[batch.source] = batch.to
  }
  if (report.log !== undefined && report.log.offset >= known.offsets.log) {
    known.log += report.log.text
    known.offsets.log = report.log.to ?? report.log.offset + Buffer.byteLength(report.log.text)
  }
  known.ended ??= report.ended
}
