import { importanceOf } from '@sweep/analysis/importance/importance'
import { meanPoints } from '@sweep/analysis/mean-points'
import type { TrialPoint } from '@sweep/analysis/trial-points'
import type { Metric } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { IMPORTANCE_METHODS } from '@sweep/spec/importance-methods'
import { objectivesOf } from '@sweep/spec/objectives'
import { ImportanceReply } from '@sweep/spec/wire/importance'
import type { Database } from '@sweep/store/database'
import { sideValueOf } from '@sweep/store/side-values'
import { sweepDefinition } from '@sweep/store/sweeps'
import type { TrialRecord } from '@sweep/store/trial-record'
import { listTrials } from '@sweep/store/trials'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { knownSweep, SweepPath } from './sweep-routes.ts'

const ImportanceQuery = z.strictObject({
  metric: z.string().max(256).optional(),
  method: z.enum(IMPORTANCE_METHODS).default('fanova'),
})

/** So that an answer holds up what else the service does for some tenths of a second at most. */
const MOST_TRIALS = 1000
const PAGE = 1000

export function addImportanceRoutes(app: App, { database, ...context }: ApiContext): void {
  app.get(
    '/sweeps/:id/importance',
    {
      config: { access: 'viewer' },
      schema: {
        summary:
          'How much each parameter matters for an objective, with intervals and what speaks against trusting them',
        params: SweepPath,
        querystring: ImportanceQuery,
        response: { 200: ImportanceReply },
      },
    },
    async (request) => {
      const { id } = await knownSweep(request.params.id, { database, ...context })
      const { document } = await sweepDefinition(database, id)
      const { method } = request.query
      const objectives = objectivesOf(document)
      const metric = chosenMetric(objectives, request.query.metric)
      const isFirst = metric.name === objectives[0]?.name
      const trials = (await allTrials(database, id)).map((trial): TrialPoint => {
        const { number, config, state, lastStep: resource } = trial
        const value = isFirst ? trial.value : sideValueOf(trial.sideValues, metric.name).value
        return { number, config, state, value, resource }
      })
      const { space, seed } = document
      const points = document.replicates === undefined ? trials : meanPoints(trials)
      const found = importanceOf(
        { space, trials: points, goal: metric.goal },
        { method, seed, mostTrials: MOST_TRIALS },
      )
      return { metric: { name: metric.name, goal: metric.goal }, ...found }
    },
  )
}

/** @throws SweepError `invalid-request` for a sweep without an objective, and for a name that is none of them */
function chosenMetric(objectives: readonly Metric[], name: string | undefined): Metric {
  const metric = name === undefined ? objectives[0] : objectives.find((one) => one.name === name)
  if (metric !== undefined) return metric
  if (objectives.length === 0) {
    throw new SweepError('invalid-request', 'the sweep names no metric, so nothing can be important for it', {
      hint: 'Name one under `metric` in the sweep file.',
    })
  }
  throw new SweepError('invalid-request', `${name} is no objective of the sweep`, {
    hint: `Its objectives are ${objectives.map((one) => one.name).join(', ')}.`,
  })
}

/** By number. */
export async function allTrials(database: Database, sweepId: SweepId): Promise<TrialRecord[]> {
  const trials: TrialRecord[] = []
  for (;;) {
    const afterNumber = trials.at(-1)?.number ?? 0
    const page = await listTrials(database, { sweepId, afterNumber, limit: PAGE })
    trials.push(...page)
    if (page.length < PAGE) return trials
  }
}
