import type { Confirmation } from '@sweep/spec/wire/confirmation'
import { html, shortText } from '../markup.ts'
import { configText, intervalText, shortNumber, varyingNames } from '../numbers.ts'
import type { SweepReport } from '../sweep-report.ts'
import type { Section } from './page.ts'
import { table } from './table.ts'

export function confirmationSection({ confirmations, sweep }: SweepReport): Section | undefined {
  if (confirmations.length === 0) return undefined
  const names = varyingNames(sweep.document.space)
  const part = (one: Confirmation) => html`<p class="verdict">${one.text}</p>
${table(
  [
    { name: 'trial', cell: (row) => row.trial, kind: 'number' },
    { name: 'recorded', cell: (row) => shortNumber(row.recorded), kind: 'number' },
    { name: `mean ${one.metric.name}`, cell: (row) => shortNumber(row.mean), kind: 'number' },
    {
      name: '95 % interval',
      cell: intervalText,
      kind: 'number',
    },
    { name: 'runs', cell: (row) => row.runs, kind: 'number' },
    { name: 'group', cell: (row) => row.group },
    { name: 'config', cell: (row) => shortText(configText(row.config, names), 300), kind: 'text' },
  ],
  one.configs,
)}
<p class="note">Sweep ${one.sweep}: ${one.seeds} fresh seeds each. Configs that share a letter do not differ significantly (paired t-test, Holm, 5 %); intervals are Student's t.</p>
${one.warnings.map((warning) => html`<p class="warning">${warning}</p>`)}`
  return { id: 'confirmation', title: 'Run again', body: confirmations.map(part) }
}
