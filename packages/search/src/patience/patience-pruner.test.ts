import { Patience } from '@sweep/spec/document/sweep-document'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { curves, ended, histories, report, started } from '../testing/histories.ts'
import { foldAll, maximize, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { patience } from './patience-pruner.ts'

const settings = (overrides: object = {}) => Patience.parse({ type: 'patience', patience: 2, ...overrides })

prunerContract(patience, [
  settings(),
  settings({ patience: 1, grace: 3 }),
  settings({ patience: 3, minDelta: 2, resource: 'step' }),
])

test('a trial stops after so many reports without an improvement', () => {
  expect(stopped(patience, settings(), curves({ 1: [5, 4, 4] }))).toEqual([])
  expect(patience.decide(foldAll(patience, settings(), curves({ 1: [5, 4, 4, 6] })))).toEqual([
    {
      kind: 'prune',
      trial: 1,
      attempt: 1,
      verdict: {
        reason: '4 of report 2 was not improved on in the 2 reports up to report 4',
        resource: 4,
        value: 6,
        threshold: 4,
        peers: 0,
      },
    },
  ])
  expect(stopped(patience, settings(), curves({ 1: [5, 4, 4, 3, 3] }))).toEqual([])
})

test('when maximising, an improvement is a higher value', () => {
  expect(stopped(patience, settings(), curves({ 1: [1, 2, 3], 2: [3, 2, 1] }), maximize)).toEqual([2])
})

test('an improvement of min_delta or less is none, but a creep adds up', () => {
  const facts = curves({ 1: [8, 7, 7] })
  expect(patience.decide(foldAll(patience, settings({ minDelta: 1 }), facts))[0]?.verdict.reason).toBe(
    '8 of report 1 was not improved on by more than 1 in the 2 reports up to report 3',
  )
  expect(stopped(patience, settings({ minDelta: 1 }), curves({ 1: [8, 7.5, 6.5, 6, 5] }))).toEqual([])
})

test('steps can be counted instead of reports', () => {
  const steps = settings({ patience: 10, resource: 'step' })
  const facts = [started(1), report(1, 5, 1), report(1, 14, 1)]
  expect(stopped(patience, steps, facts)).toEqual([])
  expect(patience.decide(foldAll(patience, steps, [...facts, report(1, 15, 1)]))[0]?.verdict.reason).toBe(
    '1 of step 5 was not improved on in the 10 steps up to step 15',
  )
})

test('the wait goes on below the grace, and ends no trial there', () => {
  expect(stopped(patience, settings({ grace: 4 }), curves({ 1: [1, 2, 2] }))).toEqual([])
  expect(stopped(patience, settings({ grace: 4 }), curves({ 1: [1, 2, 2, 2] }))).toEqual([1])
})

test('NaN is no improvement, and the first number after NaN is one', () => {
  const { NaN: nan } = Number
  expect(patience.decide(foldAll(patience, settings(), curves({ 1: [nan, nan, nan] })))[0]?.verdict).toEqual({
    reason: 'no value was a finite number in the 2 reports up to report 3',
    resource: 3,
    value: nan,
    threshold: nan,
    peers: 0,
  })
  expect(stopped(patience, settings(), curves({ 1: [1, nan, nan], 2: [nan, nan, 5, 5] }))).toEqual([1])
})

test('a retried attempt takes back what it repeats, and waits on for what it does not', () => {
  const lost = [...curves({ 1: [5, 1, 2] }), ended(1, 1, 'lost'), started(1, 2)]
  // From nothing: 5 is improved on.
  expect(stopped(patience, settings(), [...lost, report(1, 1, 5, 2), report(1, 2, 4, 2)])).toEqual([])
  // From step 3 on: 1 is not.
  expect(stopped(patience, settings(), [...lost, report(1, 3, 2, 2), report(1, 4, 2, 2)])).toEqual([1])
})

test('it decides as the callback of Keras does on a curve', () => {
  const values = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 3 }), (list, wait, minDelta) => {
      // The loop of EarlyStopping.on_epoch_end.
      let best = Number.POSITIVE_INFINITY
      let waited = 0
      const stops = list.some((value) => {
        waited += 1
        if (value < best - minDelta) {
          best = value
          waited = 0
        }
        return waited >= wait
      })
      expect(stopped(patience, settings({ patience: wait, minDelta }), curves({ 1: list }))).toEqual(stops ? [1] : [])
    }),
  )
})

test('other trials have no part in it', () => {
  fc.assert(
    fc.property(histories, (facts) => {
      const alone = (trial: number) => facts.filter((fact) => !('trial' in fact) || fact.trial === trial)
      const each = [1, 2, 3, 4, 5, 6, 7].flatMap((trial) => stopped(patience, settings(), alone(trial)))
      expect(stopped(patience, settings(), facts)).toEqual(each)
    }),
  )
})
