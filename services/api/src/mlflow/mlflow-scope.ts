import { SweepError } from '@sweep/spec/errors'
import type { Filter } from '@sweep/spec/filter/filter'
import { attemptParts, ExperimentId, newId, type RunId, type SweepId } from '@sweep/spec/ids'
import {
  createExperiment,
  type ExperimentRecord,
  getExperiment,
  listExperiments,
} from '@sweep/store/tracking/experiments'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import { getRun, isRunBelow } from '@sweep/store/tracking/runs'
import { hasRole, type Principal, principalName, runOfTrial } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import { DEFAULT_EXPERIMENT, experimentIdOf } from './mlflow-values.ts'

/**
 * What whoever asks is shown of MLflow's world. A user sees all experiments, and those that are named without a project
 * are those of the project `default`. A trial's program has one experiment, its sweep, whatever it calls it, and of that
 * one the run of its trial and those that it has made itself.
 */

export const DEFAULT_PROJECT = 'default'
const DEFAULT_NAME = 'Default'

/** A trial as its program's token names it. */
export interface TrialScope {
  readonly sweepId: SweepId
  readonly runId: RunId
  /** What `createdBy` of the runs begins with that any attempt of the trial has made. */
  readonly madeBy: string
}

export function trialScope(principal: Principal): TrialScope | undefined {
  if (principal.kind !== 'trial') return undefined
  const runId = runOfTrial(principal)
  return { sweepId: attemptParts(principal.attemptId).sweepId, runId, madeBy: `trial:${runId}-` }
}

/** Limits a search to the runs of a trial. */
export function withinScope({ runId, madeBy }: TrialScope, filter: Filter | undefined): Filter {
  const own: Filter = {
    kind: 'or',
    parts: [
      { kind: 'compare', field: { kind: 'attribute', name: 'id' }, operator: '=', value: runId },
      {
        kind: 'text',
        field: { kind: 'attribute', name: 'created_by' },
        operator: 'like',
        negated: false,
        pattern: `${madeBy}%`,
      },
    ],
  }
  return filter === undefined ? own : { kind: 'and', parts: [own, filter] }
}

/** Deleted ones too. Throws `not-found`, and `forbidden` for a run that the trial may not touch. */
export async function requireRun({ database }: ApiContext, principal: Principal, id: RunId): Promise<RunRecord> {
  const run = await getRun(database, id)
  const scope = trialScope(principal)
  if (scope === undefined || run.id === scope.runId || (await isRunBelow(database, run.id, scope.runId))) return run
  throw new SweepError('forbidden', `run ${id} is not one of trial ${scope.runId}`, {
    hint: "A trial's token is good for the run of the trial and for those below it.",
  })
}

/** Throws `not-found`, and `forbidden` for an experiment that is not the trial's. */
export async function requireExperiment(
  context: ApiContext,
  principal: Principal,
  text: string,
): Promise<ExperimentRecord> {
  const scope = trialScope(principal)
  if (scope === undefined) {
    return text === DEFAULT_EXPERIMENT
      ? defaultExperiment(context, principal)
      : getExperiment(context.database, experimentIdOf(text))
  }
  const own = await getExperiment(context.database, ExperimentId.parse(scope.sweepId))
  if (text === DEFAULT_EXPERIMENT || text === own.id) return own
  throw new SweepError('forbidden', `experiment ${text.slice(0, 100)} is not that of trial ${scope.runId}`, {
    hint: `A trial's runs belong to its sweep, experiment ${own.id}.`,
  })
}

/**
 * The experiment of a name: that of the default project, else the newest sweep that is called so. To a trial's program
 * every name is that of its sweep.
 */
export async function experimentNamed(
  context: ApiContext,
  principal: Principal,
  name: string,
): Promise<ExperimentRecord | undefined> {
  const { database } = context
  const scope = trialScope(principal)
  if (scope !== undefined) return getExperiment(database, ExperimentId.parse(scope.sweepId))
  const [own] = await listExperiments(database, { project: DEFAULT_PROJECT, name, kind: 'runs', limit: 1 })
  if (own !== undefined) return own
  if (name === DEFAULT_NAME) return defaultExperiment(context, principal)
  return (await listExperiments(database, { name, kind: 'sweep', limit: 1 }))[0]
}

/** Made by the first who needs it and may. */
async function defaultExperiment(context: ApiContext, principal: Principal): Promise<ExperimentRecord> {
  const { database, randomBytes, settings } = context
  const mayMake = hasRole(principal, 'operator') || settings.anonymousMlflow === 'loopback'
  const place = { project: DEFAULT_PROJECT, name: DEFAULT_NAME }
  const [found] = await listExperiments(database, { ...place, kind: 'runs', limit: 1 })
  if (found !== undefined) return found
  if (!mayMake) throw new SweepError('not-found', 'there is no run outside of experiments yet')
  const id = ExperimentId.parse(newId(randomBytes))
  const { experiment } = await createExperiment(database, {
    ...place,
    id,
    ifExists: 'show',
    createdBy: principalName(principal),
  })
  return experiment
}
