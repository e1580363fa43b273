import type { FactBody, Verdict } from '@sweep/spec/facts'
import { encodeMetric } from '@sweep/spec/number'
import type { Values } from '@sweep/spec/objectives'
import { z } from 'zod'

/** Reports of one attempt that follow each other, by far the most facts there are: what they share is said once. */
const PackedReports = z.strictObject({
  kind: z.literal('reports'),
  trial: z.int(),
  attempt: z.int(),
  /** Of the first; each that follows has the next. */
  ordinal: z.int(),
  steps: z.array(z.int()),
  values: z.array(z.union([z.number(), z.string()])),
})

type PackedReports = z.infer<typeof PackedReports>

/** Facts as the entries of a row's JSON, which knows no NaN and no infinities. */
export function packFacts(facts: readonly FactBody[]): unknown[] {
  const entries: unknown[] = []
  let open: PackedReports | undefined
  for (const fact of facts) {
    if (fact.kind !== 'report') {
      open = undefined
      entries.push(spelledFact(fact))
      continue
    }
    const { trial, attempt, step, ordinal } = fact
    const value = encodeMetric(fact.value)
    if (open?.trial === trial && open.attempt === attempt && open.ordinal + open.steps.length === ordinal) {
      open.steps.push(step)
      open.values.push(value)
      continue
    }
    open = { kind: 'reports', trial, attempt, ordinal, steps: [step], values: [value] }
    entries.push(open)
  }
  return entries
}

/** The facts of a row, as many as `packFacts` was given, still to be parsed. */
export function unpackFacts(entries: readonly unknown[]): unknown[] {
  return entries.flatMap((entry) => {
    if (!isPacked(entry)) return [entry]
    const { trial, attempt, ordinal, steps, values } = PackedReports.parse(entry)
    return steps.map((step, n) => ({ kind: 'report', trial, attempt, step, ordinal: ordinal + n, value: values[n] }))
  })
}

function isPacked(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'kind' in entry && entry.kind === 'reports'
}

function spelledFact(fact: FactBody): unknown {
  switch (fact.kind) {
    case 'report':
    case 'side-report':
      return { ...fact, value: encodeMetric(fact.value) }
    case 'trial-ended':
      return {
        ...fact,
        value: fact.value === null ? null : encodeMetric(fact.value),
        ...(fact.values === undefined ? {} : { values: spelledValues(fact.values) }),
      }
    case 'stop-asked':
    case 'trial-resumed':
      return { ...fact, verdict: spelledVerdict(fact.verdict) }
    default:
      return fact
  }
}

function spelledValues(values: Values): Record<string, number | string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, encodeMetric(value)]))
}

export function spelledVerdict(verdict: Verdict): unknown {
  const { value, threshold } = verdict
  return {
    ...verdict,
    ...(value === undefined ? {} : { value: encodeMetric(value) }),
    ...(threshold === undefined ? {} : { threshold: encodeMetric(threshold) }),
  }
}
