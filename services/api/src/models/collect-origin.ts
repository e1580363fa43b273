import { dataVersionOf } from '@sweep/spec/models/data-version'
import { RunEnvironment } from '@sweep/spec/run-environment'
import { isOver } from '@sweep/spec/tracking/run-status'
import type { ModelOrigin } from '@sweep/spec/wire/tracking/models'
import type { ModelVersionRecord } from '@sweep/store/models/version-record'
import { settleOrigin } from '@sweep/store/models/versions'
import { sweepDefinition } from '@sweep/store/sweeps'
import { readExtras } from '@sweep/store/tracking/mlflow-runs'
import { readDetails } from '@sweep/store/tracking/run-details'
import { runMetrics } from '@sweep/store/tracking/run-metrics'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import { findRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { sourceOf } from '../tracking/run-view.ts'

/** What has made a version that no run of ours has. */
export const NO_ORIGIN: ModelOrigin = {
  ...{ isFinal: true, metrics: {}, config: {}, dataVersion: null, commit: null, dirty: null, durationMs: null },
}

const MLFLOW_COMMIT = 'mlflow.source.git.commit'
const MlflowInput = z.object({ dataset: z.object({ name: z.string(), digest: z.string() }) })

/** What a run has so far, as that which makes a model; all of it, once the run is over. */
export async function collectOrigin(run: RunRecord, { database }: ApiContext): Promise<ModelOrigin> {
  const [metrics, details, definition, extras] = await Promise.all([
    runMetrics(database, run.key),
    readDetails(database, run.key),
    run.trial === null ? undefined : sweepDefinition(database, run.trial.sweepId),
    readExtras(database, run.key),
  ])
  const source = { ...(definition && sourceOf(definition)), ...details.source }
  const git = RunEnvironment.safeParse(details.environment).data?.git
  const commit = source.commit ?? git?.commit ?? run.tags[MLFLOW_COMMIT] ?? null
  // Code that was fetched by its commit is that commit.
  const fetched = definition?.code.kind === 'git' && definition.code.commit === commit ? false : null
  const { params, tags, startedAt, endedAt } = run
  const datasets = extras.inputs.flatMap((input) => MlflowInput.safeParse(input).data?.dataset ?? [])
  return {
    isFinal: isOver(run.status),
    metrics: Object.fromEntries(
      metrics.map(({ name, last, lastStep, min, max }) => [name, { last, lastStep, min, max }]),
    ),
    config: { ...params },
    dataVersion: dataVersionOf({ params, tags, datasets }),
    commit,
    dirty: source.dirty ?? git?.dirty ?? fetched,
    durationMs: startedAt === null || endedAt === null ? null : endedAt.getTime() - startedAt.getTime(),
  }
}

/**
 * A version with what has made it up to now, which is kept once its run is over.
 * @param keeps whether it is kept before that too
 */
export async function settled(
  version: ModelVersionRecord,
  context: ApiContext,
  keeps = false,
): Promise<ModelVersionRecord> {
  if (version.origin.isFinal || version.runId === null) return version
  const run = await findRun(context.database, version.runId)
  if (run === undefined) return version
  const origin = extended(version.origin, await collectOrigin(run, context))
  if (origin.isFinal || keeps) await settleOrigin(context.database, version, origin)
  return { ...version, origin: { ...origin, dataVersion: version.dataVersion ?? origin.dataVersion } }
}

/** What is known newly, and what was known before and is gone since: points and details of runs are not kept for ever. */
function extended(before: ModelOrigin, now: ModelOrigin): ModelOrigin {
  return {
    ...now,
    metrics: { ...before.metrics, ...now.metrics },
    config: { ...before.config, ...now.config },
    dataVersion: now.dataVersion ?? before.dataVersion,
    commit: now.commit ?? before.commit,
    dirty: now.dirty ?? before.dirty,
  }
}
