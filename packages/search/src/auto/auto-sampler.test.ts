import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { createSearch } from '../search.ts'
import { documentOf, mixedSpace } from '../testing/documents.ts'
import { created, report } from '../testing/histories.ts'
import { learningContract } from '../testing/learning-contract.ts'
import { objectivesContract } from '../testing/objectives-contract.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { finished } from '../testing/sequential-run.ts'
import { allSpaces, spaceOf } from '../testing/spaces.ts'
import { autoSampler } from './auto-sampler.ts'
import { chooseMethod, type Situation } from './choose-method.ts'

samplerContract(autoSampler, allSpaces)
learningContract('auto', 14)
objectivesContract('auto', 40)

const plain: Situation = {
  objectives: 1,
  numbers: 4,
  choices: 0,
  conditional: 0,
  stopsEarly: false,
  hasBeliefs: false,
  ended: 50,
}

test.each<[string, Partial<Situation>, string]>([
  ['few trials', { ended: 0 }, 'gp'],
  ['few trials over choices and conditions', { choices: 3, conditional: 2 }, 'gp'],
  ['priors or past results to begin from', { hasBeliefs: true, ended: 3 }, 'gp'],
  ['priors that the trials have overtaken', { hasBeliefs: true }, 'gp'],
  ['trials that are stopped early', { stopsEarly: true, ended: 0 }, 'evolution and cmaes'],
  ['thousands of trials that are stopped early', { stopsEarly: true, ended: 5000 }, 'evolution and cmaes'],
  ['trials over choices alone that are stopped early', { stopsEarly: true, numbers: 0, choices: 3 }, 'evolution'],
  ['priors, and trials that are stopped early', { stopsEarly: true, hasBeliefs: true, ended: 3 }, 'tpe'],
  ['thousands of trials over numbers', { ended: 5000 }, 'cmaes'],
  ['thousands of trials with choices', { choices: 1, ended: 5000 }, 'evolution'],
  ['thousands of trials with conditions', { conditional: 1, ended: 5000 }, 'evolution'],
  ['several objectives', { objectives: 2, ended: 0 }, 'tpe'],
  [
    'several objectives and many trials, whatever else there is',
    { objectives: 3, stopsEarly: true, ended: 100 },
    'nsga2',
  ],
  ['choices alone, for long', { numbers: 0, choices: 6, ended: 5000 }, 'evolution'],
])('%s', (_, situation, method) => {
  const pick = chooseMethod({ ...plain, ...situation })
  expect(pick.methods.join(' and ')).toBe(method)
  expect(pick.why).not.toBe('')
})

function firstReason(trials: number, space: typeof mixedSpace): string {
  let { sampler } = createSearch(documentOf({ method: 'auto', space }))
  let random = createSearch(documentOf({ method: 'random', space })).sampler
  for (let trial = 1; trial <= trials; trial += 1) {
    const { config, draw } = random.ask(1).suggestions[0]!
    random = random.tell(created(trial, config, draw))
    sampler = sampler
      .tell(created(trial, config, draw))
      .tell({ kind: 'trial-ended', trial, state: 'completed', value: trial % 17, reason: 'test' })
  }
  return sampler.ask(1).suggestions[0]!.reason
}

test('with several objectives it says which method was picked for them', () => {
  const objectives = [
    { name: 'loss', goal: 'minimize' },
    { name: 'size', goal: 'maximize' },
  ]
  const space = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })
  let { sampler } = createSearch(documentOf({ method: 'auto', space, objectives }))
  for (let trial = 1; trial <= 101; trial += 1) {
    const [suggestion] = sampler.ask(1).suggestions
    const { config, draw, reason } = suggestion!
    expect(reason).toMatch(
      trial <= 100 ? /^tpe: .*\(2 objectives, and up to 100/ : /^nsga2: child .*\(2 objectives, and over/,
    )
    const [x, y] = [Number(config['x']), Number(config['y'])]
    const values = { loss: (x - 0.3) ** 2 + y, size: x - y }
    sampler = sampler
      .tell(created(trial, config, draw))
      .tell({ kind: 'trial-ended', trial, state: 'completed', value: values.loss, values, reason: 'test' })
  }
})

test('every suggestion says which method was picked, and why', () => {
  const numbers = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })
  expect(firstReason(20, mixedSpace)).toMatch(/^gp: expected improvement .* \(up to 300 trials a Gaussian process/)
  expect(firstReason(301, mixedSpace)).toMatch(
    /^evolution: .* \(over 300 trials have ended, over 8 numbers and 1 choices\)$/,
  )
  expect(firstReason(301, numbers)).toMatch(
    /^cmaes: .*generation .* \(over 300 trials have ended, and all parameters are/,
  )
})

test('where trials are stopped early two methods take turns, and neither proposes what the other one did', () => {
  const space = spaceOf({ name: 'k', type: 'int', min: 1, max: 24 }, { name: 'c', type: 'choice', values: ['a', 'b'] })
  let { sampler } = createSearch(documentOf({ method: 'auto', space, earlyTerminate: { type: 'asha' } }))
  const seen = new Set<string>()
  for (let trial = 1; trial <= 48; trial += 8) {
    const { suggestions } = sampler.ask(8)
    expect(sampler.ask(3).suggestions).toEqual(suggestions.slice(0, 3))
    for (const [index, { config, draw, reason }] of suggestions.entries()) {
      expect(draw).toBe(trial + index - 1)
      expect(reason).toMatch(draw % 2 === 0 ? /^evolution: / : /^cmaes: /)
      seen.add(JSON.stringify(config))
      const state = index % 4 === 0 ? 'completed' : 'pruned'
      const facts = [
        created(trial + index, config, draw),
        report(trial + index, 1, Number(config['k'])),
        finished(trial + index, Number(config['k']), state),
      ]
      for (const fact of facts) sampler = sampler.tell(fact)
    }
  }
  expect(seen.size).toBe(48)
  expect(sampler.ask(2)).toEqual({ suggestions: [], exhausted: true })
})

test('changing over from one method to another repeats no config and leaves none out', () => {
  const space = spaceOf({ name: 'k', type: 'int', min: 1, max: 310, prior: { mu: 100 } })
  let { sampler } = createSearch(documentOf({ method: 'auto', space }))
  const seen: Config[] = []
  const run = (config: Config, draw?: number) => {
    seen.push(config)
    const value = Number(config['k']) % 7
    sampler = sampler
      .tell(created(seen.length, config, draw))
      .tell({ kind: 'trial-ended', trial: seen.length, state: 'completed', value, reason: 'test' })
  }
  const runSuggested = () => {
    const [suggestion] = sampler.ask(1).suggestions
    if (suggestion !== undefined) run(suggestion.config, suggestion.draw)
    return suggestion !== undefined
  }
  for (let trial = 1; trial <= 12; trial += 1) runSuggested()
  // Somebody enqueues most of the rest.
  for (let k = 1; k <= 310 && seen.length < 290; k += 1) if (seen.every((config) => config['k'] !== k)) run({ k })
  while (runSuggested()) expect(seen.length).toBeLessThan(311)
  expect(new Set(seen.map(({ k }) => k)).size).toBe(310)
})
