import { html, type Markup, type Part, shortText } from '../markup.ts'
import type { Scale } from './scale.ts'

/** Of a chart, in its own units; the page draws it as wide as there is room. */
const WIDTH = 440
const HEIGHT = 270
const MARGIN = { left: 62, right: 14, top: 12, bottom: 46 }
/** Characters of a name beside an axis. */
const LABEL = 44
const TICK = 9

export interface Area {
  readonly width: number
  readonly height: number
  /** Coordinates of a share of the axis, from 0 to 1. */
  x(share: number): number
  y(share: number): number
}

export interface Plot {
  /** Unique within the page. */
  readonly id: string
  readonly title: string
  /** What the chart shows, for those who can't see it; a sentence with the main figures. */
  readonly description: string
  readonly x: Scale
  readonly y: Scale
  readonly marks: (area: Area) => Part
}

/** A chart with its axes as SVG; the title stands above it as text of the page. */
export function plot({ id, title, description, x, y, marks }: Plot): Markup {
  const area: Area = {
    width: WIDTH - MARGIN.left - MARGIN.right,
    height: HEIGHT - MARGIN.top - MARGIN.bottom,
    x: (share) => pixel(MARGIN.left + share * (WIDTH - MARGIN.left - MARGIN.right)),
    y: (share) => pixel(HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom)),
  }
  const [left, right, top, bottom] = [area.x(0), area.x(1), area.y(1), area.y(0)]
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${shortText(title, 120)}</title><desc id="${id}-d">${description}</desc>
${y.ticks.map((tick) => html`<path class="grid" d="M${left} ${area.y(tick.at)}H${right}"/><text class="tick" x="${left - 6}" y="${area.y(tick.at) + 4}" text-anchor="end">${shortText(tick.label, TICK)}</text>`)}
${tickRows(x).map(([tick, row]) => html`<path class="grid" d="M${area.x(tick.at)} ${bottom}v4"/><text class="tick" x="${area.x(tick.at)}" y="${bottom + 15 + 11 * row}" text-anchor="middle">${shortText(tick.label, TICK)}</text>`)}
<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>
<text class="label" x="${(left + right) / 2}" y="${HEIGHT - 4}" text-anchor="middle">${shortText(x.label, LABEL)}</text>
<text class="label" transform="translate(13 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${shortText(y.label, LABEL - 14)}</text>
${marks(area)}</svg>`
}

/** Names of choices may be too long to stand beside each other, so every other one stands lower. */
function tickRows(scale: Scale): [Scale['ticks'][number], number][] {
  const longest = Math.max(0, ...scale.ticks.map(({ label }) => label.length))
  const isTight = scale.ticks.length * Math.min(longest, TICK) * 7 > WIDTH - MARGIN.left - MARGIN.right
  return scale.ticks.map((tick, index) => [tick, isTight ? index % 2 : 0])
}

/** Two decimals are finer than any screen, and keep a page with thousands of marks small. */
export function pixel(value: number): number {
  return Math.round(value * 10) / 10
}

/** A line through points; a gap where there is none. */
export function linePath(points: readonly (readonly [x: number, y: number] | undefined)[]): string {
  let path = ''
  let isDown = false
  for (const point of points) {
    path += point === undefined ? '' : `${isDown ? 'L' : 'M'}${point[0]} ${point[1]}`
    isDown = point !== undefined
  }
  return path
}

/** The area between two lines that run beside each other. */
export function bandPath(
  upper: readonly (readonly [x: number, y: number])[],
  lower: readonly (readonly [x: number, y: number])[],
): string {
  return upper.length === 0 ? '' : `${linePath([...upper, ...lower.toReversed()])}Z`
}

/** A line that stays level until the next point. */
export function stepPath(points: readonly (readonly [x: number, y: number])[], end: number): string {
  return points.length === 0
    ? ''
    : `${points.map(([x, y], index) => (index === 0 ? `M${x} ${y}` : `H${x}V${y}`)).join('')}H${end}`
}

/** At most `most`, evenly over their order, the first and the last among them. */
export function thinned<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items
  return Array.from({ length: most }, (_, index) => items[Math.round((index * (items.length - 1)) / (most - 1))]!)
}
