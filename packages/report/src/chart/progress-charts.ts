import type { Curve } from '@sweep/analysis/effects/learning-curves'
import type { BestSoFar } from '@sweep/analysis/effects/progress'
import type { Timeline } from '@sweep/analysis/effects/timeline'
import { formatDuration } from '@sweep/spec/units'
import { html, type Markup } from '../markup.ts'
import { shortNumber } from '../numbers.ts'
import type { EffectChart, Objective } from './effect-charts.ts'
import { linePath, pixel, plot, stepPath, thinned } from './plot.ts'
import { extent, linearScale, objectiveScale } from './scale.ts'

const MOST_POINTS = 350
const MOST_BARS = 400
const MOST_STEPS = 120
/** Places at which the number of running trials is looked at where there are too many to be drawn. */
const LOOKS = 240

/** Every compared trial's value by its number, and the best up to it. */
export function bestSoFarChart(id: string, objective: Objective, trials: readonly BestSoFar[]): EffectChart {
  const { scale: y, beyond } = objectiveScale(
    objective,
    trials.map(({ value }) => value),
  )
  const x = linearScale('trial', [trials[0]?.trial ?? 0, trials.at(-1)?.trial ?? 1])
  const shown = thinned(trials, MOST_POINTS)
  const steps = trials.filter((trial, index) => index === 0 || trial.best !== trials[index - 1]?.best)
  const last = steps.at(-1)
  const chart = plot({
    id,
    title: `Best ${objective.name} so far`,
    description:
      last === undefined
        ? 'No trials.'
        : `The best of ${trials.length} trials, ${shortNumber(last.best)}, came with trial ${last.trial}; ${steps.length} trials were each the best when they ended.`,
    x,
    y,
    marks: (area) => {
      const at = (trial: number, value: number): [number, number] => [
        area.x(x.place(trial) ?? 0),
        area.y(y.place(value) ?? 0),
      ]
      const line = steps.map(({ trial, best }) => at(trial, best))
      return [
        shown.map(({ trial, value }) => {
          const [left, top] = at(trial, value)
          return html`<circle class="dot" cx="${left}" cy="${top}" r="2.2"><title>trial ${trial}: ${shortNumber(value)}</title></circle>`
        }),
        html`<path class="best-line" d="${stepPath(line, area.x(1))}"/>`,
        steps.map(({ trial, best }) => {
          const [left, top] = at(trial, best)
          return html`<circle class="best-dot" cx="${left}" cy="${top}" r="3"><title>trial ${trial}: ${shortNumber(best)}, the best so far</title></circle>`
        }),
      ]
    },
  })
  const notes = [
    shown.length < trials.length
      ? `${shown.length} of ${trials.length} trials are drawn as dots; the line is of all`
      : '',
    beyond > 0 ? `${beyond} far-off values are drawn at the edge` : '',
  ].filter((note) => note !== '')
  return { chart, note: notes.length === 0 ? undefined : `${notes.join('; ')}.` }
}

/** Learning curves; those of the group `best` stand out. */
export function curvesChart(id: string, objective: Objective, curves: readonly Curve[]): EffectChart {
  const steps = extent(curves.flatMap((curve) => [...curve.steps])) ?? [0, 1]
  const { scale: y, beyond } = objectiveScale(
    objective,
    curves.flatMap((curve) => [...curve.values]),
  )
  const x = linearScale('step', steps)
  const best = curves.filter(({ group }) => group === 'best')
  const longest = Math.max(0, ...curves.map((curve) => curve.steps.length))
  const chart = plot({
    id,
    title: `Learning curves of ${objective.name}`,
    description: `${curves.length} trials, ${best.length} of them the best ones; steps ${shortNumber(steps[0])} to ${shortNumber(steps[1])}.`,
    x,
    y,
    marks: (area) =>
      curves
        .toSorted((a, b) => Number(a.group === 'best') - Number(b.group === 'best'))
        .map((curve) => {
          const places = [...curve.steps.keys()].map((index): [number, number] | undefined => {
            const [across, up] = [x.place(curve.steps[index]!), y.place(curve.values[index] ?? Number.NaN)]
            return across === undefined || up === undefined ? undefined : [area.x(across), area.y(up)]
          })
          const isSingle = places.length === 1 && places[0] !== undefined
          const title = `trial ${curve.trial}: ${shortNumber(curve.values.at(-1))} at step ${curve.steps.at(-1) ?? '–'}`
          const type = curve.group === 'best' ? 'curve-best' : 'curve'
          return isSingle
            ? html`<circle class="${type}-dot" cx="${places[0]![0]}" cy="${places[0]![1]}" r="2.2"><title>${title}</title></circle>`
            : html`<path class="${type}" d="${linePath(thinned(places, MOST_STEPS))}"><title>${title}</title></path>`
        }),
  })
  const notes = [
    longest > MOST_STEPS ? `at most ${MOST_STEPS} points of a curve are drawn` : '',
    beyond > 0 ? `${beyond} far-off values are drawn at the edge` : '',
  ].filter((note) => note !== '')
  return { chart, note: notes.length === 0 ? undefined : `${notes.join('; ')}.` }
}

/** When each trial ran; of very many how many ran at a time. */
export function timelineChart(id: string, { bars, lanes }: Timeline): EffectChart {
  const start = extent(bars.map(({ startMs }) => startMs))?.[0] ?? 0
  const end = extent(bars.map(({ endMs }) => endMs))?.[1] ?? start + 1
  const unit = timeUnit(end - start)
  const x = linearScale(`time since the first trial started, ${unit.name}`, [
    0,
    Math.max((end - start) / unit.ms, 1e-3),
  ])
  const isMany = bars.length > MOST_BARS
  const y = linearScale(isMany ? 'trials running' : 'lane', [0, Math.max(1, lanes)])
  const at = (ms: number) => x.place((ms - start) / unit.ms) ?? 0
  const title = isMany ? 'Trials running over time' : 'When trials ran'
  const description = `${bars.length} trials ran within ${formatDuration(end - start)}, at most ${lanes} at once.`
  if (isMany) {
    const counts = runningCounts(bars, start, end)
    const chart = plot({
      ...{ id, title, description, x, y },
      marks: (area) => {
        const line = counts.map((count, index): [number, number] => [
          area.x(index / counts.length),
          area.y(y.place(count) ?? 0),
        ])
        return html`<path class="best-line" d="${stepPath(line, area.x(1))}"/>`
      },
    })
    return {
      chart,
      note: `${bars.length} trials are too many for a bar each: the line is how many ran, on average, in each of ${LOOKS} equal stretches of time.`,
    }
  }
  const chart = plot({
    ...{ id, title, description, x, y: { ...y, ticks: y.ticks.filter(({ label }) => !label.includes('.')) } },
    marks: (area) =>
      bars.map((bar) => {
        const [left, right] = [area.x(at(bar.startMs)), area.x(at(bar.endMs))]
        const [top, bottom] = [
          area.y((bar.lane + 0.88) / Math.max(1, lanes)),
          area.y((bar.lane + 0.12) / Math.max(1, lanes)),
        ]
        return html`<rect class="bar ${bar.state}" x="${left}" y="${top}" width="${pixel(Math.max(0.8, right - left - 0.4))}" height="${pixel(bottom - top)}"><title>trial ${bar.trial}, ${bar.state}: ${formatDuration(bar.endMs - bar.startMs)}</title></rect>`
      }),
  })
  return { chart, note: undefined }
}

/** Mean number of trials that ran in each of equally long stretches. */
function runningCounts(bars: Timeline['bars'], start: number, end: number): number[] {
  const length = Math.max(1, end - start) / LOOKS
  const busy = new Float64Array(LOOKS)
  for (const { startMs, endMs } of bars) {
    const [first, last] = [(startMs - start) / length, (endMs - start) / length]
    for (let look = Math.floor(first); look < Math.min(LOOKS, Math.ceil(last)); look += 1) {
      busy[look]! += Math.min(last, look + 1) - Math.max(first, look)
    }
  }
  return [...busy]
}

function timeUnit(ms: number): { readonly name: string; readonly ms: number } {
  if (ms > 72 * 3_600_000) return { name: 'days', ms: 86_400_000 }
  if (ms > 3 * 3_600_000) return { name: 'hours', ms: 3_600_000 }
  return ms > 180_000 ? { name: 'minutes', ms: 60_000 } : { name: 'seconds', ms: 1000 }
}

export interface Bar {
  readonly name: string
  readonly value: number
  readonly text: string
  readonly low?: number
  readonly high?: number
  /** Of a state, for its colour. */
  readonly type?: string
}

/** Horizontal bars from 0, each with its name before it and its value behind it. */
export function barChart(id: string, title: string, description: string, bars: readonly Bar[]): Markup {
  const [width, left, right, row] = [440, 132, 62, 24]
  const most = Math.max(...bars.map(({ value, high }) => Math.max(value, high ?? value)), 1e-12)
  const x = (value: number) => pixel(left + (Math.max(0, value) / most) * (width - left - right))
  return html`<svg viewBox="0 0 ${width} ${bars.length * row + 8}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>
${bars.map(({ name, value, text, low, high, type }, index) => {
  const top = index * row + 4
  const middle = top + row / 2
  const whisker =
    low === undefined || high === undefined
      ? undefined
      : html`<path class="whisker" d="M${x(low)} ${middle}H${x(high)}M${x(low)} ${middle - 4}v8M${x(high)} ${middle - 4}v8"/>`
  return html`<g><text class="tick" x="${left - 8}" y="${middle + 4}" text-anchor="end">${name}</text><rect class="bar ${type ?? 'plain'}" x="${left}" y="${top + 4}" width="${pixel(Math.max(1, x(value) - left))}" height="${row - 8}"/>${whisker}<text class="value" x="${x(Math.max(value, high ?? value)) + 6}" y="${middle + 4}">${text}</text><title>${name}: ${text}${low === undefined || high === undefined ? '' : `, ${shortNumber(low)} to ${shortNumber(high)}`}</title></g>`
})}</svg>`
}
