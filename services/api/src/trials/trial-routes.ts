import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import { RunId, SweepId } from '@sweep/spec/ids'
import { TRIAL_STATES } from '@sweep/spec/trial'
import { EnqueueTrial, Leaderboard, TrialDetail, TrialList, TrialView } from '@sweep/spec/wire/api'
import { listAttempts } from '@sweep/store/attempt-record'
import { findingsOfRun } from '@sweep/store/health/findings'
import { metricNames } from '@sweep/store/metrics'
import { sweepDefinition } from '@sweep/store/sweeps'
import type { QueuedAttempt, TrialRecord } from '@sweep/store/trial-record'
import { enqueueConfig, getTrial, listTrials } from '@sweep/store/trials'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import { findingView } from '../health/finding-view.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { confirmedMeans } from '../sweeps/confirmation-view.ts'
import { noSweep, SweepPath } from '../sweeps/sweep-routes.ts'
import { checkedConfig } from './checked-config.ts'
import { openRules } from './open-rules.ts'
import { trialCosts } from './trial-costs.ts'
import { trialLeaderboard } from './trial-leaderboard.ts'
import { attemptView, leaderboardRow, trialView } from './trial-view.ts'

export const TrialPath = z.strictObject({ id: SweepId, number: z.coerce.number().int().min(1).max(999_999_999) })

const TrialQuery = z.strictObject({
  state: z
    .union([z.enum(TRIAL_STATES), z.array(z.enum(TRIAL_STATES))])
    .transform((states) => [states].flat())
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(500).optional(),
})
const Position = z.int().min(0)

export function addTrialRoutes(app: App, context: ApiContext): void {
  const { database, log, settings } = context

  app.get(
    '/sweeps/:id/leaderboard',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Trials from best to worst, with several objectives by fronts; infeasible ones come after the others',
        params: SweepPath,
        querystring: TrialQuery,
        response: { 200: Leaderboard },
      },
    },
    async (request) => {
      const { state, limit, after } = request.query
      const sweep = await sweepDefinition(database, request.params.id)
      const page = await trialLeaderboard(database, sweep, {
        limit,
        ...(state === undefined ? {} : { states: state }),
        ...(after === undefined ? {} : { after }),
      })
      const confirmed = await confirmedMeans(database, sweep.id)
      const rules = await openRules(
        database,
        page.rows.map((row) => row.id),
      )
      const numbers = page.rows.map((row) => row.number)
      const costs = await trialCosts(database, settings, sweep.id, numbers)
      const rows = page.rows.map((row) => {
        const again = confirmed.get(row.number)
        const cost = costs.get(row.number)
        const shown = leaderboardRow(row, sweep.document, rules.get(row.id) ?? [])
        return { ...shown, ...(again === undefined ? {} : { confirmed: again }), ...(cost && { cost }) }
      })
      return { rows, next: page.next }
    },
  )

  app.get(
    '/sweeps/:id/trials',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Trials by number',
        params: SweepPath,
        querystring: TrialQuery,
        response: { 200: TrialList },
      },
    },
    async (request) => {
      const { state, limit, after } = request.query
      const { id, document } = await sweepDefinition(database, request.params.id)
      const trials = await listTrials(database, {
        sweepId: id,
        limit: limit + 1,
        ...(state === undefined ? {} : { states: state }),
        ...(after === undefined ? {} : { afterNumber: decodeCursor(after, Position) }),
      })
      const page = trials.slice(0, limit)
      const last = trials.length > limit ? page.at(-1) : undefined
      const shown = page.map((trial) => trialView(trial, document))
      return { trials: shown, next: last === undefined ? null : encodeCursor(last.number) }
    },
  )

  app.post(
    '/sweeps/:id/trials',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Enqueue a config of your own',
        params: SweepPath,
        body: EnqueueTrial,
        response: { 201: TrialView },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { repeat } = request.body
      const by = principalName(request.principal)
      const { document } = await sweepDefinition(database, id)
      const config = checkedConfig(document.space, request.body.config)
      const result = await enqueueConfig(database, { sweepId: id, config, repeat, by })
      switch (result.result) {
        case 'created':
          tellQueued(id, result.attempt, context)
          log.info({ sweepId: id, trial: result.number, by }, 'config enqueued')
          return reply.status(201).send(await shownTrial(id, result.number, context))
        case 'duplicate':
          throw new SweepError('conflict', `trial ${result.number} of sweep ${id} has this config already`, {
            hint: 'Ask for a repeat to run it once more.',
            details: { trial: result.number },
          })
        case 'budget':
          throw new SweepError('conflict', `the budget of sweep ${id} allows no further trial`, {
            hint: 'Raise the budget first.',
          })
        case 'sweep-over':
          throw new SweepError('conflict', `sweep ${id} takes no more trials: it is over, or about to be`)
        case 'not-found':
          throw noSweep(id)
        default:
          return assertNever(result)
      }
    },
  )

  app.get(
    '/sweeps/:id/trials/:number',
    {
      config: { access: 'trial' },
      schema: { summary: 'One trial with its attempts', params: TrialPath, response: { 200: TrialDetail } },
    },
    async (request) => {
      const { id, number } = request.params
      const trial = await shownTrial(id, number, context)
      const [attempts, names, findings] = await Promise.all([
        listAttempts(database, id, number),
        metricNames(database, id, number),
        findingsOfRun(database, RunId.parse(trial.id)),
      ])
      const shown = { ...trial, attemptList: attempts.map(attemptView), metricNames: names }
      return findings.length === 0 ? shown : { ...shown, findings: findings.map(findingView) }
    },
  )
}

/** @throws SweepError `not-found` */
export async function knownTrial(id: SweepId, number: number, { database }: ApiContext): Promise<TrialRecord> {
  const trial = await getTrial(database, id, number)
  if (trial === undefined) {
    throw new SweepError('not-found', `there is no trial ${number} in sweep ${id}`, {
      hint: `List them with \`sweep trial ls ${id}\`.`,
    })
  }
  return trial
}

/** @throws SweepError `not-found` */
export async function shownTrial(id: SweepId, number: number, context: ApiContext): Promise<TrialView> {
  const trial = await knownTrial(id, number, context)
  return trialView(trial, (await sweepDefinition(context.database, id)).document)
}

/** The controller makes the ticket; this wakes it. */
export function tellQueued(id: SweepId, attempt: QueuedAttempt, { notifier }: ApiContext): void {
  notifier.tell('sweep_changed', [id])
  notifier.tell('attempts_queued', [attempt.queueName])
}
