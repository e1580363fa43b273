import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { GainModel, type Moment } from './gain-model.ts'

const at = (x: number, time = 0): Moment => ({ point: Float64Array.of(x), time })

/** Sixty moments over ten intervals, with what a function of both gives. */
function sample(gainAt: (x: number, time: number) => number): { moments: Moment[]; targets: number[] } {
  const rng = rngFor(3, 0)
  const moments = Array.from({ length: 60 }, (_, i) => at(rng.float(), Math.floor(i / 6)))
  return { moments, targets: moments.map(({ point, time }) => gainAt(point[0]!, time)) }
}

test('what does not change with time is learnt from all intervals', () => {
  const { moments, targets } = sample((x) => 3 * (x - 0.5))
  const model = new GainModel([false], moments, targets)
  for (const x of [0.1, 0.4, 0.9]) expect(model.predict(at(x, 10)).mean).toBeCloseTo(3 * (x - 0.5), 1)
})

test('where it changes what is longest ago tells least', () => {
  const { moments, targets } = sample((x, time) => (time < 8 ? 1 : -1) * 3 * (x - 0.5))
  const model = new GainModel([false], moments, targets)
  expect(model.predict(at(0.9, 0)).mean).toBeGreaterThan(0.5)
  expect(model.predict(at(0.9, 9)).mean).toBeLessThan(-0.5)
  expect(model.predict(at(0.9, 60)).deviation).toBeGreaterThan(2 * model.predict(at(0.9, 9)).deviation)
})

test('a posterior is that of the formula: one observation', () => {
  const model = new GainModel([false], [at(0.5)], [2])
  // Mean k / (1 + noise) y and variance s² (1 - k² / (1 + noise)), with the least noise the likeliest or all alike.
  const { mean, deviation } = model.predict(at(0.5))
  expect(mean).toBeGreaterThan(0.9)
  expect(deviation ** 2).toBeCloseTo((4 / (2 / mean)) * (1 - mean / 2), 9)
})

test('what is believed narrows the doubt and leaves the mean', () => {
  const { moments, targets } = sample((x) => 3 * (x - 0.5))
  const model = new GainModel([false], moments.slice(0, 6), targets.slice(0, 6))
  const [before, far] = [model.predict(at(0.3, 9)), model.predict(at(0.8, 9))]
  model.believe(at(0.3, 9))
  const [after, farAfter] = [model.predict(at(0.3, 9)), model.predict(at(0.8, 9))]
  expect(after.mean).toBeCloseTo(before.mean, 9)
  expect(farAfter.mean).toBeCloseTo(far.mean, 9)
  expect(after.deviation).toBeLessThan(before.deviation)
})

test('values of a choice are all as far from each other, and an inactive parameter is like itself', () => {
  const moments = [0, 1, 2, Number.NaN].map((x) => at(x))
  const model = new GainModel([true], moments, [1, -1, 0, 3])
  const means = moments.map((moment) => model.predict(moment).mean)
  expect(means[3]).toBeGreaterThan(means[0]!)
  expect(means[0]).toBeGreaterThan(means[2]!)
  expect(means[2]).toBeGreaterThan(means[1]!)
})

test('targets that are all 0 and moments that are all the same leave it able to predict', () => {
  const model = new GainModel(
    [false],
    Array.from({ length: 8 }, () => at(0.5)),
    new Array(8).fill(0),
  )
  const { mean, deviation } = model.predict(at(0.1))
  expect(mean).toBe(0)
  expect(deviation).toBeGreaterThan(0)
})
