import { SweepError } from '@sweep/spec/errors'
import { ExperimentId, RunId } from '@sweep/spec/ids'
import { MetricValue } from '@sweep/spec/number'
import { MetricKey, Name } from '@sweep/spec/tracking/names'
import { z } from 'zod'

/**
 * Values as MLflow's clients write them. Its bodies are protobuf in JSON: an int64 is a number or a text of digits, NaN and
 * infinities are texts, fields that nobody knows are passed over, and null is the same as nothing.
 */

const SAFE = Number.MAX_SAFE_INTEGER

export const Int64 = z
  .union([z.int(), z.string().regex(/^-?[0-9]{1,19}$/, { error: 'must be a whole number' })])
  .transform(Number)
  .refine((value) => Math.abs(value) <= SAFE, { error: `must lie between -${SAFE} and ${SAFE}` })

export const Double = z.union([
  MetricValue,
  z
    .string()
    .regex(/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i, { error: 'must be a number' })
    .transform(Number),
])

/** Longest value of a tag, as in MLflow. */
const TAG_CHARACTERS = 8000
/** As much as a param of ours may have; MLflow takes 6000. */
const PARAM_CHARACTERS = 65_536

const text = (most: number) => z.string().max(most)

/** For what the database is asked by, which knows no NUL and no halves of characters. */
export const plain = (most: number) =>
  text(most).refine((value) => !/[\0\p{Surrogate}]/u.test(value), { error: 'must be text without NUL' })

export const Metric = z.object({
  key: MetricKey,
  value: Double,
  /** Milliseconds since 1970. */
  timestamp: Int64,
  step: Int64.nullish().transform((step) => step ?? 0),
})
export type Metric = z.output<typeof Metric>

export const Param = z.object({
  key: Name,
  value: text(PARAM_CHARACTERS)
    .nullish()
    .transform((value) => value ?? ''),
})
export type Param = z.output<typeof Param>

export const Tag = z.object({
  key: Name,
  value: text(TAG_CHARACTERS)
    .nullish()
    .transform((value) => value ?? ''),
})
export type Tag = z.output<typeof Tag>

/** A list that may be absent. */
export function listOf<T extends z.ZodType>(item: T, most: number) {
  return z
    .array(item)
    .max(most)
    .nullish()
    .transform((list) => list ?? [])
}

export function recordOf(list: readonly { readonly key: string; readonly value: string }[]): Record<string, string> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]))
}

/** Not yet known to be an id of ours: one that can't be is one that does not exist. */
const Reference = z.string().min(1).max(500)

/** The run that a request is about; `run_uuid` is what it was called before, and is still sent beside. */
export const RunReference = z.object({ run_id: Reference.nullish(), run_uuid: Reference.nullish() })
export type RunReference = z.output<typeof RunReference>

export const ExperimentReference = z.object({ experiment_id: z.union([Reference, z.int().transform(String)]) })

export function runIdOf(reference: RunReference): RunId {
  const text = reference.run_id ?? reference.run_uuid
  if (text == null) throw new SweepError('invalid-request', 'run_id: the id of the run is missing')
  const id = RunId.safeParse(text)
  if (!id.success) throw new SweepError('not-found', `there is no run ${JSON.stringify(text.slice(0, 100))}`)
  return id.data
}

/** MLflow's name for the experiment of those who name none. */
export const DEFAULT_EXPERIMENT = '0'

export function experimentIdOf(text: string): ExperimentId {
  const id = ExperimentId.safeParse(text)
  if (!id.success) throw new SweepError('not-found', `there is no experiment ${JSON.stringify(text.slice(0, 100))}`)
  return id.data
}

/** Which of what was deleted and what was not; MLflow's enum, by name or by number. */
export const ViewType = z
  .enum(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'])
  .or(
    z.coerce
      .number()
      .int()
      .min(1)
      .max(3)
      .transform((number) => (['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'] as const)[number - 1]),
  )
  .nullish()
  .transform((type) => type ?? 'ACTIVE_ONLY')
export type ViewType = z.output<typeof ViewType>
