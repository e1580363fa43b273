import { SweepError } from '@sweep/spec/errors'
import type { Config, SearchSpace } from '@sweep/spec/search-space'
import { completeConfig, validateConfig } from '@sweep/spec/validate-config'

/**
 * A config that a person made, with its constants filled in. One outside the bounds of the search space may run;
 * one with a wrong name or type, or that lacks a parameter, may not.
 *
 * @param at what the request calls it
 * @throws SweepError `invalid-request` naming the parameter
 */
export function checkedConfig(space: SearchSpace, config: Config, at = 'config'): Config {
  const problems = validateConfig(space, config).filter((problem) => problem.severity === 'error')
  const [first] = problems
  if (first === undefined) return completeConfig(space, config)
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  throw new SweepError('invalid-request', `${at}: ${first.message}${more}`, {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    details: problems.slice(0, 20).map(({ parameter, message }) => ({ path: `${at}.${parameter}`, message })),
  })
}
