import { z } from 'zod'

/**
 * A metric value. JSON has no NaN or infinities, so on the wire and in jsonb they are the strings `"NaN"`,
 * `"Infinity"` and `"-Infinity"` (MLflow's spelling); in memory they are numbers.
 */
export const MetricValue = z.union([
  z.number(),
  z.enum(['NaN', 'Infinity', '-Infinity']).transform((text) => Number(text)),
  z.nan(),
  z.literal(Number.POSITIVE_INFINITY),
  z.literal(Number.NEGATIVE_INFINITY),
])

/** The JSON spelling of a metric value. */
export function encodeMetric(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export const Json: z.ZodType<Json> = z.json() as unknown as z.ZodType<Json>
