import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SweepPoints } from '@sweep/analysis/trial-points'
import { Json } from '@sweep/spec/number'
import type { Config } from '@sweep/spec/search-space'
import { z } from 'zod'
import { hasSuiteFile, SUITE_FOLDER } from '../search/suite.ts'
import { SuiteParameter, spaceOfSuite } from '../search/suite-space.ts'
import withItself from './optuna-with-itself.json' with { type: 'json' }

const FILE = 'baselines/importance.json'

const Evaluations = z.object({
  sets: z.array(
    z.object({
      dataset: z.string(),
      space: z.array(SuiteParameter),
      results: z.array(
        z.object({
          evaluator: z.enum(['fanova', 'mdi', 'pedanova']),
          importance: z.record(z.string(), z.number()),
          seconds: z.number(),
        }),
      ),
      trials: z.object({
        order: z.array(z.string()),
        params: z.array(z.array(Json)),
        values: z.array(z.number()),
      }),
      mc_main_effect_variance_share: z.record(z.string(), z.number()).optional(),
    }),
  ),
})

const WITH_ITSELF: Readonly<Record<string, Readonly<Partial<Record<string, number>>>>> = withItself.sets

/** A set of trials with what Optuna says of it. */
export interface EvaluatedSet {
  readonly name: string
  readonly points: SweepPoints
  /** The same trials with every log scale taken for a linear one, as Optuna's fANOVA takes it. */
  readonly linear: SweepPoints
  /** Parameters that are always active; Optuna looks at those only. */
  readonly names: readonly string[]
  readonly optuna: readonly {
    readonly evaluator: 'fanova' | 'mdi' | 'pedanova'
    readonly importance: Readonly<Record<string, number>>
    readonly seconds: number
    /** How far it agrees with itself under another seed; absent where that was not measured. */
    readonly withItself: number | undefined
  }[]
  /** Shares of the variance by Monte Carlo, where the function is known. */
  readonly truth: Readonly<Record<string, number>> | undefined
}

/** Nothing where the suite's files are absent. */
export function readEvaluations(): readonly EvaluatedSet[] | undefined {
  if (!hasSuiteFile(FILE)) return undefined
  const { sets } = Evaluations.parse(JSON.parse(readFileSync(join(SUITE_FOLDER, FILE), 'utf8')))
  return sets.map(({ dataset, space, results, trials, mc_main_effect_variance_share: truth }) => {
    const points = (parameters: readonly SuiteParameter[]): SweepPoints => ({
      space: spaceOfSuite(parameters),
      goal: 'minimize',
      trials: trials.values.map((value, index) => ({
        number: index + 1,
        state: 'completed',
        value,
        config: configOf(trials.order, trials.params[index]!),
      })),
    })
    return {
      name: dataset,
      points: points(space),
      linear: points(space.map((parameter) => ({ ...parameter, log: false }))),
      names: Object.keys(results[0]!.importance).sort(),
      optuna: results.map((result) => ({ ...result, withItself: WITH_ITSELF[dataset]?.[result.evaluator] })),
      truth,
    }
  })
}

/** What is null was not active. */
function configOf(names: readonly string[], values: readonly Json[]): Config {
  return Object.fromEntries(names.flatMap((name, index) => (values[index] === null ? [] : [[name, values[index]!]])))
}
