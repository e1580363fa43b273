import { parseArgs } from 'node:util'
import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { chosen, wholeNumber } from '../options.ts'
import { BUDGETS } from './outcomes.ts'
import { sequentialTasks } from './suite.ts'
import type { Task } from './task.ts'

type Method = SweepDocument['method']

export interface SearchOptions {
  readonly methods: readonly Method[]
  readonly tasks: readonly Task[]
  readonly seeds: number
  readonly trials: number
  readonly workers: number
  /** No seed is begun that would end later. */
  readonly limitMs: number
}

/** What people get by default, and what it is compared with most. */
const QUICK_METHODS = 'auto,tpe'
/** Of two minutes, some are for starting and reporting. */
const QUICK_LIMIT_MS = 105_000

/** @throws Error with a sentence for the user */
export function parseSearchOptions(args: readonly string[]): SearchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      samplers: { type: 'string' },
      tasks: { type: 'string' },
      seeds: { type: 'string' },
      trials: { type: 'string' },
      workers: { type: 'string' },
    },
  })
  const count = (name: 'seeds' | 'trials' | 'workers', otherwise: number) => wholeNumber(name, values[name], otherwise)
  const trials = count('trials', values.quick ? 50 : 200)
  if (trials < BUDGETS[1]) throw new Error(`--trials ${trials}: nothing is compared before ${BUDGETS[1]} trials`)
  const tasks = sequentialTasks()
  // A grid has no place for a budget of trials, nor these spaces for a grid.
  const methods = SweepDocument.shape.method.options.filter((method) => method !== 'grid')
  return {
    methods: chosen(
      'samplers',
      methods,
      values.samplers ?? (values.quick ? QUICK_METHODS : undefined),
      (method) => method,
    ),
    tasks: chosen('tasks', tasks, values.tasks, ({ name }) => name),
    seeds: count('seeds', values.quick ? 5 : 20),
    trials,
    workers: count('workers', 1),
    limitMs: values.quick ? QUICK_LIMIT_MS : Number.POSITIVE_INFINITY,
  }
}
