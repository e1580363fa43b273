import { BatchTaken, MetricHistory, MetricSummaries } from '@sweep/spec/wire/tracking/metrics'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { trackingCalls } from '../testing/tracking-calls.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

const { call, ok, refused, newRun } = trackingCalls(() => api)

describe('metrics', () => {
  const names = [
    `"quoted" 'single'`,
    '😀/loss',
    'a b%2Fc?d#e&f',
    'eval/task/acc',
    '../x'.replace('../', '..%/'),
    'é'.repeat(125),
  ]

  test.each(names)('may be called %j', async (name) => {
    const { id } = await newRun()
    const points = [{ step: 1, at: 5, values: { [name]: 1 } }]
    await ok(call('POST', `/runs/${id}/metrics/batch`, { points }), BatchTaken)
    const history = await ok(call('GET', `/runs/${id}/metrics/${encodeURIComponent(name)}`), MetricHistory)
    expect(history).toMatchObject({ key: name, total: 1, steps: [1], times: [5], values: [1], bucketSteps: null })
    const { metrics } = await ok(call('GET', `/runs/${id}/metrics`), MetricSummaries)
    expect(metrics).toMatchObject([{ key: name, last: 1, points: 1 }])
  })

  test.each(['', 'x'.repeat(10_000), 'é'.repeat(126), 'a\0b', 'a/../b', '..', '\ud800'])(
    'may not be called %j',
    async (name) => {
      const { id } = await newRun()
      const error = await refused(
        call('POST', `/runs/${id}/metrics/batch`, { points: [{ values: { [name]: 1 } }] }),
        400,
      )
      expect(error.message.length).toBeLessThan(600)
    },
  )

  test('keep NaN, infinities and the largest numbers', async () => {
    const { id } = await newRun()
    const values = ['NaN', 'Infinity', '-Infinity', 1e308, -1e308, 5e-324, 0]
    const points = values.map((x, step) => ({ step, values: { x } }))
    await ok(call('POST', `/runs/${id}/metrics/batch`, { points }), BatchTaken)
    const raw = await call('GET', `/runs/${id}/metrics/x`)
    expect((raw.body as { values: unknown }).values).toEqual(values)
    const { metrics } = (await call('GET', `/runs/${id}/metrics`)).body as { metrics: unknown[] }
    expect(metrics).toMatchObject([{ last: 0, min: '-Infinity', minStep: 2, max: 'Infinity', maxStep: 1 }])
    for (const wrong of ['nan', 'inf', null, true, '1']) {
      await refused(call('POST', `/runs/${id}/metrics/batch`, { points: [{ values: { x: wrong } }] }), 400)
    }
  })

  test('come once, between two steps, in as many buckets as asked for', async () => {
    const { id } = await newRun()
    const send = (seq: number, from: number) => {
      const points = Array.from({ length: 1000 }, (_, n) => ({ step: from + n, values: { x: (from + n) % 100 } }))
      return call('POST', `/runs/${id}/metrics/batch`, { writer: { id: 'w', seq }, points })
    }
    expect(await ok(send(1, 0), BatchTaken)).toEqual({ taken: true, seq: 1, dropped: 0 })
    expect(await ok(send(1, 0), BatchTaken)).toEqual({ taken: false, seq: 1, dropped: 0 })
    expect(await refused(send(3, 2000), 409)).toMatchObject({ details: { seq: 1 } })
    await ok(send(2, 1000), BatchTaken)
    const history = (query: string) => ok(call('GET', `/runs/${id}/metrics/x?${query}`), MetricHistory)
    expect(await history('from=10&to=12')).toMatchObject({ total: 3, steps: [10, 11, 12], values: [10, 11, 12] })
    expect(await history('from=5000')).toMatchObject({ total: 0, steps: [] })
    const buckets = await history('points=500')
    expect(buckets).toMatchObject({ total: 2000, bucketSteps: 4 })
    expect(buckets.steps).toHaveLength(500)
    expect([buckets.min?.[0], buckets.max?.[0], buckets.values[0], buckets.counts?.[0]]).toEqual([0, 3, 3, 4])
    // The same buckets wherever one begins.
    const part = await history('from=1000&points=250')
    expect(part.min).toEqual(buckets.min?.slice(250))
    expect((await history('points=100000')).bucketSteps).toBeNull()
    await refused(call('GET', `/runs/${id}/metrics/y`), 404)
    await refused(call('GET', `/runs/${id}/metrics/x?points=1`), 400)
  })

  test('of 10,001 values in one batch are refused', async () => {
    const { id } = await newRun()
    const points = Array.from({ length: 5001 }, (_, step) => ({ step, values: { a: 1, b: 2 } }))
    await refused(call('POST', `/runs/${id}/metrics/batch`, { points }), 400)
    await ok(call('POST', `/runs/${id}/metrics/batch`, { points: points.slice(1) }), BatchTaken)
  })
})
