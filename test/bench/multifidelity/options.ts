import { parseArgs } from 'node:util'
import { chosen, wholeNumber } from '../options.ts'
import { multiFidelityTasks } from '../search/suite.ts'
import { COMBINATIONS, type Combination } from './combination.ts'
import { hasLcbench, LCBENCH_NAMES } from './lcbench.ts'
import { ROUNDS } from './protocol.ts'

export interface FidelityOptions {
  readonly combinations: readonly Combination[]
  /** Names of tasks. */
  readonly tasks: readonly string[]
  readonly workers: readonly number[]
  readonly seeds: number
  /** No seed is begun that would end later. */
  readonly limitMs: number
  /** The file that keeps results. */
  readonly keep: string | undefined
}

/** What runs when nothing is named: samplers that are slower than the simulated trainings have to be named. */
const USUAL = [
  ...['none', 'asha', 'promoting-asha'].map((pruner) => `random+${pruner}`),
  ...['none', 'asha', 'promoting-asha', 'median', 'hyperband'].map((pruner) => `tpe+${pruner}`),
]
/** Those that other libraries were measured on. */
const QUICK_TASKS = ['lc_mlp', 'lc_lm', 'tab_mlp_digits']
/** Those whose surrogate takes longer than all the rest have to be named too. */
const NAMED_TASKS: readonly string[] = LCBENCH_NAMES.slice(1)

/** Of two minutes, some are for starting and reporting. */
const QUICK_LIMIT_MS = 95_000

/** @throws Error with a sentence for the user */
export function parseFidelityOptions(args: readonly string[]): FidelityOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      samplers: { type: 'string' },
      tasks: { type: 'string' },
      seeds: { type: 'string' },
      workers: { type: 'string' },
      keep: { type: 'string' },
    },
  })
  const all = [...multiFidelityTasks().map(({ name }) => name), ...(hasLcbench() ? LCBENCH_NAMES : [])]
  const usual = all.filter((name) => (values.quick ? QUICK_TASKS.includes(name) : !NAMED_TASKS.includes(name)))
  return {
    combinations: chosen('samplers', COMBINATIONS, values.samplers ?? USUAL.join(), ({ label }) => label),
    tasks: chosen('tasks', all, values.tasks ?? usual.join(), (name) => name),
    workers: chosen('workers', [...ROUNDS.keys()], values.workers, String),
    seeds: wholeNumber('seeds', values.seeds, values.quick ? 5 : 20),
    limitMs: values.quick ? QUICK_LIMIT_MS : Number.POSITIVE_INFINITY,
    keep: values.keep,
  }
}
