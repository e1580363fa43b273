import type { SweepInput } from './input-schema.ts'
import type { Report } from './report.ts'
import { Pbt, POPULATION_METHODS } from './sweep-document.ts'

const AT = ['pbt']

/** What is wrong between the method, `pbt` and other keys that are right by themselves. */
export function checkPbt(report: Report, input: SweepInput): void {
  const { method, pbt, metric, early_terminate: early } = input
  if (!POPULATION_METHODS.some((one) => one === method)) {
    if (pbt === undefined) return
    report.error(AT, `pbt has no meaning with method ${method}`, {
      hint: 'Use method: pbt or pb2, or leave it out.',
      at: 'key',
    })
    return
  }
  if (metric === undefined) {
    report.error(['method'], `method ${method} compares the members of its population by a metric, but there is none`, {
      hint: 'Add metric: {name: val_loss, goal: minimize}.',
    })
  }
  if (early !== undefined) {
    report.error(
      ['early_terminate'],
      `early_terminate can't be used with method ${method}, which stops members itself`,
      {
        hint: 'Remove early_terminate; pbt: {quantile: 0.25} says how many are stopped.',
        at: 'key',
      },
    )
  }
  const { population, quantile, interval, maxResource } = readPbt(pbt)
  if (Math.floor(population * quantile) < 1) {
    const least = Math.ceil(1 / quantile)
    report.error([...AT, 'population'], `of a population of ${population}, a quantile of ${quantile} is nobody`, {
      hint: `Use population: ${least}, or a higher quantile.`,
      at: 'key',
    })
  }
  if (maxResource !== undefined && maxResource < 2 * interval) {
    report.error([...AT, 'max_resource'], `max_resource ${maxResource} is less than two intervals of ${interval}`, {
      hint: 'Use a smaller interval.',
    })
  }
}

/** As the document has it, defaults filled in. */
export function readPbt(pbt: SweepInput['pbt']): Pbt {
  const { max_resource: maxResource, ...rest } = pbt ?? {}
  return Pbt.parse({ ...rest, maxResource })
}
