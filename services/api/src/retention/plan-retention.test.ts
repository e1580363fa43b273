import { RunId } from '@sweep/spec/ids'
import { ProjectSettings } from '@sweep/spec/wire/tracking/projects'
import type { RetainedRun } from '@sweep/store/retention/retained-runs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planRetention, type RetentionPolicy } from './plan-retention.ts'
import { runRanking } from './rank-runs.ts'

const DAY_MS = 86_400_000
const NOW = new Date('2026-06-01T00:00:00Z')
const ago = (days: number) => new Date(NOW.getTime() - days * DAY_MS)
const policy = (settings: Parameters<typeof ProjectSettings.parse>[0]): RetentionPolicy =>
  ProjectSettings.parse(settings)

function run(key: number, changes: Partial<RetainedRun> = {}): RetainedRun {
  return {
    ...{ key, id: RunId.parse(String(key).padStart(10, '0')), name: null, trial: null, endedAt: ago(30) },
    ...{
      deletedAt: null,
      archivedAt: null,
      thinnedAt: null,
      isKept: false,
      best: null,
      points: 5000,
      mostPoints: 1000,
    },
    ...changes,
  }
}

function keysOf(plan: ReturnType<typeof planRetention>) {
  const keys = (runs: readonly RetainedRun[]) => runs.map(({ key }) => key)
  return { archive: keys(plan.archive), thin: keys(plan.thin), purge: keys(plan.purge) }
}

const runs = fc.array(
  fc.record({
    endedAt: fc.option(fc.integer({ min: 0, max: 60 }).map(ago)),
    deletedAt: fc.option(fc.integer({ min: 0, max: 60 }).map(ago)),
    archivedAt: fc.option(fc.constant(ago(1))),
    thinnedAt: fc.option(fc.integer({ min: 0, max: 60 }).map(ago)),
    isKept: fc.boolean(),
    trial: fc.option(fc.integer({ min: 1, max: 9 })),
    best: fc.option(fc.double()),
    mostPoints: fc.integer({ min: 0, max: 1000 }),
  }),
  { maxLength: 40 },
)
const many = runs.map((list) => list.map((changes, n) => run(n + 1, changes)))

describe('archiving', () => {
  const archive = policy({ archive: { afterDays: 10, keepBest: 1, keepRecent: 2 } })

  test('takes runs that are over for so long, but for the best, the newest, and those that somebody has kept', () => {
    const all = [run(1), run(2), run(3, { isKept: true }), run(4, { endedAt: ago(9) }), run(5), run(6), run(7)]
    expect(keysOf(planRetention({ runs: all, ranking: [2, 7] }, archive, NOW)).archive).toEqual([1, 5])
  })

  test('leaves all alone where the best are to be kept and nothing says which they are', () => {
    const plan = planRetention({ runs: [run(1), run(2), run(3)], ranking: undefined }, archive, NOW)
    expect(plan).toMatchObject({ archive: [], isUnjudged: true })
    const rest = policy({ archive: { afterDays: 10, keepRecent: 2 } })
    expect(planRetention({ runs: [run(1), run(2), run(3)], ranking: undefined }, rest, NOW)).toMatchObject({
      archive: [{ key: 1 }],
      isUnjudged: false,
    })
  })
})

describe('thinning', () => {
  const points = policy({ points: { wholeDays: 7, buckets: 500, keepBest: 1 } })

  test('takes runs with more points than buckets, but for the best; again only after they were taken up again', () => {
    const all = [
      run(1),
      run(2),
      run(3, { mostPoints: 500 }),
      run(4, { thinnedAt: ago(20) }),
      run(5, { thinnedAt: ago(31) }),
    ]
    expect(keysOf(planRetention({ runs: all, ranking: [2] }, points, NOW))).toEqual({
      archive: [],
      thin: [1, 5],
      purge: [],
    })
  })
})

describe('purging', () => {
  test('takes what was deleted so long ago, of a trial only once its sweep is over', () => {
    const deleted = policy({ deleted: { purgeAfterDays: 5 } })
    const all = [
      run(1, { deletedAt: ago(5) }),
      run(2, { deletedAt: ago(4) }),
      run(3, { deletedAt: ago(9), trial: 1, endedAt: null }),
      run(4, { deletedAt: ago(9), trial: 2 }),
      run(5),
    ]
    expect(keysOf(planRetention({ runs: all, ranking: [] }, deleted, NOW)).purge).toEqual([1, 4])
  })
})

test('whatever the policy, runs that are not over and the best ones are as they were, and the same plan comes again', () => {
  const days = fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined })
  const settings = fc
    .record({ days, whole: days, purge: days, best: fc.nat(5), whole_best: fc.nat(5), recent: fc.nat(5) })
    .map((one) =>
      policy({
        archive: { afterDays: one.days, keepBest: one.best, keepRecent: one.recent },
        points: { wholeDays: one.whole, keepBest: one.whole_best },
        deleted: { purgeAfterDays: one.purge },
      }),
    )
  fc.assert(
    fc.property(many, settings, (all, rules) => {
      const ranking = runRanking(all, { name: 'loss', goal: 'minimize' })
      const plan = planRetention({ runs: all, ranking }, rules, NOW)
      const shown = all.filter(({ deletedAt }) => deletedAt === null)
      const best = runRanking(shown, { name: 'loss', goal: 'minimize' })
      for (const one of [...plan.archive, ...plan.thin]) {
        expect(one.endedAt).not.toBeNull()
        expect(one.deletedAt).toBeNull()
      }
      for (const one of plan.archive) expect(best.slice(0, rules.archive.keepBest)).not.toContain(one.key)
      for (const one of plan.thin) expect(best.slice(0, rules.points.keepBest)).not.toContain(one.key)
      const newest = shown.slice(Math.max(0, shown.length - rules.archive.keepRecent))
      for (const one of newest) expect(plan.archive).not.toContain(one)
      expect(planRetention({ runs: all, ranking }, rules, NOW)).toEqual(plan)
    }),
  )
})

test('the best by a metric come first, ties by age, and what is not finite is never among them', () => {
  const all = [Number.NaN, 2, Number.NEGATIVE_INFINITY, 1, null, 2].map((best, n) => run(n + 1, { best }))
  expect(runRanking(all, { name: 'loss', goal: 'minimize' })).toEqual([4, 2, 6])
  expect(runRanking(all, { name: 'acc', goal: 'maximize' })).toEqual([2, 6, 4])
})
