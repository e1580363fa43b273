import { CAUSE_POLICY } from '@sweep/spec/attempt'
import { sideMetrics } from '@sweep/spec/objectives'
import { formatDuration } from '@sweep/spec/units'
import type { ConfigRow } from '@sweep/spec/wire/confirmation'
import { costLines, costsOf, failuresOf } from '../costs.ts'
import { environmentRows } from '../environment-rows.ts'
import { comparedText, doubtTexts, importanceSummary, pairTexts } from '../importance-text.ts'
import { shortText } from '../markup.ts'
import {
  configText,
  countsText,
  hoursText,
  intervalText,
  percentText,
  shortNumber,
  timeText,
  valueText,
  varyingNames,
} from '../numbers.ts'
import { codeText, parameterText, publicSource, settingsRows } from '../settings-rows.ts'
import type { SweepReport } from '../sweep-report.ts'
import { codeBlock, markdownTable, plainMarkdown, sparkline } from './markdown-text.ts'

const CELL = 120
const SPARK = 40
const MOST_BINS = 12
const MOST_CURVES = 10

/** A report as Markdown: what the page says, with tables and sparklines in the place of its charts. */
export function reportText(report: SweepReport): string {
  const parts = [
    head(report),
    best(report),
    confirmations(report),
    leaderboard(report),
    progress(report),
    importance(report),
    effects(report),
    failures(report),
    cost(report),
    settings(report),
    reproduce(report),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function section(title: string, ...paragraphs: readonly (string | false)[]): string {
  return [`## ${title}`, ...paragraphs.filter((text) => text !== false && text !== '')].join('\n\n')
}

function bestOf({ trial, runs }: NonNullable<SweepReport['sweep']['best']>): string {
  return runs === undefined ? `trial ${trial}` : `the mean of ${runs} runs of trial ${trial}'s config`
}

function head({ sweep, nowMs, version, objective, spending, trials }: SweepReport): string {
  const end = sweep.endedAt === null ? nowMs : Date.parse(sweep.endedAt)
  const { total } = costsOf(spending)
  const rows: (readonly [string, string])[] = [
    ...(sweep.best === null || objective === undefined
      ? []
      : [[`best ${objective.name}`, `${shortNumber(sweep.best.value)}, ${bestOf(sweep.best)}`] as const]),
    ['trials', `${trials.length}: ${countsText(sweep.trials)}`],
    ['time', `${formatDuration(end - Date.parse(sweep.createdAt))} since ${timeText(sweep.createdAt)}`],
    [
      'trial time',
      `${hoursText(total.seconds)}${total.gpuSeconds > 0 ? `, GPU time ${hoursText(total.gpuSeconds)}` : ''}`,
    ],
  ]
  const reason = sweep.reason === null ? '' : `: ${sweep.reason}`
  return [
    `# ${plainMarkdown(sweep.name)}`,
    plainMarkdown(
      `Sweep ${sweep.id}, project ${sweep.project}, ${sweep.state}${reason}. As of ${timeText(new Date(nowMs).toISOString())}, by sweep ${version}.`,
    ),
    markdownTable(['', ''], rows),
  ].join('\n\n')
}

function best({ sweep, best: found }: SweepReport): string {
  if (found === undefined) return ''
  const rows = sweep.document.space.parameters
    .filter(({ name }) => Object.hasOwn(found.config, name))
    .map((one) => [
      shortText(one.name, CELL),
      shortText(valueText(found.config[one.name]), CELL),
      shortText(parameterText(one), CELL),
    ])
  return section(
    'Best config',
    plainMarkdown(`${found.text}. Run in ${sweep.workdir}:`),
    codeBlock(found.command, 'sh'),
    markdownTable(['parameter', 'value', 'out of'], rows),
  )
}

function confirmations({ confirmations: all, sweep }: SweepReport): string {
  if (all.length === 0) return ''
  const names = varyingNames(sweep.document.space)
  return section(
    'Run again',
    ...all.flatMap((one) => [
      plainMarkdown(one.text),
      markdownTable(
        ['trial', 'recorded', `mean ${one.metric.name}`, '95 % interval', 'runs', 'group', 'config'],
        one.configs.map((row) => [
          row.trial,
          shortNumber(row.recorded),
          shortNumber(row.mean),
          intervalText(row),
          row.runs,
          row.group,
          shortText(configText(row.config, names), CELL),
        ]),
      ),
      ...one.warnings.map((warning) => `> ${plainMarkdown(warning)}`),
    ]),
  )
}

function leaderboard({ sweep, leaderboard: rows, trials, objective, configs }: SweepReport): string {
  if (configs !== undefined && configs.length > 0) return configBoard(configs, sweep)
  if (rows.length === 0) return ''
  const side = sideMetrics(sweep.document).map(({ name }) => name)
  const names = varyingNames(sweep.document.space)
  const hasFront = sweep.objectives !== undefined
  const header = [
    'rank',
    ...(hasFront ? ['front'] : []),
    'trial',
    objective?.name ?? 'value',
    ...side,
    'state',
    'config',
  ]
  return section(
    'Leaderboard',
    markdownTable(
      header.map((name) => shortText(name, CELL)),
      rows.map((row) => [
        row.rank ?? '–',
        ...(hasFront ? [row.front ? '★' : ''] : []),
        row.number,
        shortNumber(row.value),
        ...side.map((name) => shortNumber(row.values?.[name])),
        row.state,
        shortText(configText(row.config, names), CELL),
      ]),
    ),
    rows.length < trials.length && `The best ${rows.length} of ${trials.length} trials.`,
  )
}

function configBoard(rows: readonly ConfigRow[], { document, metric }: SweepReport['sweep']): string {
  const names = varyingNames(document.space)
  return section(
    'Leaderboard',
    markdownTable(
      ['rank', `mean ${metric?.name ?? 'value'}`, '95 % interval', 'deviation', 'runs', 'trials', 'config'],
      rows.map((row) => [
        row.rank ?? '–',
        shortNumber(row.mean),
        intervalText(row),
        shortNumber(row.deviation),
        row.runs,
        row.trials.join(', '),
        shortText(configText(row.config, names), CELL),
      ]),
    ),
    `Means over the ${document.replicates?.seeds ?? 1} seeds of each config, with intervals by Student's t.`,
  )
}

function progress({ objective, progress: steps, curves }: SweepReport): string {
  if (objective === undefined || steps.length === 0) return ''
  const improved = steps.filter((step, index) => index === 0 || step.best !== steps[index - 1]?.best)
  const bestCurves = curves.filter(({ group, steps: reported }) => group === 'best' && reported.length > 0)
  return section(
    'Progress',
    `Best ${plainMarkdown(objective.name)} so far: ${sparkline(
      steps.map((step) => step.best),
      SPARK,
    )}`,
    markdownTable(
      ['trial', objective.name],
      improved.slice(-MOST_CURVES).map((step) => [step.trial, shortNumber(step.best)]),
    ),
    bestCurves.length > 0 && 'Learning curves of the best:',
    bestCurves.length > 0 &&
      markdownTable(
        ['trial', 'curve', 'first', 'last', 'steps'],
        bestCurves
          .slice(0, MOST_CURVES)
          .map((curve) => [
            curve.trial,
            sparkline(curve.values, SPARK),
            shortNumber(curve.values[0]),
            shortNumber(curve.values.at(-1)),
            curve.steps.length,
          ]),
      ),
  )
}

function importance({ importance: found, objective }: SweepReport): string {
  if (found === undefined || objective === undefined || found.trials === 0) return ''
  const most = Math.max(...found.parameters.map((one) => one.importance), 1e-12)
  return section(
    'What matters',
    plainMarkdown(importanceSummary(found, objective)),
    ...doubtTexts(found).map((doubt) => `> ${plainMarkdown(doubt)}`),
    markdownTable(
      ['parameter', 'importance', '', '90 % interval'],
      found.parameters.map((one) => [
        shortText(one.name, CELL),
        percentText(one.importance),
        '█'.repeat(Math.round((20 * one.importance) / most)),
        `${percentText(one.low)} to ${percentText(one.high)}`,
      ]),
    ),
    ...pairTexts(found).map((pair) => plainMarkdown(pair)),
  )
}

function effects({ objective, effects: found, importance }: SweepReport): string {
  if (objective === undefined || found.length === 0) return ''
  return section(
    'Effects',
    importance !== undefined && `Of ${comparedText(importance)}.`,
    ...found.flatMap(({ parameter, slice, dependence }) => [
      `### ${plainMarkdown(shortText(parameter.name, CELL))}`,
      markdownTable(
        ['from', 'to', 'trials', `median ${objective.name}`, 'quartiles'],
        slice.bins
          .slice(0, MOST_BINS)
          .map((bin) => [
            shortText(valueText(bin.from), CELL),
            shortText(valueText(bin.to), CELL),
            bin.count,
            shortNumber(bin.median),
            `${shortNumber(bin.lowerQuartile)} to ${shortNumber(bin.upperQuartile)}`,
          ]),
      ),
      slice.bins.length > MOST_BINS && `The first ${MOST_BINS} of ${slice.bins.length} values.`,
      dependence !== undefined &&
        `Partial dependence: ${sparkline(
          dependence.points.map(({ value }) => value),
          SPARK,
        )} (${shortNumber(dependence.points[0]?.value)} to ${shortNumber(dependence.points.at(-1)?.value)})`,
    ]),
  )
}

function failures({ spending }: SweepReport): string {
  const found = failuresOf(spending)
  if (found.length === 0) return ''
  return section(
    'Failures',
    markdownTable(
      ['cause', 'means', 'attempts', 'trials', 'one of them said'],
      found.map(({ cause, attempts, trials, message }) => [
        cause,
        CAUSE_POLICY[cause].says,
        attempts,
        trials.join(', '),
        shortText(message, CELL),
      ]),
    ),
  )
}

function cost({ spending, cost: price }: SweepReport): string {
  if (spending.length === 0) return ''
  const costs = costsOf(spending)
  return section(
    'Cost',
    costLines(costs, price).join(' '),
    markdownTable(
      ['trials that', 'attempts', 'trial time', 'GPU time'],
      costs.byState.map((one) => [one.state, one.attempts, hoursText(one.seconds), hoursText(one.gpuSeconds)]),
    ),
  )
}

function settings({ sweep }: SweepReport): string {
  return section(
    'Settings',
    markdownTable(['', ''], settingsRows(sweep)),
    markdownTable(
      ['parameter', 'values'],
      sweep.document.space.parameters.map((one) => [shortText(one.name, CELL), shortText(parameterText(one), CELL)]),
    ),
  )
}

function reproduce({ sweep, best: found, bestRun }: SweepReport): string {
  const seed = bestRun === undefined ? '' : `SWEEP_SEED=${bestRun.seed} `
  const environment = bestRun === undefined ? [] : environmentRows(bestRun.environment)
  return section(
    'How to reproduce',
    plainMarkdown(codeText(sweep)),
    found !== undefined && codeBlock(`${seed}${found.command}`, 'sh'),
    bestRun !== undefined &&
      `Or with its code, and how far it is from the record: \`sweep trial repro ${sweep.id}/${bestRun.trial}\``,
    environment.length > 0 && markdownTable(['', ''], environment),
    'The sweep file:',
    codeBlock(publicSource(sweep.source), 'yaml'),
  )
}
