import { encodeMetric, type Json } from '@sweep/spec/number'
import { pythonStr } from '@sweep/spec/python-text'
import type { RunStatus } from '@sweep/spec/tracking/run-status'
import type { ExperimentRecord } from '@sweep/store/tracking/experiments'
import type { LatestMetric } from '@sweep/store/tracking/latest-metrics'
import type { MlflowExtras } from '@sweep/store/tracking/mlflow-runs'
import type { RunRecord } from '@sweep/store/tracking/run-record'

/** Experiments and runs as MLflow's clients know them. */

const STATUSES = {
  pending: 'SCHEDULED',
  running: 'RUNNING',
  completed: 'FINISHED',
  failed: 'FAILED',
  killed: 'KILLED',
} as const satisfies Record<RunStatus, string>

export function mlflowExperiment(experiment: ExperimentRecord): object {
  const { id, name, status, tags, createdAt, description } = experiment
  const note: Record<string, string> = description === '' ? {} : { 'mlflow.note.content': description }
  return {
    experiment_id: id,
    name,
    artifact_location: `mlflow-artifacts:/${id}`,
    lifecycle_stage: status === 'archived' ? 'deleted' : 'active',
    creation_time: createdAt.getTime(),
    last_update_time: createdAt.getTime(),
    tags: pairs({ ...note, ...tags }),
  }
}

export function artifactRoot({ experimentId, id }: RunRecord): string {
  return `mlflow-artifacts:/${experimentId}/${id}/artifacts`
}

export function mlflowRunInfo(run: RunRecord): object {
  const { id, name, experimentId, status, tags, createdBy, createdAt, startedAt, endedAt, deletedAt } = run
  return {
    run_id: id,
    run_uuid: id,
    run_name: name ?? id,
    experiment_id: experimentId,
    user_id: tags['mlflow.user'] ?? createdBy ?? '',
    status: STATUSES[status],
    start_time: (startedAt ?? createdAt).getTime(),
    ...(endedAt === null ? {} : { end_time: endedAt.getTime() }),
    artifact_uri: artifactRoot(run),
    lifecycle_stage: deletedAt === null ? 'active' : 'deleted',
  }
}

export function mlflowRun(run: RunRecord, metrics: readonly LatestMetric[], extras: MlflowExtras): object {
  const { name, params, parentRunId, tags } = run
  const derived = {
    'mlflow.runName': name ?? run.id,
    ...(parentRunId === null ? {} : { 'mlflow.parentRunId': parentRunId }),
  }
  const texts = Object.entries(params).map(([key, value]) => [key, paramText(value)] as const)
  return {
    info: mlflowRunInfo(run),
    data: {
      metrics: metrics.map(({ name: key, value, step, at }) => mlflowMetric(key, value, step, at)),
      params: texts.map(([key, value]) => ({ key, value })),
      tags: pairs({ ...tags, ...derived }),
    },
    inputs: { dataset_inputs: extras.inputs },
    outputs: { model_outputs: extras.outputs },
  }
}

export function mlflowMetric(key: string, value: number, step: number, at: number): object {
  return { key, value: encodeMetric(value), timestamp: Math.round(at), step }
}

/** A param as a Python program would have logged it. */
export function paramText(value: Json): string {
  return pythonStr(value)
}

export function pairs(record: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }))
}
