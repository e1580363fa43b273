import { confirm, type RunAgain } from '@sweep/analysis/statistics/confirm'
import { configHash } from '@sweep/spec/config-hash'
import { SweepError } from '@sweep/spec/errors'
import { SweepId } from '@sweep/spec/ids'
import type { ConfirmedMean } from '@sweep/spec/wire/api'
import type { Confirmation } from '@sweep/spec/wire/confirmation'
import { confirmationsOf } from '@sweep/store/confirmations'
import type { Database } from '@sweep/store/database'
import { sideValueOf } from '@sweep/store/side-values'
import type { SweepRecord } from '@sweep/store/sweep-record'
import { getSweep, type SweepDefinition, sweepDefinition } from '@sweep/store/sweeps'
import type { TrialRecord } from '@sweep/store/trial-record'
import { trialsByNumber } from '@sweep/store/trials'
import { configBoard, runValue, trialsByConfig } from './config-board.ts'
import { allTrials } from './importance-routes.ts'

/**
 * What a sweep that runs the best configs of another one again has come to, so far.
 *
 * @throws SweepError `not-found` for any other sweep
 */
export async function confirmationView(database: Database, sweep: SweepRecord): Promise<Confirmation> {
  const { document } = await sweepDefinition(database, sweep.id)
  const { confirms, metric, replicates } = document
  if (confirms === undefined || metric === undefined || replicates === undefined) {
    throw new SweepError('not-found', `sweep ${sweep.id} runs no configs of another sweep again`, {
      hint: `\`sweep confirm ${sweep.id}\` makes one that runs the best of this.`,
    })
  }
  const of = await sweepDefinition(database, SweepId.parse(confirms.sweep))
  const [own, chosen] = await Promise.all([
    allTrials(database, sweep.id),
    trialsByNumber(database, of.id, confirms.trials),
  ])
  const groups = trialsByConfig(own)
  const records =
    of.document.replicates === undefined ? undefined : configBoard(await allTrials(database, of.id), of.document)
  const runs = confirms.trials.flatMap((number, index) => {
    const trial = chosen.find((one) => one.number === number)
    if (trial === undefined) return []
    const group = groups.get(configHash(trial.config)) ?? []
    const values = Array.from({ length: replicates.seeds }, (_, replicate) => {
      const run = group.find((one) => one.replicate === replicate)
      return run === undefined ? null : runValue(run)
    })
    const mean = records?.find(({ trials }) => trials.includes(number))?.mean
    const recorded = recordedValue(trial, of, metric.name, mean)
    return [{ trial: number, place: index + 1, recorded, config: trial.config, values }]
  })
  const found = confirm(
    runs.map(({ config: _, ...run }): RunAgain => run),
    { goal: metric.goal, metric: metric.name },
  )
  return {
    ...{ sweep: sweep.id, of: of.id, state: sweep.state, seeds: replicates.seeds },
    metric: { name: metric.name, goal: metric.goal },
    ...found,
    configs: found.configs.map(({ values, ...one }) => {
      return { ...one, values: [...values], config: runs.find(({ trial }) => trial === one.trial)!.config }
    }),
  }
}

/** Null where the runs are judged by another metric than the sweep was. */
function recordedValue(
  trial: TrialRecord,
  { document }: SweepDefinition,
  metric: string,
  mean: number | null | undefined,
): number | null {
  if (metric === document.metric?.name) return mean === undefined ? trial.value : mean
  if (document.objectives?.some(({ name }) => name === metric) !== true) return null
  return sideValueOf(trial.sideValues, metric).value
}

/** Of the newest sweeps that ran the best configs of this one again, the newest first. */
export async function confirmations(database: Database, id: SweepId, most: number): Promise<Confirmation[]> {
  const found: Confirmation[] = []
  for (const child of (await confirmationsOf(database, id)).slice(0, most)) {
    const record = await getSweep(database, child)
    if (record !== undefined) found.push(await confirmationView(database, record))
  }
  return found
}

/** What the newest of them with a finished run says, by the number of the trial that had the config. */
export async function confirmedMeans(database: Database, id: SweepId): Promise<ReadonlyMap<number, ConfirmedMean>> {
  const [newest] = await confirmations(database, id, 1)
  if (newest === undefined || newest.configs.every(({ runs }) => runs === 0)) return new Map()
  return new Map(
    newest.configs.map(({ trial, runs, mean, low, high, group }) => {
      return [trial, { sweep: newest.sweep, metric: newest.metric.name, runs, mean, low, high, group }]
    }),
  )
}
