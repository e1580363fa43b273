import { nestParams } from '@sweep/spec/tracking/params'
import type { RunDetail, RunSource, RunView } from '@sweep/spec/wire/tracking/runs'
import { type SweepDefinition, sweepDefinition } from '@sweep/store/sweeps'
import { readDetails } from '@sweep/store/tracking/run-details'
import { runMetrics } from '@sweep/store/tracking/run-metrics'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import type { ApiContext } from '../context.ts'
import { trialCosts } from '../trials/trial-costs.ts'

export function runView(run: RunRecord): RunView {
  const { key: _, params, tags, trial, createdAt, startedAt, endedAt, deletedAt, archivedAt, thinnedAt, ...rest } = run
  return {
    ...rest,
    trial: trial === null ? null : { ...trial },
    params: { ...params },
    tags: { ...tags },
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    endedAt: endedAt?.toISOString() ?? null,
    deletedAt: deletedAt?.toISOString() ?? null,
    archivedAt: archivedAt?.toISOString() ?? null,
    thinnedAt: thinnedAt?.toISOString() ?? null,
  }
}

export async function runDetail(run: RunRecord, { database, settings }: ApiContext): Promise<RunDetail> {
  const { trial } = run
  const [details, metrics, definition, costs] = await Promise.all([
    readDetails(database, run.key),
    runMetrics(database, run.key),
    run.trial === null ? undefined : sweepDefinition(database, run.trial.sweepId),
    trial === null ? undefined : trialCosts(database, settings, trial.sweepId, [trial.number]),
  ])
  const { source, environment, resources } = details
  const cost = trial === null ? undefined : costs?.get(trial.number)?.amount
  return {
    ...runView(run),
    nestedParams: { ...nestParams(run.params) },
    notes: details.notes,
    message: details.message,
    source: definition === undefined ? source : { ...sourceOf(definition), ...source },
    environment: { ...environment },
    // What somebody has said of the run counts more.
    resources: { ...(cost !== undefined && { cost }), ...resources },
    metricNames: metrics.map((metric) => metric.name),
  }
}

/** Where the code of a sweep's trials is from. */
export function sourceOf({ document, code }: SweepDefinition): RunSource {
  const entryPoint = document.program ?? document.command.join(' ').slice(0, 10_000)
  switch (code.kind) {
    case 'folder':
      return { type: 'local', entryPoint }
    case 'snapshot':
      return { type: 'snapshot', snapshot: code.sha256, entryPoint }
    case 'git':
      return { type: 'git', repo: code.url, commit: code.commit, entryPoint }
  }
}
