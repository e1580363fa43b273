import type { ModelStage } from '@sweep/spec/models/stages'
import type { ModelRecord } from '@sweep/store/models/models'
import type { ModelVersionRecord } from '@sweep/store/models/version-record'
import type { RunRecord } from '@sweep/store/tracking/run-record'
import { artifactRoot, pairs } from './mlflow-entities.ts'

/** Registered models and their versions as MLflow's clients know them. */

export const MLFLOW_STAGES = {
  dev: 'None',
  staging: 'Staging',
  production: 'Production',
  archived: 'Archived',
} as const satisfies Record<ModelStage, string>

/** By MLflow's name in any case; undefined for what is none. */
export function stageOf(text: string): ModelStage | undefined {
  const found = Object.entries(MLFLOW_STAGES).find(([, name]) => name.toLowerCase() === text.toLowerCase())
  return found?.[0] as ModelStage | undefined
}

export function mlflowModel(model: ModelRecord, latest: readonly object[]): object {
  const { name, description, tags, aliases, createdAt, updatedAt } = model
  return {
    name,
    creation_timestamp: createdAt.getTime(),
    last_updated_timestamp: updatedAt.getTime(),
    description,
    latest_versions: latest,
    tags: pairs(tags),
    aliases: Object.entries(aliases).map(([alias, version]) => ({ alias, version: String(version) })),
  }
}

/** @param run the one that has made it, if it is one of ours */
export function mlflowVersion(version: ModelVersionRecord, run: RunRecord | undefined): object {
  return {
    name: version.model,
    version: String(version.version),
    creation_timestamp: version.createdAt.getTime(),
    last_updated_timestamp: version.updatedAt.getTime(),
    user_id: version.createdBy,
    current_stage: MLFLOW_STAGES[version.stage],
    description: version.description,
    source: version.source ?? placeOf(version, run),
    run_id: version.runId ?? '',
    status: 'READY',
    tags: pairs(version.tags),
    aliases: version.aliases,
  }
}

/** Where its files can be read; empty when nobody knows. */
export function placeOf({ path, source }: ModelVersionRecord, run: RunRecord | undefined): string {
  return path === null || run === undefined ? (source ?? '') : `${artifactRoot(run)}/${path}`
}
