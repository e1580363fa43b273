import { html, type Markup } from '../markup.ts'
import { shortNumber } from '../numbers.ts'
import type { EffectChart, Objective } from './effect-charts.ts'
import { plot, thinned } from './plot.ts'
import { objectiveScale } from './scale.ts'

/** A trial by two objectives. */
export interface FrontPoint {
  readonly trial: number
  readonly x: number
  readonly y: number
  readonly isOnFront: boolean
}

const MOST_POINTS = 350

/** Trials by two objectives; those that no other one beats stand out. */
export function frontChart(
  id: string,
  [across, up]: readonly [Objective, Objective],
  points: readonly FrontPoint[],
): EffectChart {
  const [x, y] = [
    objectiveScale(
      across,
      points.map((point) => point.x),
    ),
    objectiveScale(
      up,
      points.map((point) => point.y),
    ),
  ]
  const front = points.filter(({ isOnFront }) => isOnFront)
  const others = points.filter(({ isOnFront }) => !isOnFront)
  const shown = thinned(others, Math.max(1, MOST_POINTS - front.length))
  const chart: Markup = plot({
    id,
    title: `${up.name} against ${across.name}`,
    description: `${front.length} of ${points.length} trials are on the Pareto front: no other one is better by one objective and as good by the others.`,
    x: x.scale,
    y: y.scale,
    marks: (area) =>
      [...shown, ...front].map((point) => {
        const [left, top] = [area.x(x.scale.place(point.x) ?? 0), area.y(y.scale.place(point.y) ?? 0)]
        const type = point.isOnFront ? 'best-dot' : 'dot'
        return html`<circle class="${type}" cx="${left}" cy="${top}" r="${point.isOnFront ? 3.4 : 2.4}"><title>trial ${point.trial}: ${across.name} ${shortNumber(point.x)}, ${up.name} ${shortNumber(point.y)}${point.isOnFront ? ', on the front' : ''}</title></circle>`
      }),
  })
  const notes = [
    shown.length < others.length ? `${shown.length} of ${others.length} trials off the front are drawn` : '',
    x.beyond + y.beyond > 0 ? `${x.beyond + y.beyond} far-off values are drawn at the edge` : '',
  ].filter((note) => note !== '')
  return { chart, note: notes.length === 0 ? undefined : `${notes.join('; ')}.` }
}
