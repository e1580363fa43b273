/**
 * A trial's curve in at most `MOST_POINTS` points, however many reports it had, as a value: `withReport` gives the next
 * sketch and this one still stands. When they are full, neighbours are merged in pairs, so a point is the mean of equally
 * many reports as the others, save the last.
 *
 * A newer attempt's first report says where it took up: points that older attempts reached from that step on are dropped.
 */
export interface CurveSketch {
  /** The attempt that reported last. */
  readonly attempt: number
  readonly points: readonly SketchPoint[]
  /** How many reports a full point has. */
  readonly perPoint: number
  /** How many reports there were, finite or not. */
  readonly count: number
  /** The first finite loss. */
  readonly first: number
  /** Of the last report, finite or not. */
  readonly step: number
  readonly last: number
}

/** Of finite reports that followed each other. */
interface SketchPoint {
  readonly reports: number
  /** Sums over them. */
  readonly resource: number
  readonly loss: number
  /** The lowest. */
  readonly best: number
  /** Of the last of them: its step, and how many reports there were with it, finite or not. */
  readonly step: number
  readonly count: number
}

export const MOST_POINTS = 32

const worst = Number.POSITIVE_INFINITY
export const emptySketch: CurveSketch = {
  attempt: 0,
  points: [],
  perPoint: 1,
  count: 0,
  first: worst,
  step: 0,
  last: worst,
}

/**
 * Adds one report. One of an attempt older than the newest is not to be told here.
 *
 * @param loss not finite: it only counts
 */
export function withReport(
  sketch: CurveSketch,
  attempt: number,
  step: number,
  loss: number,
  counted: 'step' | 'reports',
): CurveSketch {
  const kept = attempt === sketch.attempt ? sketch : cutBack(sketch, step)
  const count = kept.count + 1
  if (!Number.isFinite(loss)) return { ...kept, attempt, count, step, last: loss }
  const resource = counted === 'step' ? step : count
  const first = kept.points.length === 0 ? loss : kept.first
  const next = withPoint(kept, { reports: 1, resource, loss, best: loss, step, count })
  return { ...next, attempt, count, first, step, last: loss }
}

function withPoint(sketch: CurveSketch, point: SketchPoint): CurveSketch {
  const { points, perPoint } = sketch
  const last = points.at(-1)
  if (last !== undefined && last.reports < perPoint) {
    return { ...sketch, points: [...points.slice(0, -1), merged(last, point)] }
  }
  if (points.length < MOST_POINTS) return { ...sketch, points: [...points, point] }
  const pairs = Array.from({ length: MOST_POINTS / 2 }, (_, i) => merged(points[2 * i]!, points[2 * i + 1]!))
  return { ...sketch, points: [...pairs, point], perPoint: 2 * perPoint }
}

function merged(first: SketchPoint, second: SketchPoint): SketchPoint {
  return {
    reports: first.reports + second.reports,
    resource: first.resource + second.resource,
    loss: first.loss + second.loss,
    best: Math.min(first.best, second.best),
    step: second.step,
    count: second.count,
  }
}

/** What stands when a newer attempt takes up at a step. */
function cutBack(sketch: CurveSketch, step: number): CurveSketch {
  const from = sketch.points.findIndex((point) => point.step >= step)
  const points = from < 0 ? sketch.points : sketch.points.slice(0, from)
  return { ...sketch, points, count: points.at(-1)?.count ?? 0 }
}

/** Lowest loss; Infinity of none. */
export function bestOf({ points }: CurveSketch): number {
  return points.reduce((best, point) => Math.min(best, point.best), Number.POSITIVE_INFINITY)
}
