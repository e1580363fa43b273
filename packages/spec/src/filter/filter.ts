/**
 * A question about runs, as data: what `parseFilter` reads and the store turns into SQL. docs/tracking/search.md is the
 * language for those who write it, and says what each part means where a value is missing, of another type, or NaN.
 */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter }
  | { readonly kind: 'exists' | 'missing'; readonly field: Field }
  | { readonly kind: 'compare'; readonly field: Field; readonly operator: Comparison; readonly value: Scalar }
  | { readonly kind: 'time'; readonly field: TimeField; readonly operator: Comparison; readonly value: Moment }
  | { readonly kind: 'in'; readonly field: Field; readonly negated: boolean; readonly values: readonly Scalar[] }
  | {
      readonly kind: 'text'
      readonly field: Field
      readonly operator: TextOperator
      readonly negated: boolean
      readonly pattern: string
    }

export const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='] as const
export type Comparison = (typeof COMPARISONS)[number]

/** `like` and `ilike` know % and _ as SQL does; `contains` takes its text as it is and looks at no case. */
export const TEXT_OPERATORS = ['like', 'ilike', 'contains'] as const
export type TextOperator = (typeof TEXT_OPERATORS)[number]

/** A number where the field is one (metrics, `trial`; `duration` in milliseconds), text otherwise; a param may be any. */
export type Scalar = number | string | boolean

/** A time, or so many milliseconds before the search. */
export type Moment = { readonly kind: 'at'; readonly ms: number } | { readonly kind: 'ago'; readonly ms: number }

/** Which of the values of a metric: the newest, or the least or largest finite one. */
export const METRIC_SUMMARIES = ['last', 'min', 'max'] as const
export type MetricSummary = (typeof METRIC_SUMMARIES)[number]

export type Field =
  | { readonly kind: 'metric'; readonly name: string; readonly summary: MetricSummary }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'tag'; readonly name: string }
  | AttributeField

/** Runs without the value come last in either direction. */
export interface OrderTerm {
  readonly field: Field
  readonly descending: boolean
}

/** What of a run is wanted: a field, or all there are of a kind. */
export type Column = Field | { readonly kind: 'all'; readonly of: 'metric' | 'param' | 'tag' }

/** A field that runs have only where somebody has logged it. */
export type NamedField = Exclude<Field, AttributeField>

export interface AttributeField {
  readonly kind: 'attribute'
  readonly name: AttributeName
}

export interface TimeField extends AttributeField {
  readonly name: TimeName
}

/** What every run has, or may have, by the type of its value. */
export const ATTRIBUTES = {
  status: 'status',
  name: 'text',
  group: 'text',
  created: 'time',
  started: 'time',
  ended: 'time',
  duration: 'duration',
  trial: 'number',
  id: 'text',
  experiment: 'text',
  project: 'text',
  sweep: 'text',
  parent: 'text',
  created_by: 'text',
} as const
export type AttributeName = keyof typeof ATTRIBUTES
export type TimeName = {
  [Name in AttributeName]: (typeof ATTRIBUTES)[Name] extends 'time' ? Name : never
}[AttributeName]

/** What a value of the field is compared as. */
export type FieldType = 'metric' | 'param' | 'tag' | (typeof ATTRIBUTES)[AttributeName]

export function typeOf(field: Field): FieldType {
  return field.kind === 'attribute' ? ATTRIBUTES[field.name] : field.kind
}

/** The fields that a filter compares, in its order. */
export function fieldsOf(filter: Filter): Field[] {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.parts.flatMap(fieldsOf)
    case 'not':
      return fieldsOf(filter.part)
    default:
      return [filter.field]
  }
}

/** So that no text, whoever wrote it, costs more than some milliseconds to read. */
export const FILTER_LIMITS = {
  /** Characters, in UTF-16 units. */
  text: 65_536,
  /** Parentheses and `not` inside one another. */
  depth: 50,
  /** Comparisons in a filter. */
  terms: 100,
  /** Values in the lists of all `in` together. */
  values: 2000,
  /** Parts of an order. */
  order: 3,
  columns: 200,
  /** UTF-16 units of a name. */
  name: 1000,
} as const
