import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { METHODS, type SweepDocument } from '@sweep/spec/document/sweep-document'
import { z } from 'zod'
import { atMost, type Check, figure, quantile } from '../check.ts'
import { chosen } from '../options.ts'
import { median } from '../search/statistics.ts'
import { hasSuiteFile, SUITE_FOLDER } from '../search/suite.ts'
import { inDigits, printTable } from '../table.ts'
import { type CallTimes, measureCalls, measureMemory, measureReplay } from './measure.ts'

type Method = SweepDocument['method']

/** Those that look back: what the others suggest costs the same whatever was told. */
const LEARNING = METHODS.filter((method) => !['grid', 'random', 'sobol', 'lhs'].includes(method))

const FINISHED = [100, 200, 1000, 10_000]
/** The most that a median call may take, in milliseconds, by method and number of finished trials. */
const MEDIAN_GOALS: Partial<Record<string, Readonly<Record<number, number>>>> = {
  tpe: { 1000: 1, 10000: 5 },
  gp: { 200: 300 },
}
/** The most that any call may take. */
const SLOWEST_GOALS: Partial<Record<string, number>> = { gp: 1000 }

const MANY = 100_000

/**
 * How long the samplers take to suggest and to learn, and what a sweep holds in memory: 10 mixed parameters, as the
 * baselines of other libraries were measured.
 *
 * `--quick`: fewer calls, and memory for one method only. `--samplers a,b`: other methods than those that learn.
 */
export async function searchSpeed(args: readonly string[]): Promise<Check[]> {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false }, samplers: { type: 'string' } },
  })
  const methods = chosen(
    'samplers',
    METHODS.filter((method) => method !== 'grid'),
    values.samplers ?? LEARNING.join(),
    (method) => method,
  )
  const { calls, limitMs } = values.quick ? { calls: 30, limitMs: 3000 } : { calls: 200, limitMs: 30_000 }
  const measured = methods.flatMap((method) =>
    FINISHED.map((finished) => {
      console.error(`${method} with ${finished} finished trials`)
      return { method, finished, times: measureCalls(method, finished, calls, limitMs) }
    }),
  )
  printSpeeds(measured)
  console.log()
  return [
    ...measured.flatMap(speedChecks),
    ...(values.quick ? methods.slice(0, 1) : methods).flatMap((method) => {
      console.error(`${method}: replay and memory`)
      return [
        atMost(`${method}: replay of ${MANY} facts`, measureReplay(method, MANY) / 1000, 's', 10),
        atMost(`${method}: heap with ${MANY} finished trials`, measureMemory(method, MANY), 'MB', 300),
      ]
    }),
  ]
}

interface Speed {
  readonly method: Method
  readonly finished: number
  readonly times: CallTimes
}

function speedChecks({ method, finished, times }: Speed): Check[] {
  const name = `${method}: ask and tell after ${finished} trials`
  const goal = MEDIAN_GOALS[method]?.[finished]
  const slowest = SLOWEST_GOALS[method]
  const [middle, most] = [median(times.calls), Math.max(...times.calls)]
  return [
    goal === undefined ? figure(`${name}, median`, middle, 'ms') : atMost(`${name}, median`, middle, 'ms', goal),
    figure(`${name}, p95`, quantile(times.calls, 0.95), 'ms'),
    slowest === undefined ? figure(`${name}, slowest`, most, 'ms') : atMost(`${name}, slowest`, most, 'ms', slowest),
  ]
}

function printSpeeds(speeds: readonly Speed[]): void {
  const baselines = readBaselines()
  const samplers = [...new Set(baselines.map(({ sampler }) => sampler))]
  printTable(
    [
      'milliseconds of processor time of ask and tell with so many finished trials; across machines compare multiples of the reference loop. The baselines are of another machine, by the clock',
      ...['calls', 'fastest', 'median', 'p95', 'slowest', 'reference loop', 'median in reference loops', ...samplers],
    ],
    speeds.map(({ method, finished, times: { calls, reference } }) => [
      `${method} ${finished}`,
      String(calls.length),
      ...[Math.min(...calls), median(calls), quantile(calls, 0.95), Math.max(...calls)].map(inDigits),
      ...[reference, median(calls) / reference].map(inDigits),
      ...samplers.map((sampler) => {
        const row = baselines.find((one) => one.sampler === sampler && one.n === finished)
        return inDigits(row && row.median * 1000)
      }),
    ]),
  )
}

const Baselines = z.object({
  rows: z.array(z.object({ storage: z.string(), sampler: z.string(), n: z.int(), median: z.number() })),
})

/** Seconds of other libraries with all trials in memory; nothing without the suite's files. */
function readBaselines() {
  const file = 'baselines/speed.json'
  if (!hasSuiteFile(file)) return []
  const { rows } = Baselines.parse(JSON.parse(readFileSync(join(SUITE_FOLDER, file), 'utf8')))
  return rows.filter(({ storage }) => storage === 'memory')
}
