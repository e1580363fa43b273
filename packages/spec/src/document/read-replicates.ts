import type { SweepInput } from './input-schema.ts'
import type { Report } from './report.ts'
import { POPULATION_METHODS } from './sweep-document.ts'

const AT = ['replicates']

/** What is wrong between `replicates` and other keys that are right by themselves. */
export function checkReplicates(
  report: Report,
  { replicates, method, metric, run_cap: cap, budget }: SweepInput,
): void {
  if (replicates === undefined) return
  if (POPULATION_METHODS.some((one) => one === method)) {
    report.error(
      AT,
      `replicates can't be used with method ${method}, whose members change their configs as they train`,
      {
        hint: 'Run the sweep several times with other seeds instead.',
        at: 'key',
      },
    )
  }
  if (metric === undefined) {
    report.error(AT, 'replicates give the mean of a metric, but there is none', {
      hint: 'Add metric: {name: val_loss, goal: minimize}.',
      at: 'key',
    })
  }
  const { seeds } = replicates
  const trials = Math.min(cap ?? Number.POSITIVE_INFINITY, budget?.trials ?? Number.POSITIVE_INFINITY)
  if (Number.isFinite(trials) && trials % seeds !== 0) {
    const configs = Math.floor(trials / seeds)
    report.warn(AT, `${trials} trials are ${configs} configs with ${seeds} seeds each, and one with fewer`, {
      hint: `The budget counts trials: use ${Math.max(1, configs) * seeds} or ${(configs + 1) * seeds}.`,
      at: 'key',
    })
  }
}
