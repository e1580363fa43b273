import { setTimeout as delay } from 'node:timers/promises'
import { SweepError } from '@sweep/spec/errors'
import { LogPage, MetricsReply, TrialEnvironment } from '@sweep/spec/wire/api'
import { type AttemptRecord, listAttempts, wholeEnvironment } from '@sweep/store/attempt-record'
import { readLog } from '@sweep/store/logs'
import { metricNames, readSeries, type Series } from '@sweep/store/metrics'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { logPage } from './log-page.ts'
import { knownTrial, TrialPath } from './trial-routes.ts'

/** Series in one reply when none is named. */
const MOST_SERIES = 100
/** How often a log that somebody follows is looked at. */
const LOG_LOOK_MS = 250

const AttemptNumber = z.coerce.number().int().min(1).max(999_999)
const MetricsQuery = z.strictObject({
  name: z
    .union([z.string().max(256), z.array(z.string().max(256)).max(MOST_SERIES)])
    .transform((names) => [names].flat())
    .optional(),
  attempt: AttemptNumber.optional(),
  maxPoints: z.coerce.number().int().min(2).max(100_000).default(10_000),
})
const EnvironmentQuery = z.strictObject({ attempt: AttemptNumber.optional() })
const LogQuery = z.strictObject({
  attempt: AttemptNumber.optional(),
  after: z.coerce.number().int().min(0).default(0),
  maxBytes: z.coerce.number().int().min(1024).max(1_048_576).default(1_048_576),
  /** How long to wait for output to come. */
  waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
})

/** What a trial's program has reported and printed. */
export function addTrialDataRoutes(app: App, context: ApiContext): void {
  const { database } = context

  app.get(
    '/sweeps/:id/trials/:number/metrics',
    {
      config: { access: 'trial' },
      schema: {
        summary: 'Metric series of one attempt, thinned to at most maxPoints each',
        params: TrialPath,
        querystring: MetricsQuery,
        response: { 200: MetricsReply },
      },
    },
    async (request) => {
      const { id, number } = request.params
      const { attempt, maxPoints } = request.query
      await knownTrial(id, number, context)
      const which = { sweepId: id, trial: number, ...(attempt === undefined ? {} : { attempt }) }
      const [names, attempts] = await Promise.all([
        request.query.name ?? metricNames(database, id, number),
        listAttempts(database, id, number),
      ])
      const read = names.slice(0, MOST_SERIES).map((name) => readSeries(database, { ...which, name }))
      const series = (await Promise.all(read)).flatMap((one) => (one === undefined ? [] : [thin(one, maxPoints)]))
      return { attempt: attempt ?? attempts.at(-1)?.number ?? 1, series }
    },
  )

  app.get(
    '/sweeps/:id/trials/:number/environment',
    {
      config: { access: 'trial' },
      schema: {
        summary: 'Where one attempt ran, with the diff of its code and the packages of its Python where they are known',
        params: TrialPath,
        querystring: EnvironmentQuery,
        response: { 200: TrialEnvironment },
      },
    },
    async (request) => {
      const { id, number } = request.params
      await knownTrial(id, number, context)
      const attempt = shownAttempt(await listAttempts(database, id, number), request.query.attempt, id, number)
      return {
        attempt: attempt.number,
        environment: { ...(await wholeEnvironment(database, id, attempt.environment)) },
      }
    },
  )

  app.get(
    '/sweeps/:id/trials/:number/logs',
    {
      config: { access: 'trial' },
      schema: {
        summary: 'Output of one attempt; plain text when text/plain is accepted, waits up to waitMs for more',
        params: TrialPath,
        querystring: LogQuery,
        response: { 200: LogPage },
      },
    },
    async (request, reply) => {
      const { id, number } = request.params
      const { attempt, after, maxBytes, waitMs } = request.query
      await knownTrial(id, number, context)
      const attempts = await listAttempts(database, id, number)
      const { number: shown } = shownAttempt(attempts, attempt, id, number)
      const until = performance.now() + waitMs
      for (;;) {
        const found = await readLog(database, { sweepId: id, trial: number, attempt: shown, from: after, maxBytes })
        const page = logPage(shown, after, found, attempts.find((one) => one.number === shown)?.state === 'ended')
        const isWorthSending = page.text !== '' || page.done || performance.now() >= until || reply.raw.destroyed
        if (isWorthSending) return sendLog(page)
        await delay(LOG_LOOK_MS)
      }

      function sendLog(page: LogPage): LogPage {
        const accepted = request.headers.accept ?? ''
        if (!accepted.includes('text/plain') || accepted.includes('application/json')) return page
        reply.serializer(() => page.text)
        reply.type('text/plain; charset=utf-8')
        return page
      }
    },
  )
}

/**
 * The attempt that was asked for, or the newest.
 * @throws SweepError `not-found`
 */
function shownAttempt(
  attempts: readonly AttemptRecord[],
  wanted: number | undefined,
  sweep: string,
  trial: number,
): AttemptRecord {
  const shown = wanted === undefined ? attempts.at(-1) : attempts.find((one) => one.number === wanted)
  if (shown !== undefined) return shown
  throw new SweepError('not-found', `trial ${trial} of sweep ${sweep} has no attempt ${wanted ?? 1}`)
}

/** Every n-th point and always the last; `maxPoints` at least 2. */
function thin({ name, steps, values }: Series, maxPoints: number): z.output<typeof MetricsReply>['series'][number] {
  if (steps.length <= maxPoints) return { name, steps: [...steps], values: [...values] }
  const stride = Math.ceil((steps.length - 1) / (maxPoints - 1))
  const isKept = (_: number, i: number) => i % stride === 0 || i === steps.length - 1
  return { name, steps: steps.filter(isKept), values: values.filter(isKept) }
}
