import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plan } from './plan.ts'
import { agent, created, foreign, resumed, sweep } from './testing.ts'
import type { View } from './view.ts'

const GIB = 1024 ** 3

describe('whatever the pool and the sweeps look like', () => {
  const shapes = fc.record(
    {
      gpus: fc.integer({ min: 0, max: 3 }),
      cpus: fc.constantFrom(0.5, 1, 4),
      memoryBytes: fc.constantFrom(GIB, 8 * GIB),
    },
    { requiredKeys: [] },
  )
  const agents = fc.array(
    fc.record({
      slots: fc.integer({ min: 1, max: 8 }),
      gpuSlots: fc.integer({ min: 0, max: 4 }),
      cpus: fc.integer({ min: 1, max: 16 }),
      queues: fc.subarray(['default', 'gpu'], { minLength: 1 }),
    }),
    { maxLength: 4 },
  )
  const sweeps = fc.array(
    fc.record({
      queue: fc.constantFrom('default', 'gpu'),
      shape: shapes,
      priority: fc.constantFrom(0.5, 1, 3),
      parallelism: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
      outstanding: fc.integer({ min: 0, max: 10 }),
      sharePass: fc.integer({ min: 0, max: 5 }),
      isForeign: fc.boolean(),
      claimsRoom: fc.boolean(),
      created: fc.integer({ min: 0, max: 12 }),
      maxTrials: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined }),
      attemptSeconds: fc.option(fc.constantFrom(0.001, 1, 5, 3600), { nil: undefined }),
      learns: fc.boolean(),
      endsPerSecond: fc.constantFrom(0, 1, 30, 1000),
      resumable: fc.integer({ min: 0, max: 5 }),
    }),
    { maxLength: 5 },
  )
  const views = fc.record({ agents, sweeps }).map(({ agents, sweeps }): View => {
    return {
      agents: agents.map((one, index) => agent({ ...one, name: `agent-${index}` })),
      sweeps: sweeps.map(
        ({ isForeign, claimsRoom, queue, shape, priority, parallelism, outstanding, sharePass, ...mine }, index) => {
          const id = `s${index}`
          const rest = { claimsRoom, queue, shape, priority, parallelism, outstanding, sharePass }
          const own = { ...mine, paused: mine.resumable }
          return isForeign ? foreign(id, rest) : sweep(id, { ...rest, own })
        },
      ),
    }
  })

  test('budgets, parallelism and the room of the pool are never exceeded', () => {
    fc.assert(
      fc.property(views, (view) => {
        const actions = plan(view)
        const slots = view.agents.reduce((sum, one) => sum + one.slots.length, 0)
        for (const one of view.sweeps) {
          const [fresh, again] = [created(actions)[one.id] ?? 0, resumed(actions)[one.id] ?? 0]
          const count = fresh + again
          if (!one.own) expect(count).toBe(0)
          if (count === 0) continue
          if (fresh > 0) expect(again).toBe(one.own?.resumable)
          expect(again).toBeLessThanOrEqual(one.own?.resumable ?? 0)
          const left = one.own?.maxTrials === undefined ? Number.POSITIVE_INFINITY : one.own.maxTrials - one.own.created
          expect(fresh).toBeLessThanOrEqual(Math.max(0, left))
          expect(count + one.outstanding).toBeLessThanOrEqual(one.parallelism ?? Number.POSITIVE_INFINITY)
          const ahead = one.own?.learns === false ? 64 : 2
          expect(count + one.outstanding).toBeLessThanOrEqual(slots + Math.max(ahead, slots))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('carrying out the plan leads to a state in which no more is issued', () => {
    fc.assert(
      fc.property(views, (view) => {
        let now = view
        for (let round = 0; round < 40; round += 1) {
          const counts = created(plan(now))
          if (Object.keys(counts).length === 0) return
          now = {
            ...now,
            sweeps: now.sweeps.map((one) => {
              const count = counts[one.id] ?? 0
              if (!one.own) return one
              return {
                ...one,
                outstanding: one.outstanding + count,
                own: { ...one.own, created: one.own.created + count },
              }
            }),
          }
        }
        expect.unreachable('trials are issued without an end')
      }),
      { numRuns: 300 },
    )
  })

  test('the order in which sweeps and agents are listed does not matter', () => {
    fc.assert(
      fc.property(views, (view) => {
        const other = { agents: [...view.agents].reverse(), sweeps: [...view.sweeps].reverse() }
        expect(created(plan(other))).toEqual(created(plan(view)))
      }),
      { numRuns: 300 },
    )
  })

  test('while something wants it and fits, no slot stays free', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.constantFrom(0.5, 1, 2, 5), { minLength: 1, maxLength: 5 }),
        (slots, priorities) => {
          const sweeps = priorities.map((priority, index) => sweep(`s${index}`, { priority }))
          const counts = created(plan({ agents: [agent({ slots })], sweeps }))
          expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(slots)
          const total = priorities.reduce((sum, priority) => sum + priority, 0)
          for (const [index, priority] of priorities.entries()) {
            expect(Math.abs((counts[`s${index}`] ?? 0) - (slots * priority) / total)).toBeLessThan(priorities.length)
          }
        },
      ),
    )
  })
})
