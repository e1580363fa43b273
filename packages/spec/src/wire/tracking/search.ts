import { z } from 'zod'
import { FILTER_LIMITS } from '../../filter/filter.ts'
import { ExperimentId, RunId } from '../../ids.ts'
import { RUN_STATUSES } from '../../tracking/run-status.ts'

/** Bodies of `/api/v1/runs` and `/api/v1/runs/search`; docs/tracking/search.md has the languages of the texts. */

const Text = z.string().max(FILTER_LIMITS.text)
const list = <T extends z.ZodType>(item: T) =>
  z.union([item, z.array(item)]).transform((items) => [items].flat() as z.output<T>[])

/** Which runs. */
export const runScope = {
  /** Such as `metrics.val_loss < 0.3 and params.optimizer = "adam"`. */
  filter: Text.optional(),
  experiment: ExperimentId.optional(),
  /** Name of the project. */
  project: z.string().max(200).optional(),
  status: list(z.enum(RUN_STATUSES)).optional(),
  parent: RunId.optional(),
  deleted: z.enum(['only', 'include', 'exclude']).default('exclude'),
  archived: z.enum(['only', 'include', 'exclude']).default('exclude'),
}

export const SearchRuns = z.strictObject({
  ...runScope,
  /** Such as `metrics.val_loss asc, created desc`; newest first when absent. */
  order: Text.optional(),
  /** Such as `metrics.val_loss, params.*`; all params and tags, and no metrics, when absent. */
  columns: Text.optional(),
  limit: z.int().min(1).max(1000).default(100),
  after: z.string().max(100_000).optional(),
})
export type SearchRuns = z.input<typeof SearchRuns>

/** The same in the address; filters too long for that go to `POST /runs/search`. */
export const SearchRunsQuery = SearchRuns.extend({ limit: z.coerce.number().int().min(1).max(1000).default(100) })
