import { Extrapolate } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { exactExp } from '../exact-math.ts'
import { rngFor } from '../rng.ts'
import { curves, ended } from '../testing/histories.ts'
import { foldAll, minimize } from '../testing/pruner-contract.ts'
import { calibrationOf, type Forecast, forecastsOf } from './calibration.ts'
import { extrapolate } from './extrapolate-pruner.ts'

const forecast = (probability: number, cameTrue: boolean): Forecast => ({
  trial: 1,
  resource: 1,
  probability,
  cameTrue,
})

test('bins compare what was said with what came', () => {
  const said = [forecast(0, false), forecast(0.2, true), forecast(0.5, true), forecast(0.75, true), forecast(1, false)]
  expect(calibrationOf(said, 2)).toEqual({
    bins: [
      { low: 0, high: 0.5, count: 2, predicted: 0.1, observed: 0.5 },
      { low: 0.5, high: 1, count: 3, predicted: 0.75, observed: 2 / 3 },
    ],
    // |0.2 - 1| and |2.25 - 2| over five.
    expectedError: expect.closeTo(1.05 / 5, 12),
    brierScore: expect.closeTo((0.64 + 0.25 + 0.0625 + 1) / 5, 12),
  })
})

test('an empty bin has no means and adds no error', () => {
  const { bins, expectedError } = calibrationOf([forecast(0.9, true)])
  expect(bins).toHaveLength(10)
  expect(bins[0]).toEqual({ low: 0, high: 0.1, count: 0, predicted: Number.NaN, observed: Number.NaN })
  expect(expectedError).toBeCloseTo(0.1, 12)
})

const settings = Extrapolate.parse({ type: 'extrapolate', maxResource: 20, best: 3, alpha: 0.05 })

/** Trials one after the other, each an exponential of its own with noise. */
function simulated(seed: number, trials: number): FactBody[] {
  const rng = rngFor(seed, 0, 'curves')
  return Array.from({ length: trials }, (_, i) => i + 1).flatMap((trial) => {
    const [floor, rate] = [rng.float(), 2 + 10 * rng.float()]
    const values = Array.from({ length: 20 }, (_, i) => floor + exactExp((-rate * (i + 1)) / 20) + 0.02 * rng.normal())
    return [...curves({ [trial]: values }), ended(trial)]
  })
}

test('forecasts are what the pruner goes by, with what came of them', () => {
  const facts = simulated(1, 12)
  const forecasts = forecastsOf(facts, settings, minimize)
  // Seven trials after the first five, from the grace of 3 steps to the one before the last.
  expect(forecasts).toHaveLength(7 * 17)
  for (let trial = 6; trial <= 12; trial += 1) {
    const own = forecasts.filter((one) => one.trial === trial)
    const first = own.find(({ probability }) => probability < settings.alpha)
    const end = facts.findIndex((fact) => fact.kind === 'attempt-ended' && fact.trial === trial)
    const decisions = extrapolate.decide(foldAll(extrapolate, settings, facts.slice(0, end)))
    expect(decisions.map((decision) => decision.trial)).toEqual(first === undefined ? [] : [trial])
  }
  const lowest = (trial: number) =>
    Math.min(...facts.flatMap((fact) => (fact.kind === 'report' && fact.trial === trial ? [fact.value] : [])))
  const third = [1, 2, 3, 4, 5].map(lowest).sort((a, b) => a - b)[2]!
  for (const one of forecasts.filter(({ trial }) => trial === 6)) expect(one.cameTrue).toBe(lowest(6) <= third)
})

test('as good as the last of the best is among the best', () => {
  const falls = [1, 0.5, 0.3, 0.25, 0.2]
  const facts = [1, 2, 3].flatMap((trial) => [...curves({ [trial]: falls }), ended(trial)])
  const one = Extrapolate.parse({ type: 'extrapolate', minTrials: 1 })
  expect(forecastsOf(facts, one, minimize).map(({ cameTrue }) => cameTrue)).toEqual([true, true, true, true])
})

test('trials that did not complete are left out', () => {
  const facts = simulated(1, 8).filter((fact) => fact.kind !== 'attempt-ended' || fact.trial !== 7)
  expect(new Set(forecastsOf(facts, settings, minimize).map(({ trial }) => trial))).toEqual(new Set([6, 8]))
})

test('on simulated curves, chances are nearly what they say, and a trial stopped is hardly ever one of the best', () => {
  const forecasts = [1, 2, 3, 4].flatMap((seed) =>
    forecastsOf(simulated(seed, 40), settings, minimize).map((one) => ({ ...one, trial: 100 * seed + one.trial })),
  )
  const { expectedError, brierScore, bins } = calibrationOf(forecasts)
  expect(expectedError).toBeLessThan(0.05)
  expect(brierScore).toBeLessThan(0.05)
  expect(bins[0]!.observed).toBeLessThan(0.02)
  expect(bins[9]!.observed).toBeGreaterThan(0.9)
  const trials = [...new Set(forecasts.map(({ trial }) => trial))]
  const stops = trials.flatMap((trial) => {
    const stop = forecasts.find((one) => one.trial === trial && one.probability < settings.alpha)
    return stop === undefined ? [] : [stop]
  })
  expect(stops.length).toBeGreaterThan(100)
  expect(stops.filter(({ cameTrue }) => cameTrue).length / stops.length).toBeLessThan(0.05)
})
