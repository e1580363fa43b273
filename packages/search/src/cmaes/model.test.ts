import { expect, test } from 'vitest'
import { nothingObserved, observe } from '../observations/observations.ts'
import { coordinatesOf } from '../space/coordinates.ts'
import { created } from '../testing/histories.ts'
import { spaceOf } from '../testing/spaces.ts'
import { learned, type Model, startModel } from './model.ts'

test('the first run starts in the middle, later ones elsewhere, each with twice the population', () => {
  const coordinates = coordinatesOf(
    spaceOf(...['a', 'b', 'c'].map((name) => ({ name, type: 'float' as const, min: 0, max: 1 }))),
  )
  const models = [0, 1, 2].map((restarts) => startModel(coordinates, restarts))
  expect([...models[0]!.gaussian.mean]).toEqual([0.5, 0.5, 0.5])
  expect(models.map(({ strategy }) => strategy.lambda)).toEqual([6, 12, 24])
  expect(new Set(models.map(({ gaussian }) => gaussian.mean.join())).size).toBe(3)
})

test('a parameter that no trial has wanders inside its range, and its distribution stays wide', () => {
  const coordinates = coordinatesOf(
    spaceOf(
      { name: 'kind', type: 'choice', values: ['a', 'b'] },
      { name: 'p', type: 'float', min: 0, max: 1, when: { kind: ['a'] } },
      { name: 'x', type: 'float', min: 0, max: 1 },
    ),
  )
  const settings = { goal: 'minimize' } as const
  let model: Model = startModel(coordinates, 0)
  let observations = nothingObserved(settings)
  const means = new Set<number>()
  for (let trial = 1, trials: number[] = []; trial <= 240; trial += 1) {
    const end = { kind: 'trial-ended', trial, state: 'completed', value: trial % 7, reason: 'test' } as const
    for (const fact of [created(trial, { kind: 'b', x: (trial % 11) / 11 }), end])
      observations = observe(observations, coordinates.axes, settings, fact)
    trials.push(trial)
    if (trials.length < model.strategy.lambda) continue
    model = learned(model, coordinates, observations, trials)
    trials = []
    const [p] = model.gaussian.mean
    expect(p! >= 0 && p! <= 1).toBe(true)
    expect(model.gaussian.covariance[0]! * model.gaussian.sigma ** 2).toBeGreaterThan(1e-3)
    means.add(p!)
  }
  expect(means.size).toBeGreaterThan(20)
})

test('where in its cell an integer lay is drawn anew for every trial', () => {
  const coordinates = coordinatesOf(spaceOf({ name: 'a', type: 'int', min: 0, max: 3 }))
  const model = startModel(coordinates, 0)
  const means = [0, 100].map((offset) => {
    const trials = Array.from({ length: model.strategy.lambda }, (_, i) => offset + i + 1)
    const facts = trials.flatMap((trial) => [
      created(trial, { a: 1 }),
      { kind: 'trial-ended', trial, state: 'completed', value: trial, reason: 'test' } as const,
    ])
    const observations = facts.reduce(
      (state, fact) => observe(state, coordinates.axes, { goal: 'minimize' }, fact),
      nothingObserved({ goal: 'minimize' }),
    )
    return learned(model, coordinates, observations, trials).gaussian.mean[0]!
  })
  for (const mean of means) expect(mean > 0.25 && mean < 0.5).toBe(true)
  expect(means[0]).not.toBe(means[1])
})
