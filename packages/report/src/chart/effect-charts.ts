import type { Contour, PartialDependence } from '@sweep/analysis/effects/dependence'
import type { Slice } from '@sweep/analysis/effects/slice'
import type { Parameter } from '@sweep/spec/search-space'
import { html, type Markup } from '../markup.ts'
import { shortNumber, valueText } from '../numbers.ts'
import { heatColor } from './heat-color.ts'
import { bandPath, linePath, pixel, plot, thinned } from './plot.ts'
import { extent, objectiveScale, parameterScale, type Scale } from './scale.ts'

export interface Objective {
  readonly name: string
  readonly goal: 'minimize' | 'maximize'
}

export interface EffectChart {
  readonly chart: Markup
  /** What of the data is not drawn, in a sentence; undefined where all is. */
  readonly note: string | undefined
}

/** Trials drawn in one chart. */
const MOST_POINTS = 350
/** Of these the best are always there. */
const BEST_POINTS = 50

/** Trials against one parameter, with the quartiles and the median of equal shares of them, and what the model says. */
export function sliceChart(
  id: string,
  objective: Objective,
  parameter: Parameter,
  { points, bins }: Slice,
  dependence: PartialDependence | undefined,
): EffectChart {
  const x = parameterScale(
    parameter,
    points.map((point) => point.x),
  )
  const { scale: y, beyond } = objectiveScale(
    objective,
    points.map(({ value }) => value),
  )
  const shown = bestAndSome(points, objective.goal)
  const best = bins.reduce<Slice['bins'][number] | undefined>(
    (found, bin) => (found === undefined || isBetter(bin.median, found.median, objective.goal) ? bin : found),
    undefined,
  )
  const chart = plot({
    id,
    title: `${objective.name} against ${parameter.name}`,
    description:
      best === undefined
        ? 'No trials.'
        : `${points.length} trials. The best median, ${shortNumber(best.median)}, is that of ${best.count} trials from ${valueText(best.from)} to ${valueText(best.to)}.`,
    x,
    y,
    marks: (area) => {
      const at = (value: Slice['points'][number]['x'], height: number): [number, number] | undefined => {
        const [across, up] = [x.place(value), y.place(height)]
        return across === undefined || up === undefined ? undefined : [area.x(across), area.y(up)]
      }
      const boxes = bins.map((bin) => {
        const [from, to] = edges(x, bin)
        const [low, high, middle] = [bin.lowerQuartile, bin.upperQuartile, bin.median].map((v) =>
          area.y(y.place(v) ?? 0),
        )
        const [left, right] = [area.x(from), area.x(to)]
        return html`<g><rect class="quartiles" x="${left}" y="${high}" width="${pixel(Math.max(2, right - left))}" height="${pixel(Math.max(0.5, low! - high!))}"/><path class="median" d="M${left} ${middle}H${pixel(Math.max(left + 2, right))}"/><title>${valueText(bin.from)} to ${valueText(bin.to)}: median ${shortNumber(bin.median)}, quartiles ${shortNumber(bin.lowerQuartile)} and ${shortNumber(bin.upperQuartile)}, ${bin.count} trials</title></g>`
      })
      const dots = shown.flatMap((point) => {
        const place = at(point.x, point.value)
        if (place === undefined) return []
        return html`<circle class="dot" cx="${place[0]}" cy="${place[1]}" r="2.4"><title>trial ${point.trial}: ${valueText(point.x)} → ${shortNumber(point.value)}</title></circle>`
      })
      return [boxes, dots, dependence && dependenceMarks(dependence, x, at)]
    },
  })
  const notes = [
    shown.length < points.length
      ? `${shown.length} of ${points.length} trials are drawn, the best ${BEST_POINTS} among them`
      : '',
    beyond > 0 ? `${beyond} far-off values are drawn at the edge` : '',
  ].filter((note) => note !== '')
  return { chart, note: notes.length === 0 ? undefined : `${notes.join('; ')}.` }
}

function dependenceMarks(
  { points }: PartialDependence,
  x: Scale,
  at: (value: Slice['points'][number]['x'], height: number) => [number, number] | undefined,
) {
  if (x.band > 0) {
    return points.flatMap((point) => {
      const [low, high, middle] = [at(point.x, point.low), at(point.x, point.high), at(point.x, point.value)]
      if (low === undefined || high === undefined || middle === undefined) return []
      return html`<g class="model"><path d="M${middle[0]} ${low[1]}V${high[1]}"/><rect x="${middle[0] - 3.5}" y="${middle[1] - 3.5}" width="7" height="7"/><title>model: ${valueText(point.x)} → ${shortNumber(point.value)}, 90 % interval ${shortNumber(point.low)} to ${shortNumber(point.high)}</title></g>`
    })
  }
  const lines = (['low', 'value', 'high'] as const).map((part) =>
    points.flatMap((point) => {
      const place = at(point.x, point[part])
      return place === undefined ? [] : [place]
    }),
  )
  return html`<path class="model-band" d="${bandPath(lines[2]!, lines[0]!)}"/><path class="model-line" d="${linePath(lines[1]!)}"/>`
}

/** Of a choice the whole place of its value, but for a gap. */
function edges(x: Scale, bin: Slice['bins'][number]): [number, number] {
  const [from, to] = [x.place(bin.from) ?? 0, x.place(bin.to) ?? 0]
  return x.band > 0 ? [from - 0.36 * x.band, to + 0.36 * x.band] : [from, to]
}

function bestAndSome(points: Slice['points'], goal: Objective['goal']): readonly Slice['points'][number][] {
  if (points.length <= MOST_POINTS) return points
  const ordered = points.toSorted(
    (a, b) => (goal === 'minimize' ? a.value - b.value : b.value - a.value) || a.trial - b.trial,
  )
  return [...thinned(ordered.slice(BEST_POINTS), MOST_POINTS - BEST_POINTS), ...ordered.slice(0, BEST_POINTS)]
}

function isBetter(value: number, other: number, goal: Objective['goal']): boolean {
  return goal === 'minimize' ? value < other : value > other
}

/** What the model says of two parameters at once, as colours. */
export function contourChart(
  id: string,
  objective: Objective,
  [across, down]: readonly [Parameter, Parameter],
  { xs, ys, cells }: Contour,
  best: readonly [x: Contour['xs'][number], y: Contour['ys'][number]] | undefined,
): Markup {
  const [x, y] = [parameterScale(across, xs), parameterScale(down, ys)]
  const values = cells.flat().map(({ value }) => value)
  const [low, high] = extent(values) ?? [0, 1]
  const goodness = (value: number) => {
    const share = high > low ? (value - low) / (high - low) : 0.5
    return objective.goal === 'minimize' ? 1 - share : share
  }
  const [columns, rows] = [spans(x, xs), spans(y, ys)]
  const bestCell = values.reduce(
    (found, value, index) => (goodness(value) > goodness(values[found]!) ? index : found),
    0,
  )
  const [bestX, bestY] = [xs[bestCell % Math.max(1, xs.length)], ys[Math.floor(bestCell / Math.max(1, xs.length))]]
  return plot({
    id,
    title: `${objective.name} by ${across.name} and ${down.name}`,
    description: `Partial dependence from ${shortNumber(low)} to ${shortNumber(high)}; best near ${across.name} ${valueText(bestX)} and ${down.name} ${valueText(bestY)}.`,
    x,
    y,
    marks: (area) => {
      const tiles = cells.flatMap((row, j) =>
        row.map((cell, i) => {
          const [[left, right], [bottom, top]] = [columns[i]!, rows[j]!]
          const [width, height] = [(right - left) * area.width, (top - bottom) * area.height]
          // Half a unit more, or the page shows through between them.
          return html`<rect class="cell" x="${area.x(left)}" y="${area.y(top)}" width="${pixel(width + 0.5)}" height="${pixel(height + 0.5)}" fill="${heatColor(goodness(cell.value))}"><title>${valueText(xs[i])}, ${valueText(ys[j])}: ${shortNumber(cell.value)}, 90 % interval ${shortNumber(cell.low)} to ${shortNumber(cell.high)}</title></rect>`
        }),
      )
      const [bx, by] = best === undefined ? [undefined, undefined] : [x.place(best[0]), y.place(best[1])]
      const mark =
        bx === undefined || by === undefined
          ? undefined
          : html`<circle class="best-mark" cx="${area.x(bx)}" cy="${area.y(by)}" r="6"><title>the best trial</title></circle>`
      return [tiles, mark]
    },
  })
}

/** The stretch of the axis that each value stands for: up to half way to its neighbours. */
function spans(scale: Scale, values: Contour['xs']): [number, number][] {
  const places = values.map((value) => scale.place(value) ?? 0)
  if (scale.band > 0) return places.map((place) => [place - scale.band / 2, place + scale.band / 2])
  return places.map((place, index) => [
    index === 0 ? 0 : (places[index - 1]! + place) / 2,
    index === places.length - 1 ? 1 : (place + places[index + 1]!) / 2,
  ])
}
