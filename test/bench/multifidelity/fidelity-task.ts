import type { Config, SearchSpace } from '@sweep/spec/search-space'
import { SuiteRandom, sampleUniform } from '../search/suite-random.ts'
import type { CurveTask } from '../search/task.ts'
import { POPULATION, type Population, type Yardstick, yardstickOf } from './protocol.ts'
import type { Training } from './virtual-time.ts'

/** A task whose trials are trained step by step in virtual time. */
export interface FidelityTask extends Yardstick {
  readonly name: string
  readonly space: SearchSpace
  /** The last step; the first is 1. */
  readonly maxResource: number
  readonly trainingOf: (config: Config) => Training | Promise<Training>
}

/** A task of the suite; its targets come from the table where there is one, else from random configs. */
export function ofCurveTask(task: CurveTask): FidelityTask {
  const { name, space, maxResource, stepSeconds } = task
  const configs = task.population ?? randomConfigs(space)
  const population: Population = {
    values: configs.map(task.truth),
    seconds: configs.map((config) => maxResource * stepSeconds(config)),
  }
  const trainingOf = (config: Config): Training => ({
    stepSeconds: stepSeconds(config),
    observe: (from, to) => Array.from({ length: to - from + 1 }, (_, index) => task.observeAt(config, from + index)),
    truthAt: (step) => task.truthAt(config, step),
  })
  return { name, space, maxResource, trainingOf, ...yardstickOf(population) }
}

export function randomConfigs(space: SearchSpace): Config[] {
  const random = new SuiteRandom(POPULATION.seed)
  return Array.from({ length: POPULATION.size }, () => sampleUniform(space, random))
}
