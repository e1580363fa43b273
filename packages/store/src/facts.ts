import { type Fact, FactBody } from '@sweep/spec/facts'
import type { SweepId } from '@sweep/spec/ids'
import type { Queryable } from './database.ts'
import { unpackFacts } from './fact-codec.ts'

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
    for (const [index, body] of unpackFacts(row.facts).entries()) {
      const seq = first + index
      if (facts.length === limit) return facts
      if (seq > afterSeq) facts.push({ ...FactBody.parse(body), seq, at: row.at })
    }
  }
  return facts
}
