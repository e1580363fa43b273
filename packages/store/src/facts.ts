import { type Fact, FactBody, type Verdict } from '@sweep/spec/facts'
import type { SweepId } from '@sweep/spec/ids'
import { encodeMetric } from '@sweep/spec/number'
import type { Values } from '@sweep/spec/objectives'
import type { Queryable } from './database.ts'

const LOAD = {
  name: 'facts-load',
  // Rows until they hold as many facts as were asked for; the last may hold more.
  text: `select last_seq, count, facts, at from (
           select *, sum(count) over (order by last_seq) - count as before
             from fact_batches where sweep_id = $1 and last_seq > $2 order by last_seq limit $3) b
          where before < $3 order by last_seq`,
}

interface BatchRow {
  readonly last_seq: number
  readonly count: number
  readonly facts: readonly unknown[]
  readonly at: Date
}

/** Facts with a number above `afterSeq`, in order, at most `limit` (10,000 when absent). */
export async function loadFacts(
  database: Queryable,
  sweepId: SweepId,
  afterSeq: number,
  limit = 10_000,
): Promise<Fact[]> {
  // One more row, for the one that may begin at or below `afterSeq`.
  const { rows } = await database.query<BatchRow>(LOAD, [sweepId, afterSeq, limit + 1])
  const facts: Fact[] = []
  for (const row of rows) {
    const first = row.last_seq - row.count + 1
    for (const [index, body] of row.facts.entries()) {
      const seq = first + index
      if (facts.length === limit) return facts
      if (seq > afterSeq) facts.push({ ...FactBody.parse(body), seq, at: row.at })
    }
  }
  return facts
}

/** A fact as JSON has it, which knows no NaN and no infinities. They are stored by `SweepChange`. */
export function spelledFact(fact: FactBody): unknown {
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
