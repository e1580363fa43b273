import { ranks } from '../search/statistics.ts'

/** Spearman's: the correlation of the ranks. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const middle = (a.length + 1) / 2
  const [x, y] = [ranks(a), ranks(b)]
  const together = (p: readonly number[], q: readonly number[]) =>
    p.reduce((sum, rank, index) => sum + (rank - middle) * (q[index]! - middle), 0)
  return together(x, y) / Math.sqrt(together(x, x) * together(y, y))
}
