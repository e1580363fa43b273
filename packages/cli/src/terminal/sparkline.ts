const BARS = '▁▂▃▄▅▆▇█'

/**
 * The last `width` of `values` as bars; one bar each, several values to a bar when there are more. Higher is taller;
 * values that are not finite are left out.
 */
export function sparkline(values: readonly number[], width: number): string {
  const finite = values.filter(Number.isFinite)
  if (finite.length === 0 || width < 1) return ''
  const points =
    finite.length <= width
      ? finite
      : Array.from({ length: width }, (_, i) => finite[Math.floor(((i + 1) * finite.length) / width) - 1] ?? 0)
  const low = Math.min(...points)
  const span = Math.max(...points) - low
  return points.map((value) => BARS[span > 0 ? Math.round(((value - low) / span) * (BARS.length - 1)) : 0]).join('')
}
