import { costOf } from '@sweep/analysis/costs/cost-of'
import type { Curve } from '@sweep/analysis/effects/learning-curves'
import type { BestRun, ReportSource } from '@sweep/report/report-source'
import type { Metric } from '@sweep/spec/document/sweep-document'
import { listAttempts } from '@sweep/store/attempt-record'
import type { Database } from '@sweep/store/database'
import { readSeries } from '@sweep/store/metrics'
import { sideValueOf } from '@sweep/store/side-values'
import { sweepSpending } from '@sweep/store/spending'
import type { SweepRecord } from '@sweep/store/sweep-record'
import { type SweepDefinition, sweepDefinition } from '@sweep/store/sweeps'
import type { TrialRecord } from '@sweep/store/trial-record'
import { trialUsage } from '@sweep/store/usage'
import type { ApiContext } from '../context.ts'
import { openRules } from '../trials/open-rules.ts'
import { trialLeaderboard } from '../trials/trial-leaderboard.ts'
import { trialSeed } from '../trials/trial-seed.ts'
import { leaderboardRow } from '../trials/trial-view.ts'
import { configBoard } from './config-board.ts'
import { confirmations, confirmationView } from './confirmation-view.ts'
import { allTrials } from './importance-routes.ts'
import { sweepDetail } from './sweep-view.ts'

const ROWS = 20
const CONFIRMATIONS = 3
/** The first of the leaderboard are the front. */
const MOST_ON_FRONT = 1000
const BEST_CURVES = 5
const OTHER_CURVES = 35
/** A curve is drawn with far fewer. */
const CURVE_POINTS = 500

/** Reads what a report is made of. */
export async function reportSource(sweep: SweepRecord, context: ApiContext): Promise<ReportSource> {
  const { database, clock, settings } = context
  const definition = await sweepDefinition(database, sweep.id)
  const { prices } = settings
  const [page, trials, spending, usage] = await Promise.all([
    trialLeaderboard(database, definition, { limit: ROWS }),
    allTrials(database, sweep.id),
    sweepSpending(database, sweep.id),
    prices === undefined ? [] : trialUsage(database, sweep.id),
  ])
  const ranked = page.rows.filter(({ rank }) => rank !== null)
  const { document } = definition
  const configs = document.replicates === undefined ? undefined : configBoard(trials, document).slice(0, ROWS)
  const best = configs?.[0]?.trials[0] ?? sweep.best?.trial ?? ranked[0]?.number
  const rules = await openRules(
    database,
    page.rows.map((row) => row.id),
  )
  const curves = await curvesOf(database, definition, ranked, trials)
  return {
    sweep: sweepDetail(sweep, definition),
    leaderboard: page.rows.map((row) => leaderboardRow(row, document, rules.get(row.id) ?? [])),
    trials: trials.map(({ number, config, state, value, lastStep, startedAt, endedAt }) => ({
      ...{ number, config, state, value, resource: lastStep },
      startedMs: startedAt?.getTime() ?? null,
      endedMs: endedAt?.getTime() ?? null,
    })),
    configs,
    front: await frontOf(database, definition, trials),
    curves,
    spending,
    cost: prices && costOf(prices, usage),
    bestRun: await bestRunOf(
      database,
      definition,
      trials.find(({ number }) => number === best),
    ),
    confirmations:
      document.confirms === undefined
        ? await confirmations(database, sweep.id, CONFIRMATIONS)
        : [await confirmationView(database, sweep)],
    nowMs: clock.now(),
    version: settings.version,
  }
}

/** Of the best trials, and of others evenly over the sweep. */
async function curvesOf(
  database: Database,
  { id, document }: SweepDefinition,
  ranked: readonly TrialRecord[],
  trials: readonly TrialRecord[],
): Promise<Curve[]> {
  const { metric } = document
  if (metric === undefined) return []
  const best = ranked.slice(0, BEST_CURVES).map(({ number }) => number)
  const rest = trials.filter(({ number, reports }) => reports > 0 && !best.includes(number))
  const every = Math.max(1, rest.length / OTHER_CURVES)
  const others = rest.filter((_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every))
  const wanted = [...best, ...others.map(({ number }) => number)]
  const series = await Promise.all(
    wanted.map((trial) => readSeries(database, { sweepId: id, trial, name: metric.name })),
  )
  return series.flatMap((one, index) => {
    if (one === undefined) return []
    const stride = Math.ceil(one.steps.length / CURVE_POINTS)
    const isKept = (_: number, place: number) => place % stride === 0 || place === one.steps.length - 1
    const group = index < best.length ? 'best' : 'others'
    return [{ trial: wanted[index] ?? 0, group, steps: one.steps.filter(isKept), values: one.values.filter(isKept) }]
  })
}

async function bestRunOf(
  database: Database,
  { id, document }: SweepDefinition,
  trial: TrialRecord | undefined,
): Promise<BestRun | undefined> {
  if (trial === undefined) return undefined
  const { number, replicate } = trial
  const attempts = await listAttempts(database, id, number)
  const { environment = {} } = attempts.at(-1) ?? {}
  return { trial: number, seed: trialSeed(document, number, replicate), environment }
}

/** By the first two of several objectives. */
async function frontOf(
  database: Database,
  definition: SweepDefinition,
  trials: readonly TrialRecord[],
): Promise<ReportSource['front']> {
  const [first, second] = definition.document.objectives ?? []
  if (first === undefined || second === undefined) return undefined
  const { rows } = await trialLeaderboard(database, definition, { limit: MOST_ON_FRONT })
  const front = new Set(rows.flatMap(({ number, isOnFront }) => (isOnFront === true ? [number] : [])))
  const points = trials.flatMap(({ number, state, value: x, sideValues }) => {
    const { value: y } = sideValueOf(sideValues, second.name)
    const isKnown = x !== null && y !== null && Number.isFinite(x) && Number.isFinite(y)
    const hasEnded = state === 'completed' || state === 'pruned'
    return isKnown && hasEnded ? [{ trial: number, x, y, isOnFront: front.has(number) }] : []
  })
  const objective = ({ name, goal }: Metric) => ({ name, goal })
  return { objectives: [objective(first), objective(second)], points }
}
