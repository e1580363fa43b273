import { CAUSE_POLICY } from '@sweep/spec/attempt'
import { barChart, timelineChart } from '../chart/progress-charts.ts'
import { costLines, costsOf, failuresOf } from '../costs.ts'
import { html, shortText } from '../markup.ts'
import { hoursText } from '../numbers.ts'
import type { SweepReport } from '../sweep-report.ts'
import type { Section } from './page.ts'
import { table } from './table.ts'

const MOST_TRIALS = 8
const MESSAGE = 300

export function failureSection({ spending, sweep }: SweepReport): Section | undefined {
  const failures = failuresOf(spending)
  if (failures.length === 0) return undefined
  return {
    id: 'failures',
    title: 'Failures',
    body: html`<div class="charts"><figure><h3>Attempts that failed, by cause</h3>${barChart(
      'failed',
      'Failed attempts by cause',
      `${failures[0]?.attempts} attempts ended as ${failures[0]?.cause}.`,
      failures.map(({ cause, attempts }) => ({ name: cause, value: attempts, text: String(attempts), type: 'failed' })),
    )}</figure></div>
${table(
  [
    { name: 'cause', cell: ({ cause }) => cause },
    { name: 'means', cell: ({ cause }) => CAUSE_POLICY[cause].says, kind: 'text' },
    { name: 'attempts', cell: ({ attempts }) => attempts, kind: 'number' },
    {
      name: 'trials',
      cell: ({ trials }) => trials.slice(0, MOST_TRIALS).join(', ') + (trials.length > MOST_TRIALS ? ', …' : ''),
      kind: 'text',
    },
    { name: 'one of them said', cell: ({ message }) => shortText(message, MESSAGE), kind: 'text' },
  ],
  failures,
)}
<p class="note"><code>sweep why ${sweep.id}/NUMBER</code> tells what happened to one of them.</p>`,
  }
}

export function costSection({ spending, cost: price }: SweepReport): Section | undefined {
  if (spending.length === 0) return undefined
  const costs = costsOf(spending)
  const usesGpus = costs.total.gpuSeconds > 0
  const amount = ({ seconds, gpuSeconds }: { seconds: number; gpuSeconds: number }) => (usesGpus ? gpuSeconds : seconds)
  return {
    id: 'cost',
    title: 'Cost',
    body: html`${costLines(costs, price).map((line) => html`<p>${line}</p>`)}
<div class="charts"><figure><h3>${usesGpus ? 'GPU time' : 'Trial time'} by what became of the trial</h3>${barChart(
      'spent',
      'Cost by state',
      costLines(costs)[0] ?? '',
      costs.byState.map((cost) => ({
        name: cost.state,
        value: amount(cost),
        text: hoursText(amount(cost)),
        type: cost.state,
      })),
    )}</figure></div>`,
  }
}

export function timelineSection({ timeline }: SweepReport): Section | undefined {
  if (timeline.bars.length === 0) return undefined
  const { chart, note } = timelineChart('when', timeline)
  const states = [...new Set(timeline.bars.map(({ state }) => state))].sort()
  return {
    id: 'timeline',
    title: 'Timeline',
    body: html`<figure><h3>At most ${timeline.lanes} trials ran at once</h3>${chart}<figcaption>${note ?? states.map((state) => html`<span class="key ${state}"></span>${state}`)}</figcaption></figure>`,
  }
}
