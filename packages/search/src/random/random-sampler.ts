import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import type { Sampler, Suggestion } from '../sampler.ts'

/** Independent draws without repeats (Bergstra and Bengio 2012). */
export const randomSampler: Sampler<IssuedConfigs> = {
  name: 'random',

  init: nothingIssued,

  tell: withIssued,

  ask(issued, count, rngAt) {
    const suggestions: Suggestion[] = []
    const proposals = proposalsAfter(issued)
    while (suggestions.length < count && !proposals.isUsedUp) {
      const draw = issued.nextDraw + suggestions.length
      const config = drawUnissued(issued, rngAt(draw), proposals.isIssued)
      if (config === undefined) break
      proposals.add(config)
      suggestions.push({ config, reason: 'drawn at random', draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}
