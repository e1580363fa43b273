import type { Field } from '@sweep/spec/filter/filter'
import type { Json } from '@sweep/spec/number'
import type { FlatParams } from '@sweep/spec/tracking/params'
import type { RunStatus } from '@sweep/spec/tracking/run-status'

/** What a metric has come to; min and max are null where it was nothing but NaN. */
export interface MetricValues {
  readonly last: number
  readonly min: number | null
  readonly max: number | null
}

/** A run as far as analyses look at it. */
export interface RunData {
  readonly id: string
  readonly name: string | null
  readonly group: string | null
  readonly status: RunStatus
  readonly params: FlatParams
  readonly tags: Readonly<Record<string, string>>
  readonly metrics: Readonly<Record<string, MetricValues>>
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly startedAt: number | null
  readonly endedAt: number | null
}

/** The value of a field that charts know; undefined where it is missing. Times and durations are milliseconds. */
export function valueOfField(run: RunData, field: Field): Json | undefined {
  switch (field.kind) {
    case 'metric': {
      const values = Object.hasOwn(run.metrics, field.name) ? run.metrics[field.name] : undefined
      return values?.[field.summary] ?? undefined
    }
    case 'param':
      return Object.hasOwn(run.params, field.name) ? run.params[field.name] : undefined
    case 'tag':
      return Object.hasOwn(run.tags, field.name) ? run.tags[field.name] : undefined
    case 'attribute':
      return attributeOf(run, field.name)
  }
}

function attributeOf(run: RunData, name: string): Json | undefined {
  switch (name) {
    case 'id':
      return run.id
    case 'name':
      return run.name ?? undefined
    case 'group':
      return run.group ?? undefined
    case 'status':
      return run.status
    case 'created':
      return run.createdAt
    case 'started':
      return run.startedAt ?? undefined
    case 'ended':
      return run.endedAt ?? undefined
    case 'duration':
      return run.startedAt === null || run.endedAt === null ? undefined : run.endedAt - run.startedAt
    default:
      return undefined
  }
}

/** As `valueOfField`; undefined for what is no finite number. */
export function numberOfField(run: RunData, field: Field): number | undefined {
  const value = valueOfField(run, field)
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export type Goal = 'minimize' | 'maximize'
/** By which of its values a run is judged: the best one it ever had, or the newest. */
export type JudgedBy = 'best' | 'last'

/** The value by which a run is judged; undefined where there is none that is finite. */
export function judgedValue(run: RunData, metric: string, goal: Goal, by: JudgedBy): number | undefined {
  const summary = by === 'last' ? 'last' : goal === 'minimize' ? 'min' : 'max'
  return numberOfField(run, { kind: 'metric', name: metric, summary })
}
