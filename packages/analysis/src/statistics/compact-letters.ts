/**
 * Letters for groups: two groups share a letter exactly when they do not differ. Piepho 2004, "An algorithm for a
 * letter-based representation of all-pairwise comparisons", Journal of Computational and Graphical Statistics 13(2): all
 * begin with one letter; every pair that differs splits the letters that both have; letters within others are dropped.
 *
 * @param count of groups, in the order in which letters are to be given
 * @param differ whether two groups do
 * @returns by group: its letters, such as `ab`; after `z` come `aa`, `ab`, … in brackets
 */
export function compactLetters(count: number, differ: (first: number, second: number) => boolean): string[] {
  let columns: ReadonlySet<number>[] = [new Set(Array.from({ length: count }, (_, group) => group))]
  for (let first = 0; first < count; first += 1) {
    for (let second = first + 1; second < count; second += 1) {
      if (!differ(first, second)) continue
      columns = withoutContained(
        columns.flatMap((column) =>
          column.has(first) && column.has(second) ? [without(column, first), without(column, second)] : [column],
        ),
      )
    }
  }
  const sorted = columns.toSorted((a, b) => before([...a], [...b]))
  return Array.from({ length: count }, (_, group) =>
    sorted.flatMap((column, place) => (column.has(group) ? letter(place) : [])).join(''),
  )
}

function without(column: ReadonlySet<number>, group: number): ReadonlySet<number> {
  return new Set([...column].filter((one) => one !== group))
}

/** Of equal ones the first stays. */
function withoutContained(columns: readonly ReadonlySet<number>[]): ReadonlySet<number>[] {
  return columns.filter(
    (column, index) =>
      !columns.some(
        (other, place) =>
          place !== index &&
          [...column].every((group) => other.has(group)) &&
          (other.size > column.size || place < index),
      ),
  )
}

/** By the first group that only one of them has, so that the first group has the first letter. */
function before(a: readonly number[], b: readonly number[]): number {
  for (const [index, group] of a.entries()) {
    const other = b[index] ?? Number.POSITIVE_INFINITY
    if (group !== other) return group - other
  }
  return a.length - b.length
}

function letter(place: number): string {
  const name = String.fromCharCode(97 + (place % 26))
  return place < 26 ? name : `(${letter(Math.floor(place / 26) - 1)}${name})`
}
