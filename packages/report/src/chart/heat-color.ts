/** Viridis (van der Walt and Smith 2015) at nine places: even in lightness, so also for colour-blind readers and in grey. */
const STOPS = ['#440154', '#472d7b', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#fde725']

/** @param share from 0 to 1, the brightest */
export function heatColor(share: number): string {
  const at = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * (STOPS.length - 1)
  const below = Math.min(STOPS.length - 2, Math.floor(at))
  const mixed = [1, 3, 5].map((start) => {
    const [from, to] = [below, below + 1].map((index) => Number.parseInt(STOPS[index]!.slice(start, start + 2), 16))
    return Math.round(from! + (at - below) * (to! - from!))
      .toString(16)
      .padStart(2, '0')
  })
  return `#${mixed.join('')}`
}
