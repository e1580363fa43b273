import { FactBody } from '@sweep/spec/facts'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { packFacts, unpackFacts } from './fact-codec.ts'
import { loadFacts } from './facts.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'

type Reported = Extract<FactBody, { kind: 'report' }>

function reported(fact: Partial<Reported>): FactBody {
  return { kind: 'report', trial: 1, attempt: 1, step: 1, ordinal: 1, value: 0.5, ...fact }
}

/** What comes back from where it was stored. */
function throughJson(facts: readonly FactBody[]): FactBody[] {
  const entries = JSON.parse(JSON.stringify(packFacts(facts))) as unknown[]
  return unpackFacts(entries).map((entry) => FactBody.parse(entry))
}

const small = fc.integer({ min: 1, max: 3 })
const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))
const anyFact: fc.Arbitrary<FactBody> = fc.oneof(
  fc.record({ trial: small, attempt: small, step: fc.maxSafeInteger(), ordinal: small, value }).map(reported),
  fc.record({ trial: small, attempt: small, value }).map((fact) => ({
    ...{ kind: 'side-report' as const, step: 1, name: 'size' },
    ...fact,
  })),
  fc.record({ trial: small, attempt: small, reason: fc.string() }).map((fact) => ({
    ...{ kind: 'attempt-queued' as const },
    ...fact,
  })),
)

describe('packed facts', () => {
  test('come back as they were, in their order', () => {
    fc.assert(
      fc.property(fc.array(anyFact), (facts) => {
        // JSON knows no -0, and nobody tells it from 0.
        const plain = facts.map((fact) => ('value' in fact && fact.value === 0 ? { ...fact, value: 0 } : fact))
        expect(throughJson(plain)).toEqual(plain)
      }),
    )
  })

  test('say what the reports of an attempt share only once, while nothing comes between them', () => {
    const run = [1, 2, 3].map((ordinal) => reported({ ordinal, step: ordinal * 10 }))
    expect(packFacts(run)).toEqual([
      { kind: 'reports', trial: 1, attempt: 1, ordinal: 1, steps: [10, 20, 30], values: [0.5, 0.5, 0.5] },
    ])
    expect(packFacts([reported({ ordinal: 1 }), reported({ ordinal: 3 })])).toHaveLength(2)
    expect(packFacts([reported({ ordinal: 1 }), reported({ ordinal: 2, trial: 2 })])).toHaveLength(2)
    expect(packFacts([reported({ ordinal: 1 }), reported({ ordinal: 2, attempt: 2 })])).toHaveLength(2)
  })

  test('of before there were packed reports are read as they are', () => {
    expect(unpackFacts([reported({ ordinal: 4 })])).toEqual([reported({ ordinal: 4 })])
  })
})

describe('in Postgres', () => {
  let fixture: TestDatabase
  beforeAll(async () => {
    fixture = await testDatabase()
  })
  afterAll(() => fixture.drop())

  test('the view shows every fact with the number it is loaded by, from any number on', async () => {
    const { database } = fixture
    const sweep = await ownedSweep(database, { parallelism: 2 })
    const agent = await sampleAgent(database)
    const attempts = await issue(database, sweep, [1, 2])
    const reports = await Promise.all(
      attempts.map(async (id, n) => {
        const batches = [lossBatch(0, [0.5, Number.NaN, 0.3 + n, Number.POSITIVE_INFINITY])]
        return report(id, await claim(database, id, agent), {
          batches,
          ...(n === 1 ? { ended: ending('succeeded') } : {}),
        })
      }),
    )
    await ingestReports(database, agent, reports)
    const facts = await loadFacts(database, sweep.id, 0)
    expect(facts.filter((fact) => fact.kind === 'report').map((fact) => fact.ordinal)).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
    const { rows } = await database.query<{ seq: number; kind: string; body: object; at: Date }>(
      'select seq, kind, body, at from facts where sweep_id = $1 order by seq',
      [sweep.id],
    )
    expect(rows.map(({ seq, kind, body, at }) => ({ ...FactBody.parse({ kind, ...body }), seq, at }))).toEqual(facts)
    for (const fact of facts) expect(await loadFacts(database, sweep.id, fact.seq - 1, 1)).toEqual([fact])
  })
})
