import { coinCdf } from './distributions.ts'
import type { TestResult } from './t-tests.ts'

/**
 * Whether one of two classifiers is right more often on the same examples: McNemar 1947, "Note on the sampling error of
 * the difference between correlated proportions or percentages", Psychometrika 12(2), with the exact binomial
 * distribution. Only examples on which they differ count; the statistic is the smaller number of those.
 *
 * @param first 1 for right and 0 for wrong, by example
 */
export function mcNemar(first: readonly number[], second: readonly number[]): TestResult {
  const onlyFirst = first.filter((value, index) => value > second[index]!).length
  const onlySecond = first.filter((value, index) => value < second[index]!).length
  const statistic = Math.min(onlyFirst, onlySecond)
  const differing = onlyFirst + onlySecond
  return { statistic, p: differing === 0 ? null : Math.min(1, 2 * coinCdf(statistic, differing)) }
}
