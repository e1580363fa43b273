import { z } from 'zod'
import { Sha256 } from '../../code.ts'
import { RunId } from '../../ids.ts'
import { GateResult, ModelGate } from '../../models/gates.ts'
import { ModelAlias, ModelName, VersionName } from '../../models/names.ts'
import { GATED_STAGES, MODEL_HAPPENINGS, MODEL_STAGES } from '../../models/stages.ts'
import { Json } from '../../number.ts'
import { Name } from '../../tracking/names.ts'
import { ShallowJson } from '../../tracking/shallow-json.ts'
import { Time } from '../api.ts'
import { RunArtifactPath } from './artifacts.ts'
import { Tags } from './projects.ts'
import { MetricValues } from './runs.ts'

/** Bodies of `/api/v1/models` and `/api/v1/runs/:id/models`. */

const Text = z.string().max(20_000)
const Short = z.string().min(1).max(500)
const Reason = z.string().min(1).max(2000)
const Stage = z.enum(MODEL_STAGES)
const GatedStage = z.enum(GATED_STAGES)
const TagChange = z.record(Name, z.string().max(8000).nullable())

export const CreateModel = z.strictObject({
  name: ModelName,
  description: Text.default(''),
  tags: Tags.default({}),
  /** What happens when there is a model of this name: it is refused, or shown as it is. */
  ifExists: z.enum(['refuse', 'show']).default('refuse'),
})
export type CreateModel = z.input<typeof CreateModel>

/** Only what is named changes. `tags` are set beside those there are, null removes one. */
export const ChangeModel = z.strictObject({
  name: ModelName.optional(),
  description: Text.optional(),
  tags: TagChange.optional(),
})
export type ChangeModel = z.input<typeof ChangeModel>

export const ModelView = z.strictObject({
  name: ModelName,
  description: z.string(),
  tags: z.record(z.string(), z.string()),
  /** How many it has. */
  versions: z.int(),
  /** The newest version in each stage; null for none. */
  stages: z.record(Stage, z.int().nullable()),
  aliases: z.record(z.string(), z.int()),
  createdBy: z.string(),
  createdAt: Time,
  updatedAt: Time,
})
export type ModelView = z.infer<typeof ModelView>

/** By name. */
export const ModelList = z.strictObject({ models: z.array(ModelView), next: z.string().nullable() })
export type ModelList = z.infer<typeof ModelList>

/** What goes in and comes out of a model, in whatever form its framework writes it; at most 256 KiB. */
export const ModelSignature = ShallowJson.refine((signature) => JSON.stringify(signature).length <= 262_144, {
  error: 'at most 256 KiB of JSON',
})

/**
 * `POST /runs/:id/models`: registers files of the run as a version of a model, which is made when there is none of this
 * name. The same files of the run again, under the same name, are the version there is.
 */
export const RegisterModel = z.strictObject({
  name: ModelName,
  /** A file, or a folder with all that is in it. The run's only model when absent. */
  path: RunArtifactPath.optional(),
  /** As far as absent, what the files say. */
  framework: Short.optional(),
  signature: ModelSignature.optional(),
  /** What it was trained on. As far as absent, what the run says. */
  dataVersion: Short.optional(),
  description: Text.default(''),
  tags: Tags.default({}),
  aliases: z.array(ModelAlias).max(20).default([]),
})
export type RegisterModel = z.input<typeof RegisterModel>

/** Only what is named changes. Stages are changed by `/stage`. */
export const ChangeModelVersion = z.strictObject({ description: Text.optional(), tags: TagChange.optional() })
export type ChangeModelVersion = z.input<typeof ChangeModelVersion>

/** What has made a version. It stands still once its run is over; until then it is what the run has so far. */
export const ModelOrigin = z.strictObject({
  isFinal: z.boolean(),
  metrics: z.record(z.string(), MetricValues),
  /** The run's params, by dotted name. */
  config: z.record(z.string(), Json),
  dataVersion: z.string().nullable(),
  commit: z.string().nullable(),
  /** Whether the code had changes that are in no commit. */
  dirty: z.boolean().nullable(),
  /** From the start of the run to its end. */
  durationMs: z.number().nullable(),
})
export type ModelOrigin = z.output<typeof ModelOrigin>

export const ModelVersionView = z.strictObject({
  model: ModelName,
  version: z.int(),
  stage: Stage,
  /** When it came there. */
  stagedAt: Time,
  aliases: z.array(z.string()),
  description: z.string(),
  tags: z.record(z.string(), z.string()),
  runId: RunId.nullable(),
  /** Of its files among those of the run. */
  path: z.string().nullable(),
  /** Where the files are that are not kept here. */
  source: z.string().nullable(),
  files: z.int(),
  sizeBytes: z.int(),
  framework: z.string().nullable(),
  signature: Json,
  origin: ModelOrigin,
  createdBy: z.string(),
  createdAt: Time,
  updatedAt: Time,
})
export type ModelVersionView = z.infer<typeof ModelVersionView>

/** Newest first. */
export const ModelVersionList = z.strictObject({ versions: z.array(ModelVersionView), next: z.string().nullable() })
export type ModelVersionList = z.infer<typeof ModelVersionList>

/** `path` is that within the model. */
export const ModelFileList = z.strictObject({
  files: z.array(z.strictObject({ path: z.string(), sizeBytes: z.int(), sha256: Sha256 })),
})
export type ModelFileList = z.infer<typeof ModelFileList>

/** `POST /models/:name/versions/:version/stage`. */
export const MoveModelVersion = z
  .strictObject({
    stage: Stage,
    reason: Reason.optional(),
    /** Promotes it though it does not pass the gates; what failed is kept with the reason. */
    force: z.boolean().default(false),
    /** Only says whether it would pass. */
    dryRun: z.boolean().default(false),
  })
  .refine(({ force, reason }) => !force || reason !== undefined, { path: ['reason'], error: 'is needed with force' })
export type MoveModelVersion = z.input<typeof MoveModelVersion>

export const ModelVersionMoved = z.strictObject({
  version: ModelVersionView,
  /** False where it was there already, and of a dry run. */
  moved: z.boolean(),
  gates: z.array(GateResult),
  /** The version that it has taken the place of in production. */
  replaced: z.int().nullable(),
})
export type ModelVersionMoved = z.infer<typeof ModelVersionMoved>

/** `POST /models/:name/rollback`. */
export const RollBackModel = z.strictObject({
  reason: Reason.optional(),
  /** The version to roll back from: with another one in production it is a conflict, so the call is safe to repeat. */
  from: z.int().min(1).optional(),
})
export type RollBackModel = z.input<typeof RollBackModel>

/** `POST /models/:name/gates`. */
export const AddModelGate = z.strictObject({ stage: GatedStage, gate: ModelGate })
export type AddModelGate = z.input<typeof AddModelGate>

export const ModelGateView = z.strictObject({
  id: z.int(),
  stage: GatedStage,
  gate: ModelGate,
  /** In words. */
  text: z.string(),
  createdBy: z.string(),
  createdAt: Time,
})
export type ModelGateView = z.infer<typeof ModelGateView>

export const ModelGateList = z.strictObject({ gates: z.array(ModelGateView) })
export type ModelGateList = z.infer<typeof ModelGateList>

/** `PUT /models/:name/aliases/:alias`: of this version from now on. */
export const SetModelAlias = z.strictObject({ version: VersionName })
export type SetModelAlias = z.input<typeof SetModelAlias>

export const ModelHistoryEntry = z.strictObject({
  id: z.int(),
  version: z.int(),
  kind: z.enum(MODEL_HAPPENINGS),
  from: Stage.nullable(),
  to: Stage.nullable(),
  reason: z.string(),
  /** Gates that failed were passed over. */
  forced: z.boolean(),
  gates: z.array(GateResult),
  by: z.string(),
  at: Time,
})
export type ModelHistoryEntry = z.infer<typeof ModelHistoryEntry>

/** Newest first. */
export const ModelHistory = z.strictObject({ history: z.array(ModelHistoryEntry), next: z.string().nullable() })
export type ModelHistory = z.infer<typeof ModelHistory>
