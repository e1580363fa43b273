import { sideMetrics } from '@sweep/spec/objectives'
import { shellCommand } from '@sweep/spec/shell-words'
import type { LeaderboardRow } from '@sweep/spec/wire/api'
import type { ConfigRow } from '@sweep/spec/wire/confirmation'
import { environmentRows } from '../environment-rows.ts'
import { html, shortText } from '../markup.ts'
import { configText, intervalText, shortNumber, valueText, varyingNames } from '../numbers.ts'
import { codeText, parameterText, publicSource, settingsRows } from '../settings-rows.ts'
import type { SweepReport } from '../sweep-report.ts'
import type { Section } from './page.ts'
import { pairs, type TableColumn, table } from './table.ts'

/** Characters of a name or of a value within a table. */
export const NAME = 60
const VALUE = 200
/** Parameters that have a column each on the leaderboard. */
const MOST_COLUMNS = 8

export function bestSection({ sweep, best }: SweepReport): Section | undefined {
  if (best === undefined) return undefined
  const { space } = sweep.document
  const rows = space.parameters
    .filter(({ name }) => Object.hasOwn(best.config, name))
    .map((parameter) => ({ parameter, value: best.config[parameter.name] }))
  return {
    id: 'best',
    title: 'Best config',
    body: html`<p>${best.text}. ${sweep.objectives === undefined ? '' : 'It is the best by the first objective; the leaderboard marks the whole Pareto front. '}Run in ${sweep.workdir}:</p>
<pre>${best.command}</pre>
${table(
  [
    { name: 'parameter', cell: ({ parameter }) => shortText(parameter.name, NAME), kind: 'text' },
    { name: 'value', cell: ({ value: one }) => shortText(valueText(one), VALUE), kind: 'text' },
    { name: 'out of', cell: ({ parameter }) => shortText(parameterText(parameter), VALUE), kind: 'text' },
  ],
  rows,
)}`,
  }
}

export function leaderboardSection(report: SweepReport): Section | undefined {
  const { sweep, leaderboard, trials, objective, configs } = report
  if (configs !== undefined && configs.length > 0) return configSection(report, configs)
  if (leaderboard.length === 0) return undefined
  const { document } = sweep
  const side = sideMetrics(document).map(({ name }) => name)
  const names = varyingNames(document.space)
  const config: TableColumn<LeaderboardRow>[] =
    names.length <= MOST_COLUMNS
      ? names.map((name) => ({
          name: shortText(name, NAME / 2),
          cell: (row) => shortText(valueText(row.config[name]), NAME),
          kind: document.space.parameters.some((one) => one.name === name && one.type !== 'choice') ? 'number' : 'text',
        }))
      : [{ name: 'config', cell: (row) => shortText(configText(row.config, names), 400), kind: 'text' }]
  return {
    id: 'leaderboard',
    title: 'Leaderboard',
    body: [
      table<LeaderboardRow>(
        [
          { name: 'rank', cell: (row) => row.rank ?? '–', kind: 'number' },
          ...(sweep.objectives === undefined
            ? []
            : [{ name: 'front', cell: (row: LeaderboardRow) => (row.front ? '★' : '') }]),
          { name: 'trial', cell: (row) => row.number, kind: 'number' },
          { name: objective?.name ?? 'value', cell: (row) => shortNumber(row.value), kind: 'number' },
          ...side.map(
            (name): TableColumn<LeaderboardRow> => ({
              name: shortText(name, NAME / 2),
              cell: (row) => shortNumber(row.values?.[name]),
              kind: 'number',
            }),
          ),
          ...(document.constraints === undefined
            ? []
            : [{ name: 'feasible', cell: (row: LeaderboardRow) => (row.feasible ? 'yes' : 'no') }]),
          { name: 'state', cell: (row) => row.state },
          { name: 'step', cell: (row) => row.lastStep ?? '–', kind: 'number' },
          ...config,
        ],
        leaderboard,
        (row) => row.rank === 1,
      ),
      leaderboard.length < trials.length &&
        html`<p class="note">The best ${leaderboard.length} of ${trials.length} trials; <code>sweep leaderboard ${sweep.id} --all</code> lists them all.</p>`,
    ],
  }
}

/** Where each config has several seeds, single trials say little. */
function configSection({ sweep, objective }: SweepReport, rows: readonly ConfigRow[]): Section {
  const names = varyingNames(sweep.document.space)
  return {
    id: 'leaderboard',
    title: 'Leaderboard',
    body: [
      table<ConfigRow>(
        [
          { name: 'rank', cell: (row) => row.rank ?? '–', kind: 'number' },
          { name: `mean ${objective?.name ?? 'value'}`, cell: (row) => shortNumber(row.mean), kind: 'number' },
          { name: '95 % interval', cell: intervalText, kind: 'number' },
          { name: 'deviation', cell: (row) => shortNumber(row.deviation), kind: 'number' },
          { name: 'runs', cell: (row) => row.runs, kind: 'number' },
          { name: 'trials', cell: (row) => row.trials.join(', '), kind: 'text' },
          { name: 'config', cell: (row) => shortText(configText(row.config, names), 400), kind: 'text' },
        ],
        rows,
        (row) => row.rank === 1,
      ),
      html`<p class="note">Means over the ${sweep.document.replicates?.seeds ?? 1} seeds of each config, with intervals by Student's t. Below, a config is one point: its mean.</p>`,
    ],
  }
}

export function settingsSection({ sweep }: SweepReport): Section {
  return {
    id: 'settings',
    title: 'Settings',
    body: html`${pairs(settingsRows(sweep))}
<h3>Search space</h3>
${table(
  [
    { name: 'parameter', cell: (parameter) => shortText(parameter.name, NAME), kind: 'text' },
    { name: 'values', cell: (parameter) => shortText(parameterText(parameter), VALUE), kind: 'text' },
    {
      name: 'only when',
      cell: ({ when }) =>
        when === undefined
          ? ''
          : shortText(
              Object.entries(when)
                .map(([name, values]) => `${name} is ${values.map(valueText).join(' or ')}`)
                .join(', '),
              VALUE,
            ),
      kind: 'text',
    },
  ],
  sweep.document.space.parameters,
)}`,
  }
}

export function reproduceSection(report: SweepReport): Section {
  const { sweep, best, bestRun } = report
  const environment = bestRun === undefined ? [] : environmentRows(bestRun.environment)
  return {
    id: 'reproduce',
    title: 'How to reproduce',
    body: html`<p>${codeText(sweep)}</p>
${
  best !== undefined &&
  html`<p>The best config by hand${bestRun === undefined ? '' : `, with the seed of trial ${bestRun.trial}`}, in ${sweep.workdir}:</p>
<pre>${bestRun === undefined ? '' : `SWEEP_SEED=${bestRun.seed} `}${best.command}</pre>`
}
${bestRun !== undefined && html`<p>Or with its code, and how far it is from the record:</p><pre>sweep trial repro ${sweep.id}/${bestRun.trial}</pre>`}
<p>The whole sweep draws the same configs again from the file below with the seed ${sweep.document.seed}, as far as its method does not depend on the order in which trials end:</p>
<pre>sweep get ${sweep.id} --source > sweep.yaml
${shellCommand(['sweep', 'create', 'sweep.yaml', '--set', `seed=${sweep.document.seed}`, '--workdir', sweep.workdir])}</pre>
${environment.length > 0 && html`<h3>Where trial ${bestRun?.trial} ran</h3>${pairs(environment)}`}
<details><summary>The sweep file</summary><pre>${publicSource(sweep.source)}</pre></details>`,
  }
}
