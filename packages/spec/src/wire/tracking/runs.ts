import { z } from 'zod'
import { Sha256 } from '../../code.ts'
import { ExperimentId, RunId, SweepId } from '../../ids.ts'
import { Json, MetricValue } from '../../number.ts'
import { Name } from '../../tracking/names.ts'
import { Params } from '../../tracking/params.ts'
import { RUN_ENDS, RUN_STATUSES } from '../../tracking/run-status.ts'
import { ShallowJson } from '../../tracking/shallow-json.ts'
import { TRIAL_STATES } from '../../trial.ts'
import { Time } from '../api.ts'
import { Tags } from './projects.ts'

/** Bodies of `/api/v1/runs`. The run of a trial has the trial's id, `<sweep>-<number>`. */

/** Where the code of a run is from. */
export const RunSource = z.strictObject({
  /** `git`, `snapshot`, `notebook`, `job`, `local`, …. */
  type: z.string().max(50).optional(),
  repo: z.string().max(2000).optional(),
  commit: z.string().max(200).optional(),
  branch: z.string().max(500).optional(),
  tag: z.string().max(500).optional(),
  /** Whether there were changes that are in no commit. */
  dirty: z.boolean().optional(),
  /** Those changes, as `git diff` shows them. */
  diff: z.string().max(524_288).optional(),
  /** What was started, such as `train.py --fast`. */
  entryPoint: z.string().max(10_000).optional(),
  /** Archive of the code in the object store. */
  snapshot: Sha256.optional(),
})
export type RunSource = z.infer<typeof RunSource>

const Amount = z.number().min(0)

/** What a run has used up so far. */
export const RunResources = z.strictObject({
  gpuHours: Amount.optional(),
  cpuHours: Amount.optional(),
  memoryGbHours: Amount.optional(),
  storageGb: Amount.optional(),
  cost: Amount.optional(),
})
export type RunResources = z.infer<typeof RunResources>

/** Python, packages, GPUs, host and so on, by key; at most 256 KiB. */
export const RunEnvironment = z
  .record(z.string().max(250), ShallowJson)
  .refine((environment) => JSON.stringify(environment).length <= 262_144, { error: 'at most 256 KiB of JSON' })
export type RunEnvironment = z.infer<typeof RunEnvironment>

const RunName = z.string().min(1).max(500)
const Group = z.string().min(1).max(500)
const Notes = z.string().max(100_000)
const Title = z.string().min(1).max(200)

export const CreateRun = z.strictObject({
  /** Of the caller's making, ten characters of 0-9 and a-z without i, l, o, u: sent again it makes no second run. */
  id: RunId.refine((id) => !id.includes('-'), { error: 'ids with a dash are those of trials' }).optional(),
  experimentId: ExperimentId.optional(),
  /** Instead of its id: the experiment of this name in `project`, made when there is none. */
  experiment: Title.optional(),
  project: Title.optional(),
  name: RunName.optional(),
  group: Group.optional(),
  parentRunId: RunId.optional(),
  status: z.enum(['pending', 'running']).default('running'),
  params: Params.optional(),
  tags: Tags.optional(),
  notes: Notes.optional(),
  source: RunSource.optional(),
  environment: RunEnvironment.optional(),
  /** When it began; now when absent. */
  startedAt: Time.optional(),
})
export type CreateRun = z.input<typeof CreateRun>

/**
 * Only what is named changes; null takes a text away. Of a trial's run: name, group, notes and resources. `source`,
 * `environment` and `resources` are set key by key.
 */
export const ChangeRun = z.strictObject({
  name: RunName.nullable().optional(),
  group: Group.nullable().optional(),
  notes: Notes.optional(),
  parentRunId: RunId.nullable().optional(),
  /** `running` takes a run up again that is over. To end it use `/end`. */
  status: z.enum(['pending', 'running']).optional(),
  source: RunSource.optional(),
  environment: RunEnvironment.optional(),
  resources: RunResources.optional(),
})
export type ChangeRun = z.input<typeof ChangeRun>

/** `POST /runs/:id/end`. */
export const EndRun = z.strictObject({
  status: z.enum(RUN_ENDS).default('completed'),
  /** Why. */
  message: z.string().max(10_000).optional(),
  /** When; now when absent. */
  endedAt: Time.optional(),
})
export type EndRun = z.input<typeof EndRun>

/** `POST /runs/:id/heartbeat`: what the run is now, and when the next one is due. */
export const RunHeartbeat = z.strictObject({ status: z.enum(RUN_STATUSES), everyMs: z.number().positive() })
export type RunHeartbeat = z.infer<typeof RunHeartbeat>

/** `POST /runs/:id/params`. A param that is known with another value is a conflict, unless `overwrite` says so. */
export const LogParams = z.strictObject({ params: Params, overwrite: z.boolean().default(false) })
export type LogParams = z.input<typeof LogParams>

/** Names of those that were new and of those that were overwritten. */
export const ParamsLogged = z.strictObject({ added: z.array(z.string()), changed: z.array(z.string()) })
export type ParamsLogged = z.infer<typeof ParamsLogged>

/** `POST /runs/:id/tags`. */
export const ChangeTags = z.strictObject({ set: Tags.default({}), remove: z.array(Name).max(1000).default([]) })
export type ChangeTags = z.input<typeof ChangeTags>

export const TagsView = z.strictObject({ tags: z.record(z.string(), z.string()) })
export type TagsView = z.infer<typeof TagsView>

export const RunView = z.strictObject({
  id: RunId,
  experimentId: ExperimentId,
  experiment: z.string(),
  project: z.string(),
  /** `<sweep name>/<number>` for a trial that has been given no other; else null until it is given one. */
  name: z.string().nullable(),
  group: z.string().nullable(),
  status: z.enum(RUN_STATUSES),
  parentRunId: RunId.nullable(),
  /** The trial that it is the run of. */
  trial: z.strictObject({ sweepId: SweepId, number: z.int(), state: z.enum(TRIAL_STATES) }).nullable(),
  /** By dotted name. */
  params: z.record(z.string(), Json),
  tags: z.record(z.string(), z.string()),
  createdBy: z.string().nullable(),
  createdAt: Time,
  startedAt: Time.nullable(),
  endedAt: Time.nullable(),
  deletedAt: Time.nullable(),
  /** Since when it is put away, and in no list that does not ask for it. */
  archivedAt: Time.nullable(),
  /** When points of it were dropped but for the last, least and largest of each bucket of steps. */
  thinnedAt: Time.nullable(),
})
export type RunView = z.infer<typeof RunView>

export const RunDetail = RunView.extend({
  /** `params` with the objects that their dots stand for. */
  nestedParams: z.record(z.string(), Json),
  notes: z.string(),
  /** Why it ended. */
  message: z.string().nullable(),
  source: RunSource.nullable(),
  environment: z.record(z.string(), Json),
  resources: RunResources,
  /** By name. */
  metricNames: z.array(z.string()),
})
export type RunDetail = z.infer<typeof RunDetail>

/** What a metric has come to; NaN is neither minimum nor maximum. */
export const MetricValues = z.strictObject({
  last: MetricValue,
  lastStep: z.int(),
  min: MetricValue.nullable(),
  max: MetricValue.nullable(),
})
export type MetricValues = z.infer<typeof MetricValues>

/** A run in a list. Where columns were asked for, `params` and `tags` have only those, and `metrics` is there. */
export const RunRow = RunView.extend({
  /** By name. Of a trial that runs they may be some seconds old. */
  metrics: z.record(z.string(), MetricValues).optional(),
})
export type RunRow = z.infer<typeof RunRow>

/** Newest first, unless an order was asked for. */
export const RunList = z.strictObject({
  runs: z.array(RunRow),
  next: z.string().nullable(),
  /** What is odd about what was asked for: names that no run has, and those that were probably meant. */
  hints: z.array(z.string()).optional(),
})
export type RunList = z.infer<typeof RunList>
