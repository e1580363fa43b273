import { PriceTable } from '@sweep/spec/prices'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { costOf, priceFor, type Usage } from './cost-of.ts'

const TABLE = PriceTable.parse({
  currency: 'EUR',
  prices: [
    { labels: { tier: 'spot' }, gpu: 'a100', gpuHour: 1.2 },
    { gpu: 'A100', gpuHour: 3, hour: 0.5 },
    { queue: 'cpu', hour: 0.1 },
  ],
})
const HOST = { labels: {}, queues: ['default'], gpu: null }
const A100 = 'NVIDIA A100-SXM4-80GB'

test('the first price that is for a host holds', () => {
  expect(priceFor(TABLE, { ...HOST, gpu: A100, labels: { tier: 'spot', zone: 'a' } })?.gpuHour).toBe(1.2)
  expect(priceFor(TABLE, { ...HOST, gpu: A100, labels: { tier: 'fixed' } })?.gpuHour).toBe(3)
  expect(priceFor(TABLE, { ...HOST, labels: { tier: 'spot' } })).toBeUndefined()
  expect(priceFor(TABLE, { ...HOST, queues: ['default', 'cpu'] })?.hour).toBe(0.1)
  expect(priceFor(TABLE, { ...HOST, gpu: 'NVIDIA H100' })).toBeUndefined()
  const a10 = PriceTable.parse({ currency: 'EUR', prices: [{ gpu: 'A10', hour: 1 }] })
  expect(priceFor(a10, { ...HOST, gpu: A100 })).toBeUndefined()
  expect(priceFor(a10, { ...HOST, gpu: 'NVIDIA A10' })?.hour).toBe(1)
  const inherited = PriceTable.parse({ currency: 'EUR', prices: [{ labels: { constructor: 'x' }, hour: 1 }] })
  expect(priceFor(inherited, HOST)).toBeUndefined()
})

test('GPU hours and hours are paid by their price, and what has none is told', () => {
  const usages: Usage[] = [
    // Two GPUs for an hour and a half.
    { ...HOST, gpu: A100, seconds: 5400, gpuSeconds: 10_800 },
    // Half a GPU for an hour.
    { ...HOST, gpu: A100, labels: { tier: 'spot' }, seconds: 3600, gpuSeconds: 1800 },
    { ...HOST, queues: ['cpu'], seconds: 36_000, gpuSeconds: 0 },
    { ...HOST, seconds: 120, gpuSeconds: 0 },
  ]
  const { amount, ...rest } = costOf(TABLE, usages)
  expect(amount).toBeCloseTo(3 * 3 + 1.5 * 0.5 + 0.5 * 1.2 + 10 * 0.1, 12)
  expect(rest).toEqual({ currency: 'EUR', unpricedSeconds: 120 })
})

test('the parts cost what the whole costs', () => {
  const usage = fc.record({
    seconds: fc.integer({ min: 0, max: 1e6 }),
    gpuSeconds: fc.integer({ min: 0, max: 1e6 }),
    labels: fc.constantFrom<Record<string, string>>({}, { tier: 'spot' }),
    queues: fc.constantFrom(['default'], ['cpu']),
    gpu: fc.constantFrom(null, A100, 'T4'),
  })
  fc.assert(
    fc.property(fc.array(usage), fc.array(usage), (one, other) => {
      const whole = costOf(TABLE, [...one, ...other])
      const parts = [costOf(TABLE, one), costOf(TABLE, other)]
      expect(whole.amount).toBeCloseTo(
        parts.reduce((sum, { amount }) => sum + amount, 0),
        6,
      )
      expect(whole.unpricedSeconds).toBe(parts.reduce((sum, { unpricedSeconds }) => sum + unpricedSeconds, 0))
    }),
  )
})

test.each([
  { currency: 'EUR', prices: [] },
  { currency: 'EUR', prices: [{ gpu: 'A100' }] },
  { currency: 'EUR', prices: [{ hour: -1 }] },
  { currency: 'EUR', prices: [{ gpuHours: 1 }] },
  { prices: [{ hour: 1 }] },
])('%j is no table of prices', (table) => {
  expect(PriceTable.safeParse(table).success).toBe(false)
})
