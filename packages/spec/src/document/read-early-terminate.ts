import type { EarlyTerminateInput } from './early-terminate-input.ts'
import type { Report } from './report.ts'

const AT = ['early_terminate']

/** What is wrong between keys that are right by themselves. */
export function checkEarlyTerminate(report: Report, early: EarlyTerminateInput): void {
  switch (early.type) {
    case 'hyperband':
      if (early.min_iter === undefined && early.max_iter === undefined) {
        report.error(AT, 'hyperband needs min_iter, or max_iter with s', { hint: 'Add min_iter: 3.', at: 'key' })
      } else if (early.max_iter !== undefined && early.s === undefined && early.min_iter === undefined) {
        report.error([...AT, 'max_iter'], 'max_iter needs s, the number of bands', { hint: 'Add s: 2.', at: 'key' })
      } else if (early.max_iter !== undefined && early.min_iter !== undefined) {
        const [used, unused] = early.s === undefined ? ['min_iter', 'max_iter (without s)'] : ['max_iter', 'min_iter']
        report.warn([...AT, used], `${used} is used, ${unused} is not`, { hint: 'Keep one of the two.', at: 'key' })
      }
      return
    case 'asha':
    case 'sync-hyperband': {
      const { min_resource: min = 1, max_resource: max } = early
      if (max !== undefined && max < min) {
        report.error([...AT, 'max_resource'], `max_resource ${max} is below min_resource ${min}`, {
          hint: 'Swap them.',
        })
      }
      return
    }
    case 'threshold':
      if (early.lower !== undefined && early.upper !== undefined && early.upper < early.lower) {
        report.error([...AT, 'upper'], `upper ${early.upper} is below lower ${early.lower}`, { hint: 'Swap them.' })
      }
      if (early.lower === undefined && early.upper === undefined && early.non_finite === false) {
        report.error(AT, 'threshold has nothing to stop a trial for', {
          hint: 'Add lower or upper, or leave out non_finite.',
          at: 'key',
        })
      }
  }
}

/** As the document has it; keys that W&B gives no effect are left out. */
export function readEarlyTerminate(early: EarlyTerminateInput): unknown {
  if (early.type !== 'hyperband') return inCamelCase(early)
  const { min_iter: minIter, max_iter: maxIter, s, eta, strict } = early
  const bands = maxIter !== undefined && s !== undefined ? { maxIter, s } : { minIter }
  return { type: 'hyperband', ...bands, eta, strict }
}

function inCamelCase(map: object): object {
  const camel = (key: string) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [camel(key), value]))
}
