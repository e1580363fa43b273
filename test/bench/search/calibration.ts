import { type Calibration, calibrationOf, type Forecast, forecastsOf } from '@sweep/search/extrapolate/calibration'
import { rngFor } from '@sweep/search/rng'
import { Extrapolate, type Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { atMost, type Check, figure, quantile } from '../check.ts'
import { inDigits, printTable } from '../table.ts'
import { multiFidelityTasks } from './suite.ts'
import { SuiteRandom, sampleUniform } from './suite-random.ts'
import type { CurveTask } from './task.ts'

const SWEEPS = 12
const TRIALS = 60
const BESTS = [1, 10]
/** The default. */
const ALPHA = 0.01
const METRIC: Metric = { name: 'value', goal: 'minimize', summary: 'best' }

/** One task, judged by one number of best trials. */
interface Figures {
  readonly name: string
  readonly calibration: Calibration
  /** Trials that were forecast, and those of them that ended among the best of all until then. */
  readonly trials: number
  readonly winners: number
  /** Trials that would have been stopped, and those of them that would have ended among what were the best by then. */
  readonly stopped: number
  readonly wrongly: number
  /** Share of the steps of all trials that stopping them saves. */
  readonly saved: number
}

/**
 * Whether the chances that `early_terminate: {type: extrapolate}` goes by are what they say: on the learning curves of the
 * suite, 12 sweeps of 60 random configs, one trial after the other, none stopped. Tables of real trainings (tab_) are left
 * out where the suite's folder is not there.
 */
export async function calibration(): Promise<Check[]> {
  const micros: number[] = []
  const figures = multiFidelityTasks().flatMap((task) => BESTS.map((best) => measure(task, best, micros)))
  print(figures)
  return [
    ...figures.flatMap(({ name, calibration, stopped, wrongly }) => [
      atMost(`${name}: expected calibration error`, calibration.expectedError, '', 0.1),
      atMost(`${name}: stopped, and would have ended among the best`, wrongly / stopped, '', mostWrong(stopped)),
    ]),
    figure('CPU time of a report, mean of a sweep, median of sweeps', quantile(micros, 0.5), 'µs'),
  ]
}

/** What is within two standard errors of `ALPHA`, of so many stopped trials. */
function mostWrong(stopped: number): number {
  return Number((ALPHA + 2 * Math.sqrt((ALPHA * (1 - ALPHA)) / stopped)).toPrecision(2))
}

function measure(task: CurveTask, best: number, micros: number[]): Figures {
  const settings = Extrapolate.parse({ type: 'extrapolate', best, alpha: ALPHA, maxResource: task.maxResource })
  const all: Forecast[] = []
  let [trials, winners, stopped, wrongly, saved] = [0, 0, 0, 0, 0]
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const facts = randomSweep(task, sweep)
    const begin = process.cpuUsage()
    const forecasts = forecastsOf(facts, settings, METRIC)
    micros.push(process.cpuUsage(begin).user / forecasts.length)
    all.push(...forecasts)
    for (const trial of new Set(forecasts.map((forecast) => forecast.trial))) {
      const own = forecasts.filter((forecast) => forecast.trial === trial)
      const stop = own.find(({ probability }) => probability < ALPHA)
      trials += 1
      if (own.at(-1)!.cameTrue) winners += 1
      if (stop === undefined) continue
      stopped += 1
      saved += 1 - stop.resource / task.maxResource
      if (stop.cameTrue) wrongly += 1
    }
  }
  const name = `${task.name}, best ${best}`
  return { name, calibration: calibrationOf(all), trials, winners, stopped, wrongly, saved: saved / trials }
}

function randomSweep(task: CurveTask, sweep: number): FactBody[] {
  const steps = Array.from({ length: task.maxResource }, (_, index) => index + 1)
  return randomConfigs(task, sweep).flatMap((config, index): FactBody[] => {
    const attempt = { trial: index + 1, attempt: 1 }
    return [
      { kind: 'attempt-started', ...attempt, epoch: 1, agent: 'bench', gpus: 0 },
      ...steps.map(
        (step): FactBody => ({ kind: 'report', ...attempt, step, ordinal: step, value: task.observeAt(config, step) }),
      ),
      { kind: 'attempt-ended', ...attempt, cause: 'succeeded', message: '', gpuSeconds: 0, seconds: 0 },
    ]
  })
}

function randomConfigs({ population, space }: CurveTask, sweep: number): readonly Config[] {
  if (population !== undefined) return rngFor(sweep, 0, 'calibration').shuffle(population).slice(0, TRIALS)
  const random = new SuiteRandom(sweep)
  return Array.from({ length: TRIALS }, () => sampleUniform(space, random))
}

function print(figures: readonly Figures[]): void {
  const edges = figures[0]!.calibration.bins.map(({ low, high }) => `${low}-${high}`)
  printTable(
    ['what was forecast (mean) > how often it came true, by bin of probability', ...edges],
    figures.map(({ name, calibration }) => [
      name,
      ...calibration.bins.map(({ predicted, observed, count }) =>
        count === 0 ? '-' : `${predicted.toFixed(2)}>${observed.toFixed(2)}`,
      ),
    ]),
  )
  printTable(
    ['', 'forecasts', 'expected error', 'Brier score', 'trials', 'winners', 'stopped', 'wrongly', 'steps saved'],
    figures.map(
      ({ name, calibration: { bins, expectedError, brierScore }, trials, winners, stopped, wrongly, saved }) => [
        name,
        String(bins.reduce((sum, { count }) => sum + count, 0)),
        inDigits(expectedError),
        inDigits(brierScore),
        String(trials),
        String(winners),
        String(stopped),
        String(wrongly),
        inDigits(saved),
      ],
    ),
  )
}
