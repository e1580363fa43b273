import { importanceOf } from '@sweep/analysis/importance/importance'
import type { SweepPoints } from '@sweep/analysis/trial-points'
import type { ImportanceMethod } from '@sweep/spec/importance-methods'
import { atLeast, atMost, type Check, figure, quantile } from '../check.ts'
import { SUITE_FOLDER } from '../search/suite.ts'
import { SuiteRandom, sampleUniform } from '../search/suite-random.ts'
import { choice, float, searchSpace } from '../search/suite-space.ts'
import { inDigits, printTable } from '../table.ts'
import { type EvaluatedSet, readEvaluations } from './evaluations.ts'
import { correlation } from './rank-correlation.ts'
import { falsePositives, printTrust } from './trust.ts'

type Evaluator = EvaluatedSet['optuna'][number]['evaluator']

/** Ours of the same kind. */
const OURS: Readonly<Record<Evaluator, ImportanceMethod>> = { fanova: 'fanova', mdi: 'mdi', pedanova: 'ped-anova' }
/** Two evaluators agree from this correlation of their ranks on. */
const AGREEMENT = 0.9
/** Of the time that Optuna's fANOVA took. */
const TIME_SHARE = 0.1
const REPEATS = 5

/**
 * Importance beside Optuna's on the same trials: agreement of the ranks with its evaluators and with the true main
 * effects; how far fANOVA can be trusted; the time on 1,000 trials of 12 parameters; and how often the tests of
 * `statistics` find a difference that is not there.
 */
export async function importance(): Promise<Check[]> {
  const sets = readEvaluations()
  if (sets === undefined) console.error(`without Optuna's figures: ${SUITE_FOLDER} is not there`)
  const checks = (sets ?? []).flatMap(compareWithOptuna)
  printTrust()
  console.log()
  return [...checks, ...speedChecks(), ...falsePositives()]
}

function compareWithOptuna(set: EvaluatedSet): Check[] {
  const { name, points, linear, names, optuna, truth } = set
  const ours = optuna.map((theirs) => {
    const method = OURS[theirs.evaluator]
    return { theirs, shares: sharesOf(points, method), ms: medianMs(points, method) }
  })
  // Where the scales differ, the same question is asked on theirs.
  const onTheirScale = sharesOf(linear, 'fanova')
  const agreement = (a: Shares, b: Shares) =>
    correlation(
      names.map((one) => a[one] ?? 0),
      names.map((one) => b[one] ?? 0),
    )
  printTable(
    [
      `${name}: correlation of the ranks of ${names.length} parameters, and milliseconds of processor time; Optuna's time is another machine's, by the clock`,
      ...optuna.map(({ evaluator }) => `Optuna ${evaluator}`),
      'truth',
      'ms',
      'Optuna ms',
    ],
    [
      ...ours.map(({ theirs, shares, ms }) => [
        OURS[theirs.evaluator],
        ...optuna.map(({ importance: other }) => agreement(shares, other).toFixed(2)),
        truth ? agreement(shares, truth).toFixed(2) : '-',
        inDigits(ms),
        inDigits(1000 * theirs.seconds),
      ]),
      [
        'fanova, linear',
        ...optuna.map(({ importance: other }) => agreement(onTheirScale, other).toFixed(2)),
        '',
        '',
        '',
      ],
      ...optuna.map(({ evaluator, importance: own }) => [
        `Optuna ${evaluator}`,
        ...optuna.map(({ importance: other }) => agreement(own, other).toFixed(2)),
        truth ? agreement(own, truth).toFixed(2) : '-',
        '',
        '',
      ]),
    ],
  )
  const agreed = optuna.filter(
    (one) =>
      (one.withItself ?? 1) >= AGREEMENT &&
      optuna.some((other) => other !== one && agreement(one.importance, other.importance) >= AGREEMENT - 1e-9),
  )
  const fanova = ours.find(({ theirs }) => theirs.evaluator === 'fanova')!
  return [
    ...optuna.map((theirs) => {
      const { shares } = ours.find((one) => one.theirs === theirs)!
      const same = theirs.evaluator === 'fanova' ? onTheirScale : shares
      const title = `${name}: ${OURS[theirs.evaluator]} and Optuna's`
      const found = agreement(same, theirs.importance)
      return agreed.includes(theirs)
        ? atLeast(`${title}, which agrees with itself and another`, found, '', AGREEMENT)
        : figure(theirs.withItself === undefined ? title : `${title} (with itself ${theirs.withItself})`, found, '')
    }),
    ...(truth
      ? [
          figure(`${name}: fanova and the true main effects`, agreement(fanova.shares, truth), ''),
          figure(`${name}: Optuna's fanova and the true main effects`, agreement(fanova.theirs.importance, truth), ''),
        ]
      : []),
    atMost(`${name}: fanova's time over Optuna's`, fanova.ms / (1000 * fanova.theirs.seconds), '', TIME_SHARE),
  ]
}

type Shares = Readonly<Record<string, number>>

function sharesOf(points: SweepPoints, method: ImportanceMethod): Shares {
  const { parameters } = importanceOf(points, { method })
  return Object.fromEntries(parameters.map((one) => [one.name, one.importance]))
}

/** Processor time, so that what else runs on the machine counts little; the first call compiles, and does not count. */
function medianMs(points: SweepPoints, method: ImportanceMethod): number {
  const times = Array.from({ length: REPEATS + 1 }, () => {
    const begin = process.cpuUsage()
    importanceOf(points, { method })
    const { user, system } = process.cpuUsage(begin)
    return (user + system) / 1000
  })
  return quantile(times.slice(1), 0.5)
}

/** Nine numbers and three choices, all of which matter, the first most. */
function speedChecks(): Check[] {
  const numbers = Array.from({ length: 9 }, (_, index) => float(`x${index}`, 0, 1))
  const choices = ['p', 'q', 'r'].map((name) => choice(name, ['a', 'b', 'c', 'd']))
  const space = searchSpace(...numbers, ...choices)
  const random = new SuiteRandom(0)
  const trials = Array.from({ length: 1000 }, (_, index) => {
    const config = sampleUniform(space, random)
    const value = space.parameters.reduce((sum, { name, type }, place) => {
      const x = type === 'choice' ? 'abcd'.indexOf(String(config[name])) / 3 : Number(config[name])
      return sum + (x - 0.3) ** 2 / (place + 1)
    }, 0)
    return { number: index + 1, state: 'completed' as const, config, value }
  })
  const points: SweepPoints = { space, trials, goal: 'minimize' }
  return [
    atMost('fanova, 1,000 trials × 12 parameters', medianMs(points, 'fanova'), 'ms', 300),
    ...(['ped-anova', 'permutation', 'mdi', 'spearman', 'pearson'] as const).map((method) =>
      figure(`${method}, the same`, medianMs(points, method), 'ms'),
    ),
  ]
}
