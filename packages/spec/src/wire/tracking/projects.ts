import { z } from 'zod'
import { Name } from '../../tracking/names.ts'
import { Time } from '../api.ts'

/** Bodies of `/api/v1/projects`. */

/** By key; a label without a value has the empty text. MLflow's tags may be as long. */
export const Tags = z
  .record(Name, z.string().max(8000))
  .refine((tags) => Object.keys(tags).length <= 1000, { error: 'at most 1000 tags' })
export type Tags = z.infer<typeof Tags>

const Goal = z.enum(['minimize', 'maximize'])

/** What runs are judged by. */
export const JudgedBy = z.strictObject({ name: Name, goal: Goal })
export type JudgedBy = z.infer<typeof JudgedBy>

const Days = z.int().min(1).max(36_500)

export const ProjectSettings = z.strictObject({
  /** What new experiments of the project begin with, as far as they say nothing themselves. */
  experiment: z
    .strictObject({
      description: z.string().max(20_000).optional(),
      hypothesis: z.string().max(20_000).optional(),
      tags: Tags.optional(),
      metric: JudgedBy.optional(),
    })
    .default({}),
  /** How metrics are shown, by name. */
  metrics: z
    .record(
      Name,
      z.strictObject({
        label: z.string().max(200).optional(),
        unit: z.string().max(50).optional(),
        goal: Goal.optional(),
        scale: z.enum(['linear', 'log']).optional(),
        digits: z.int().min(0).max(17).optional(),
        hidden: z.boolean().optional(),
      }),
    )
    .default({}),
  /** Which runs are put away by themselves. */
  archive: z
    .strictObject({
      /** Once they have been over for so many days; absent: never. */
      afterDays: Days.optional(),
      /** The best so many of each experiment stay. */
      keepBest: z.int().min(0).max(1_000_000).default(0),
      /** And the newest so many. */
      keepRecent: z.int().min(0).max(1_000_000).default(0),
    })
    .default({ keepBest: 0, keepRecent: 0 }),
  /** How long every point of a metric is kept. */
  points: z
    .strictObject({
      /** Of runs that have been over for so many days only the last, least and largest of each bucket stay; absent: all. */
      wholeDays: Days.optional(),
      /** At most so many buckets for each metric of a run. */
      buckets: z.int().min(2).max(100_000).default(500),
      /** The best so many of each experiment stay whole. */
      keepBest: z.int().min(0).max(1_000_000).default(10),
    })
    .default({ buckets: 500, keepBest: 10 }),
  /** When deleted runs are gone for good. */
  deleted: z
    .strictObject({
      /** So many days after they were deleted, with their files; absent: never. */
      purgeAfterDays: Days.optional(),
    })
    .default({}),
})
export type ProjectSettings = z.infer<typeof ProjectSettings>

const Text = z.string().max(20_000)
const Who = z.string().max(200)
const Title = z.string().min(1).max(200)

export const CreateProject = z.strictObject({
  name: Title,
  description: Text.default(''),
  owner: Who.optional(),
  team: Who.optional(),
  tags: Tags.default({}),
  settings: ProjectSettings.optional(),
  /** What happens when there is a project of this name: it is refused, or shown as it is. */
  ifExists: z.enum(['refuse', 'show']).default('refuse'),
})
export type CreateProject = z.input<typeof CreateProject>

/** Only what is named changes. `tags` are set beside those there are, null removes one. */
export const ChangeProject = z.strictObject({
  name: Title.optional(),
  description: Text.optional(),
  owner: Who.nullable().optional(),
  team: Who.nullable().optional(),
  tags: z.record(Name, z.string().max(5000).nullable()).optional(),
  settings: ProjectSettings.optional(),
})
export type ChangeProject = z.input<typeof ChangeProject>

export const ProjectView = z.strictObject({
  id: z.int(),
  name: z.string(),
  description: z.string(),
  owner: z.string().nullable(),
  team: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  settings: ProjectSettings,
  experiments: z.int(),
  createdAt: Time,
})
export type ProjectView = z.infer<typeof ProjectView>

/** By name. */
export const ProjectList = z.strictObject({ projects: z.array(ProjectView), next: z.string().nullable() })
export type ProjectList = z.infer<typeof ProjectList>
