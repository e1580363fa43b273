import { z } from 'zod'
import { ExperimentId } from '../../ids.ts'
import { Name } from '../../tracking/names.ts'
import { Time } from '../api.ts'
import { JudgedBy, Tags } from './projects.ts'

/** Bodies of `/api/v1/experiments`. A sweep is an experiment too, of kind `sweep`. */

export const EXPERIMENT_STATUSES = ['active', 'completed', 'archived'] as const
export type ExperimentStatus = (typeof EXPERIMENT_STATUSES)[number]

const Text = z.string().max(20_000)
const Title = z.string().min(1).max(200)

export const CreateExperiment = z.strictObject({
  /** Of the project; made when there is none of this name. */
  project: Title.default('default'),
  name: Title,
  description: Text.optional(),
  hypothesis: Text.optional(),
  tags: Tags.optional(),
  /** What its runs are judged by. */
  metric: JudgedBy.optional(),
  /** What happens when the project has an experiment of this name: it is refused, or shown as it is. */
  ifExists: z.enum(['refuse', 'show']).default('refuse'),
})
export type CreateExperiment = z.input<typeof CreateExperiment>

/** Only what is named changes. `tags` are set beside those there are, null removes one. */
export const ChangeExperiment = z.strictObject({
  name: Title.optional(),
  description: Text.optional(),
  hypothesis: Text.optional(),
  /** A sweep can be archived and made active again; whether it is completed it knows itself. */
  status: z.enum(EXPERIMENT_STATUSES).optional(),
  tags: z.record(Name, z.string().max(5000).nullable()).optional(),
  metric: JudgedBy.nullable().optional(),
})
export type ChangeExperiment = z.input<typeof ChangeExperiment>

export const ExperimentView = z.strictObject({
  id: ExperimentId,
  projectId: z.int(),
  project: z.string(),
  name: z.string(),
  kind: z.enum(['sweep', 'runs']),
  description: z.string(),
  hypothesis: z.string(),
  status: z.enum(EXPERIMENT_STATUSES),
  tags: z.record(z.string(), z.string()),
  metric: z.strictObject({ name: z.string(), goal: z.enum(['minimize', 'maximize']) }).nullable(),
  createdBy: z.string().nullable(),
  createdAt: Time,
})
export type ExperimentView = z.infer<typeof ExperimentView>

/** Newest first. */
export const ExperimentList = z.strictObject({ experiments: z.array(ExperimentView), next: z.string().nullable() })
export type ExperimentList = z.infer<typeof ExperimentList>
