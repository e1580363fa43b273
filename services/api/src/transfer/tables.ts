import { ArtifactPath, Sha256 } from '@sweep/spec/code'
import { ExperimentId, RunId } from '@sweep/spec/ids'
import { Json } from '@sweep/spec/number'
import { isOver, RUN_STATUSES } from '@sweep/spec/tracking/run-status'
import { ShallowJson } from '@sweep/spec/tracking/shallow-json'
import { ArtifactMetadata } from '@sweep/spec/wire/tracking/artifacts'
import { EXPERIMENT_STATUSES } from '@sweep/spec/wire/tracking/experiments'
import { JudgedBy, ProjectSettings, Tags } from '@sweep/spec/wire/tracking/projects'
import { RunResources, RunSource } from '@sweep/spec/wire/tracking/runs'
import { z } from 'zod'

/**
 * What a project is as tables, whichever format they are written in. A change of a column is a new version of the
 * archive: others have written the archives that are read here.
 */

/** `json`: anything that JSON has. `time`: as in JSON. `double`: NaN, infinities and -0 included. */
export type ColumnKind = 'text' | 'int' | 'double' | 'json' | 'time'

const Time = z.iso.datetime()
const Text = z.string()
const Short = z.string().min(1).max(1024)

export const ProjectRow = z.strictObject({
  name: z.string().min(1).max(200),
  description: Text,
  owner: Text.nullable(),
  team: Text.nullable(),
  tags: Tags,
  settings: ProjectSettings,
  createdAt: Time,
})
export const ExperimentRow = z.strictObject({
  id: ExperimentId,
  name: Short,
  kind: z.enum(['sweep', 'runs']),
  description: Text,
  hypothesis: Text,
  status: z.enum(EXPERIMENT_STATUSES),
  tags: Tags,
  metric: JudgedBy.nullable(),
  createdBy: Text.nullable(),
  createdAt: Time,
  /** Of a sweep, its file as it was written. */
  source: Text.nullable(),
})
export const RunRow = z
  .strictObject({
    id: RunId,
    experimentId: ExperimentId,
    name: Text.nullable(),
    group: Text.nullable(),
    status: z.enum(RUN_STATUSES),
    parentRunId: RunId.nullable(),
    /** Number and state of the trial that it is the run of. */
    trial: z.int().min(1).nullable(),
    trialState: Text.nullable(),
    params: z.record(z.string(), ShallowJson),
    tags: Tags,
    notes: Text,
    message: Text.nullable(),
    source: RunSource.nullable(),
    environment: z.record(z.string(), Json),
    resources: RunResources,
    createdBy: Text.nullable(),
    createdAt: Time,
    startedAt: Time.nullable(),
    endedAt: Time.nullable(),
    archivedAt: Time.nullable(),
    thinnedAt: Time.nullable(),
    /** By metric, the steps that were taken together when points of it were dropped. */
    thinnedSteps: z.record(z.string(), z.int().min(1)),
  })
  .refine(({ status, endedAt }) => isOver(status) === (endedAt !== null), {
    path: ['endedAt'],
    error: 'must be there for a run that is over, and for no other',
  })
export const MetricRow = z.strictObject({
  runId: RunId,
  key: Short,
  step: z.int(),
  /** Milliseconds since 1970. */
  at: z.number(),
  value: z.custom<number>((value) => typeof value === 'number', { error: 'must be a number' }),
})
export const ArtifactRow = z.strictObject({
  runId: RunId,
  path: ArtifactPath,
  version: z.int().min(1).max(2_147_483_647),
  type: Short,
  sizeBytes: z.int().min(0),
  sha256: Sha256,
  metadata: ArtifactMetadata,
  aliases: z.array(z.string().min(1).max(100)),
  createdAt: Time,
})
export const UseRow = z.strictObject({
  runId: RunId,
  sourceRunId: RunId,
  path: ArtifactPath,
  version: z.int().min(1).max(2_147_483_647),
  at: Time,
})

export interface Table<Row extends z.ZodType = z.ZodType> {
  readonly row: Row
  readonly columns: Readonly<Record<string, { readonly kind: ColumnKind; readonly nullable?: true }>>
}

const text = { kind: 'text' } as const
const int = { kind: 'int' } as const
const json = { kind: 'json' } as const
const time = { kind: 'time' } as const
const optional = <K extends ColumnKind>(kind: K) => ({ kind, nullable: true }) as const

/** In the order in which they are written: what a row refers to comes before it. */
export const TABLES = {
  project: {
    row: ProjectRow,
    columns: {
      ...{ name: text, description: text, owner: optional('text'), team: optional('text') },
      ...{ tags: json, settings: json, createdAt: time },
    },
  },
  experiments: {
    row: ExperimentRow,
    columns: {
      ...{ id: text, name: text, kind: text, description: text, hypothesis: text, status: text, tags: json },
      ...{ metric: optional('json'), createdBy: optional('text'), createdAt: time, source: optional('text') },
    },
  },
  runs: {
    row: RunRow,
    columns: {
      ...{ id: text, experimentId: text, name: optional('text'), group: optional('text'), status: text },
      ...{ parentRunId: optional('text'), trial: optional('int'), trialState: optional('text'), params: json },
      ...{ tags: json, notes: text, message: optional('text'), source: optional('json'), environment: json },
      ...{ resources: json, createdBy: optional('text'), createdAt: time, startedAt: optional('time') },
      ...{ endedAt: optional('time'), archivedAt: optional('time'), thinnedAt: optional('time'), thinnedSteps: json },
    },
  },
  metrics: {
    row: MetricRow,
    columns: { runId: text, key: text, step: int, at: { kind: 'double' }, value: { kind: 'double' } },
  },
  artifacts: {
    row: ArtifactRow,
    columns: {
      ...{ runId: text, path: text, version: int, type: text, sizeBytes: int, sha256: text, metadata: json },
      ...{ aliases: json, createdAt: time },
    },
  },
  uses: { row: UseRow, columns: { runId: text, sourceRunId: text, path: text, version: int, at: time } },
} as const satisfies Record<string, Table>

export type TableName = keyof typeof TABLES
export type RowOf<Name extends TableName> = z.output<(typeof TABLES)[Name]['row']>
export const TABLE_NAMES = Object.keys(TABLES) as TableName[]
