import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { createSearch, type Search } from '../search.ts'
import { documentOf } from '../testing/documents.ts'
import { carriedOut, created, ended, report, started, trialEnded } from '../testing/histories.ts'
import { spaceOf } from '../testing/spaces.ts'

/**
 * The toy problem of Jaderberg et al. 2017, figure 2: Q = 1.2 - (θ0² + θ1²) is to be maximised from
 * θ = (0.9, 0.9), by gradient ascent on 1.2 - (h0 θ0² + h1 θ1²), of which only one h may be above 0. A member that keeps
 * its h can't get past 1.2 - 0.9² = 0.39.
 */
const START = [0.9, 0.9] as const
const STEPS = 200
const RATE = 0.05
const MEMBERS = 8
const SEEDS = 20

interface Run {
  readonly trial: number
  readonly config: Config
  readonly theta: readonly [number, number]
  readonly step: number
}

/** Trains until `MEMBERS` times `STEPS` steps are done, `MEMBERS` trials at a time, and returns the highest Q. */
function train(document: SweepDocument, handsOver: boolean): number {
  let search: Search = createSearch(document)
  const tell = (fact: FactBody) => {
    search = { sampler: search.sampler.tell(fact), pruner: search.pruner?.tell(fact) }
  }
  let runs: readonly Run[] = []
  let trials = 0
  let best = Number.NEGATIVE_INFINITY
  for (let done = 0; done < MEMBERS * STEPS; ) {
    for (const { config, draw, parent } of search.sampler.ask(MEMBERS - runs.length).suggestions) {
      trials += 1
      const from = handsOver ? runs.find((run) => run.trial === parent) : undefined
      const { theta, step } = from ?? { theta: START, step: 0 }
      tell({ ...created(trials, config, draw), ...(parent && { parent: { trial: parent, step } }) } as FactBody)
      tell(started(trials))
      runs = [...runs, { trial: trials, config, theta, step }]
    }
    runs = runs.map(stepped)
    done += runs.length
    for (const { trial, theta, step } of runs) {
      const value = 1.2 - (theta[0] ** 2 + theta[1] ** 2)
      best = Math.max(best, value)
      tell(report(trial, step, value))
    }
    const over = new Set(runs.flatMap(({ trial, step }) => (step >= STEPS ? [trial] : [])))
    for (const decision of search.pruner?.decide() ?? []) {
      tell(carriedOut(decision))
      over.add(decision.trial)
    }
    for (const trial of over) {
      tell(ended(trial))
      tell(trialEnded(trial))
    }
    runs = runs.filter(({ trial }) => !over.has(trial))
    if (runs.length === 0 && search.sampler.places === 0) break
  }
  return best
}

function stepped({ trial, config, theta: [a, b], step }: Run): Run {
  const kept = 1 - 2 * RATE * (config['h'] as number)
  const theta: Run['theta'] = config['active'] === 0 ? [a * kept, b] : [a, b * kept]
  return { trial, config, theta, step: step + 1 }
}

/** The mean over `SEEDS` sweeps, and the lowest. */
function trained(overrides: object, handsOver = true): { mean: number; least: number } {
  const space = spaceOf(
    { name: 'active', type: 'choice', values: [0, 1] },
    { name: 'h', type: 'float', min: 0, max: 1 },
  )
  const metric = { name: 'Q', goal: 'maximize' }
  const values = Array.from({ length: SEEDS }, (_, seed) => {
    return train(documentOf({ space, metric, seed, ...overrides }), handsOver)
  })
  return { mean: values.reduce((sum, value) => sum + value, 0) / SEEDS, least: Math.min(...values) }
}

const pbt = { method: 'pbt', pbt: { population: MEMBERS, interval: 5 } }

test('a population comes close to the optimum of 1.2, which no config alone can', () => {
  const { mean, least } = trained(pbt)
  expect(mean).toBeCloseTo(1.2, 2)
  expect(least).toBeGreaterThan(1.1)
})

test('without the hand-over of checkpoints, or by random search in as many steps, nobody gets past 0.39', () => {
  expect(trained(pbt, false).mean).toBeLessThanOrEqual(0.39)
  const random = trained({ method: 'random' })
  expect(random.mean).toBeLessThanOrEqual(0.39)
  expect(random.mean).toBeGreaterThan(0.38)
})
