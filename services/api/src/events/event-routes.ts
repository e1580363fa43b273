import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { listSweeps } from '@sweep/store/sweeps'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { knownSweep, SweepPath } from '../sweeps/sweep-routes.ts'
import { sweepView } from '../sweeps/sweep-view.ts'
import { SseStream } from './sse.ts'
import { SweepFeed } from './sweep-feed.ts'

/** Shortest time between two rounds of news about all sweeps. */
const ROUND_MS = 500
const MOST_SWEEPS = 200
/** Far above any laptop's dashboards, below what memory and file descriptors bear. */
const MOST_STREAMS = 2000

const EventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).optional(),
  /** `false`: only the sweep's state, whenever it changes. */
  facts: z.enum(['true', 'false']).default('true'),
})
const LastEventId = z.coerce.number().int().min(0)

/** Server-sent events: one sweep's facts, and the state of all sweeps. */
export function addEventRoutes(app: App, context: ApiContext): void {
  const { database, hub, log } = context
  const feeds = new Map<SweepId, SweepFeed>()
  const overviews = new Set<SseStream>()
  const changed = new Set<string>()
  let isAllChanged = false
  let roundTimer: NodeJS.Timeout | undefined
  let streams = 0

  app.get(
    '/sweeps/:id/events',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Facts of a sweep as they happen (SSE); the id of an event is the number of its fact',
        params: SweepPath,
        querystring: EventsQuery,
      },
    },
    async (request, reply) => {
      const { id } = await knownSweep(request.params.id, context)
      const after = lastEventId(request.headers['last-event-id']) ?? request.query.after ?? 0
      const feed = feeds.get(id) ?? new SweepFeed(id, database, log)
      feeds.set(id, feed)
      const stream = open(new SseStream(admit(reply)))
      stream.ended.addEventListener('abort', () => {
        if (feed.isEmpty && feeds.get(id) === feed) feeds.delete(id)
      })
      feed.add(stream, request.query.facts === 'true' ? after : undefined)
    },
  )

  app.get(
    '/events',
    { config: { access: 'viewer' }, schema: { summary: 'The state of every sweep whenever it changes (SSE)' } },
    async (_request, reply) => {
      const sweeps = await listSweeps(database, { limit: MOST_SWEEPS })
      const stream = open(new SseStream(admit(reply)))
      stream.send(sweeps.map((sweep) => ({ event: 'sweep', data: { type: 'sweep', sweep: sweepView(sweep) } })))
      overviews.add(stream)
      stream.ended.addEventListener('abort', () => overviews.delete(stream))
    },
  )

  const unsubscribe = hub.on('sweep_changed', (sweepId) => {
    for (const [id, feed] of feeds) if (sweepId === undefined || sweepId === id) feed.wake()
    if (overviews.size === 0) return
    if (sweepId === undefined) isAllChanged = true
    else changed.add(sweepId)
    roundTimer ??= setTimeout(() => void sendRound(), ROUND_MS)
  })

  app.addHook('preClose', async () => {
    unsubscribe()
    clearTimeout(roundTimer)
    for (const feed of feeds.values()) feed.close()
    for (const stream of overviews) stream.close()
  })

  async function sendRound(): Promise<void> {
    roundTimer = undefined
    const ids = isAllChanged ? undefined : ([...changed] as SweepId[])
    isAllChanged = false
    changed.clear()
    try {
      const sweeps = await listSweeps(database, { limit: MOST_SWEEPS, ...(ids === undefined ? {} : { ids }) })
      const events = sweeps.map((sweep) => ({ event: 'sweep', data: { type: 'sweep', sweep: sweepView(sweep) } }))
      for (const stream of overviews) if (!stream.isBehind) stream.send(events)
    } catch (error) {
      // The listener connects again after an outage, and that starts a round over all sweeps.
      log.warn({ err: error }, 'sweeps not read')
    }
  }

  function admit<T>(reply: T): T {
    if (streams < MOST_STREAMS) return reply
    throw new SweepError('too-many-requests', `${MOST_STREAMS} event streams are open already`, { retryable: true })
  }

  function open(stream: SseStream): SseStream {
    streams += 1
    stream.ended.addEventListener('abort', () => {
      streams -= 1
    })
    return stream
  }
}

function lastEventId(header: unknown): number | undefined {
  if (header === undefined || header === '') return undefined
  const parsed = LastEventId.safeParse(header)
  if (parsed.success) return parsed.data
  throw new SweepError('invalid-request', 'Last-Event-ID is not the number of a fact')
}
