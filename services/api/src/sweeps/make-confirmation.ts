import { configHash } from '@sweep/spec/config-hash'
import { type Metric, type SweepDocument, trainsPopulation } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import { newId, SweepId } from '@sweep/spec/ids'
import { isFeasible, objectivesOf } from '@sweep/spec/objectives'
import type { Config } from '@sweep/spec/search-space'
import type { ConfirmSweep } from '@sweep/spec/wire/confirmation'
import type { Database } from '@sweep/store/database'
import { valuesOf } from '@sweep/store/side-values'
import type { SweepRecord } from '@sweep/store/sweep-record'
import { createSweep, type SweepDefinition, sweepDefinition } from '@sweep/store/sweeps'
import type { NewTrial } from '@sweep/store/trials'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { trialLeaderboard } from '../trials/trial-leaderboard.ts'
import { configBoard } from './config-board.ts'
import { freshSeed } from './fresh-seed.ts'
import { allTrials } from './importance-routes.ts'

/** Trials looked at for so many different configs. */
const PAGE = 200

export interface MadeConfirmation {
  readonly sweep: SweepRecord
  /** Numbers of the trials whose configs are run again, the best first. */
  readonly trials: readonly number[]
}

/**
 * Makes a sweep of its own that runs the best configs of `id` again with fresh seeds: the record of a sweep that has ended
 * stays as it is, and so does its budget. See docs/decisions/0016-confirmations.md.
 *
 * @throws SweepError `conflict` while there is no config to run, `invalid-request` for a metric whose goal is not known
 */
export async function makeConfirmation(
  id: SweepId,
  request: z.output<typeof ConfirmSweep>,
  { database, randomBytes }: ApiContext,
): Promise<MadeConfirmation> {
  const of = await sweepDefinition(database, id)
  const { document } = of
  if (document.confirms !== undefined) {
    throw new SweepError('conflict', `sweep ${id} runs the configs of sweep ${document.confirms.sweep} again itself`, {
      hint: `Confirm that one: \`sweep confirm ${document.confirms.sweep}\`.`,
    })
  }
  if (trainsPopulation(document.method)) {
    throw new SweepError(
      'conflict',
      `the configs of ${document.method} change while a member of its population trains`,
      {
        hint: 'None of them is a whole training that could be run again; run the sweep itself again with other seeds.',
      },
    )
  }
  const metric = confirmedMetric(document, request)
  const chosen = await bestConfigs(database, of, request.top)
  if (chosen.length === 0) {
    throw new SweepError(
      'conflict',
      `no trial of sweep ${id} has completed with a value, so there is nothing to confirm`,
      {
        hint: `See \`sweep leaderboard ${id}\`.`,
      },
    )
  }
  const { seeds } = request
  const seed = await freshSeed(database, id, seeds, randomBytes)
  const numbers = chosen.map(({ number }) => number)
  const trials = Array.from({ length: seeds }, (_, replicate) =>
    chosen.map(({ number, config }): NewTrial => {
      const reason = `the config of trial ${number} of sweep ${id} again, with fresh seed ${replicate + 1} of ${seeds}`
      return { config, source: 'user', reason }
    }),
  ).flat()
  const sweep = await createSweep(database, {
    id: SweepId.parse(newId(randomBytes)),
    name: `${of.name.slice(0, 190)} (confirm)`,
    document: confirmingDocument(document, { metric, seeds, seed, count: trials.length, sweep: id, trials: numbers }),
    source: `# Runs the configs of trials ${numbers.join(', ')} of sweep ${id} again, with ${seeds} fresh seeds each. The file of that sweep:\n${of.source}`,
    ...{ file: of.file, workdir: of.workdir, code: of.code, trials },
  })
  return { sweep, trials: numbers }
}

interface Plan {
  readonly metric: Metric
  readonly seeds: number
  readonly seed: number
  readonly count: number
  readonly sweep: SweepId
  readonly trials: readonly number[]
}

/** The document of the sweep, without what searches and what stops early. Its method is never asked: the budget is used up. */
function confirmingDocument(
  document: SweepDocument,
  { metric, seeds, seed, count, sweep, trials }: Plan,
): SweepDocument {
  const { objectives: _, constraints: __, earlyTerminate: ___, warmStart: ____, pbt: _____, ...rest } = document
  return {
    ...rest,
    ...{ method: 'random', metric, seed, budget: { trials: count }, replicates: { seeds } },
    confirms: { sweep, trials: [...trials] },
  }
}

/** Configs of different trials, the best first; by the mean of their runs where each has several. */
async function bestConfigs(
  database: Database,
  sweep: SweepDefinition,
  top: number,
): Promise<{ number: number; config: Config }[]> {
  const { document } = sweep
  if (document.replicates !== undefined) {
    const rows = configBoard(await allTrials(database, sweep.id), document).filter(({ mean }) => mean !== null)
    return rows.slice(0, top).map(({ trials, config }) => ({ number: trials[0]!, config }))
  }
  const chosen = new Map<string, { number: number; config: Config }>()
  let after: string | undefined
  do {
    const page = await trialLeaderboard(database, sweep, {
      states: ['completed'],
      limit: PAGE,
      ...(after && { after }),
    })
    for (const { rank, number, config, value, sideValues } of page.rows) {
      const { constraints } = document
      const keeps = constraints === undefined || isFeasible(constraints, valuesOf(document, value, sideValues) ?? {})
      const hash = configHash(config)
      if (rank !== null && keeps && !chosen.has(hash) && chosen.size < top) chosen.set(hash, { number, config })
    }
    after = page.next ?? undefined
  } while (after !== undefined && chosen.size < top)
  return [...chosen.values()]
}

/** Words of a metric's name that say on which data it was measured. */
const SPLITS = /(^|[/_.-])(train|training|val|valid|validation|dev|eval|test|holdout|heldout)(?=$|[/_.-])/gi

function confirmedMetric(
  document: SweepDocument,
  { metric: name, goal }: Pick<z.output<typeof ConfirmSweep>, 'metric' | 'goal'>,
): Metric {
  const objectives = objectivesOf(document)
  const own = name === undefined ? objectives[0] : objectives.find((one) => one.name === name)
  if (own !== undefined) {
    if (goal !== undefined && goal !== own.goal) {
      throw new SweepError(
        'invalid-request',
        `the sweep ${own.goal}s ${own.name}, so it can't be confirmed by a goal to ${goal} it`,
      )
    }
    // Reaching a target is no reason to leave the other runs out.
    const { target: _, ...rest } = own
    return rest
  }
  if (name === undefined) {
    throw new SweepError('invalid-request', 'the sweep names no metric, so it has no best configs')
  }
  const stem = name.replace(SPLITS, '$1*')
  const like = objectives.find((one) => one.name.replace(SPLITS, '$1*') === stem)
  const direction = goal ?? (stem === name ? undefined : like?.goal)
  if (direction === undefined) {
    throw new SweepError('invalid-request', `whether ${name} is to be small or large is not known`, {
      hint: 'Say so with --goal minimize or --goal maximize.',
    })
  }
  // The best of several looks at held-out data would be a choice made on it.
  return { name, goal: direction, summary: 'last' }
}
