import type { SearchSpace } from '@sweep/spec/search-space'
import { SuiteRandom, sampleUniform } from '../search/suite-random.ts'
import { MOST_TRIALS } from './protocol.ts'
import type { Searcher } from './virtual-time.ts'

/** Random search that stops nothing, with the very configs of the suite's baseline `random` of that seed. */
export function suiteSearcher(space: SearchSpace, seed: number): Searcher {
  const random = new SuiteRandom(seed)
  let trials = 0
  return {
    start: (room) =>
      Array.from({ length: Math.min(room, MOST_TRIALS - trials) }, () => {
        trials += 1
        return { trial: trials, config: sampleUniform(space, random) }
      }),
    report: () => [],
  }
}
