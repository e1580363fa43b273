/**
 * The candidate a misspelt word most likely meant, or null when none is near: at most one edit up to five letters, two
 * up to nine, three beyond. Case, `-` and `_` don't count; a tie goes to the earlier candidate.
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  // Long words are cut so that a hostile one can't cost quadratic time.
  const wanted = fold(word.slice(0, 100))
  let best: string | null = null
  let bestDistance = (wanted.length <= 5 ? 1 : wanted.length <= 9 ? 2 : 3) + 1
  for (const candidate of candidates) {
    if (candidate === word) continue
    const other = fold(candidate.slice(0, 100))
    // Replacing every letter is no resemblance.
    const limit = Math.min(bestDistance, Math.max(wanted.length, other.length))
    const distance = editDistance(wanted, other, limit)
    if (distance < limit) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `Did you mean "lr"?`, or undefined when nothing is near. */
export function didYouMeanHint(word: string, candidates: Iterable<string>): string | undefined {
  const found = didYouMean(word, candidates)
  return found === null ? undefined : `Did you mean "${found}"?`
}

/**
 * Edits that turn `a` into `b`: insert, delete, replace, or swap two neighbours (the optimal string alignment distance).
 * Answers `limit` as soon as it can't be less.
 */
export function editDistance(a: string, b: string, limit: number = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    if (Math.min(...row) >= limit) return limit
    beforeLast = last
    last = row
  }
  return Math.min(last[b.length] ?? 0, limit)
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll('-', '_')
}
